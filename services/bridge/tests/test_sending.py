"""One request to an endpoint: over TLS to the host that was named, to no address inside, and within its time."""

import asyncio
import ssl
import time
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
import trustme

from servers.webhooks import Receiver, Reply
from tierdesk_bridge.domain.answers import Fate
from tierdesk_bridge.sending.posting import Poster
from tierdesk_runtime.guarded_connections import Resolver

LOCAL = (ip_network("127.0.0.0/8"),)
BODY = b'{"specversion": "1.0"}'
HEADERS = {"webhook-id": "w-1"}


def now():
    return datetime.now(UTC)


def resolving(*answers):
    """A resolver that answers these, one list after the other, and keeps what it was asked."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    resolve.asked = asked
    return resolve


async def post(url, *, private=(), resolve=None, trust=None, total_seconds=10.0):
    poster = Poster(private, resolve or Resolver(), now, trust=trust, total_seconds=total_seconds)
    return await poster.post(url, HEADERS, BODY)


async def test_the_bytes_arrive_as_they_are_with_their_headers():
    with Receiver() as receiver:
        answer = await post(f"{receiver.url}?to=me", private=LOCAL)
    assert (answer.fate, answer.status) == (Fate.DELIVERED, 204)
    (hook,) = receiver.hooks
    assert (hook.path, hook.body, hook.id) == ("/hook?to=me", BODY, "w-1")
    assert hook.headers["content-type"] == "application/cloudevents+json"
    assert hook.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert {"cookie", "authorization", "transfer-encoding"} & hook.headers.keys() == set()


@pytest.mark.parametrize(
    "host",
    ["localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0"],
)
async def test_whatever_a_host_is_called_no_connection_is_made_inside(host):
    with Receiver() as receiver:
        answer = await post(f"https://{host}:{receiver.port}/hook")
    assert answer.fate is Fate.REFUSED
    assert answer.status is None
    assert "is no public address" in answer.detail or "gaierror" in answer.detail, answer
    assert receiver.hooks == []


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], ["1.1.1.1", "127.0.0.1"]],
)
async def test_a_name_that_leads_inside_even_in_part_is_refused(addresses):
    answer = await post("https://vendor.example/hook", resolve=resolving(addresses))
    assert answer.fate is Fate.REFUSED
    assert "vendor.example leads to" in answer.detail


async def test_a_name_without_addresses_is_a_failure():
    assert "has no address" in (await post("https://vendor.example/", resolve=resolving([]))).detail


async def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_judged():
    with Receiver() as receiver:
        resolve = resolving(["127.0.0.1"], ["10.0.0.1"])
        answer = await post(f"http://vendor.example:{receiver.port}/hook", private=LOCAL, resolve=resolve)
    assert answer.fate is Fate.DELIVERED
    assert resolve.asked == ["vendor.example"]
    assert receiver.hooks[0].headers["host"] == f"vendor.example:{receiver.port}"


async def test_plain_http_goes_to_named_networks_alone():
    answer = await post("http://vendor.example/", private=LOCAL, resolve=resolving(["1.1.1.1"]))
    assert "is no public address" in answer.detail


async def test_a_certificate_is_checked_against_the_name_though_the_connection_goes_to_an_address(tmp_path):
    authority, certificate = trustme.CA(), str(tmp_path / "vendor.pem")
    authority.issue_cert("vendor.example").private_key_and_cert_chain_pem.write_to_path(certificate)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    here = resolving(["127.0.0.1"])
    with Receiver(certificate=certificate) as receiver:
        good = await post(f"https://vendor.example:{receiver.port}/", private=LOCAL, resolve=here, trust=trust)
        other = await post(f"https://other.example:{receiver.port}/", private=LOCAL, resolve=here, trust=trust)
        unknown = await post(f"https://vendor.example:{receiver.port}/", private=LOCAL, resolve=here)
    assert good.fate is Fate.DELIVERED, good
    assert "mismatch" in other.detail
    assert "CERTIFICATE_VERIFY_FAILED" in unknown.detail
    assert len(receiver.hooks) == 1


async def test_a_redirection_is_not_followed():
    with Receiver() as inner, Receiver() as receiver:
        receiver.script = lambda _hook: Reply(307, {"Location": inner.url})
        answer = await post(receiver.url, private=LOCAL)
    assert (answer.fate, answer.status) == (Fate.REFUSED, 307)
    assert inner.hooks == []


async def test_an_endpoint_that_hangs_is_left_in_time():
    with Receiver(lambda _hook: Reply(hangs=True)) as receiver:
        began = time.monotonic()
        answer = await post(receiver.url, private=LOCAL, total_seconds=0.5)
        assert time.monotonic() - began < 10
    assert (answer.fate, answer.detail) == (Fate.REFUSED, "no answer within 0.5 s")


async def test_gigabytes_of_an_answer_are_not_read():
    with Receiver(lambda _hook: Reply(200, {"Content-Length": str(10**10)}, chunk=b"x" * 65_536)) as receiver:
        answer = await post(receiver.url, private=LOCAL)
        receiver.wait_for(lambda _hooks: receiver.cut_off, "the connection is closed")
    assert (answer.fate, answer.status) == (Fate.DELIVERED, 200)
    assert receiver.sent_bytes < 100_000_000  # what the system buffers, and what went out before it was closed


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00\xff not HTTP\r\n\r\n",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(500)),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
    ids=["nothing", "no HTTP", "no status", "headers without end", "nothing but beginnings"],
)
async def test_what_is_no_answer_is_a_failure_and_nothing_worse(said):
    async def serve(reader, writer):
        await reader.read(100)
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await post(f"http://127.0.0.1:{port}/", private=LOCAL)
    assert answer.fate is Fate.REFUSED
    assert answer.detail.isprintable()


async def test_nobody_there_is_a_failure():
    with Receiver() as receiver:
        url = receiver.url
    assert (await post(url, private=LOCAL)).fate is Fate.REFUSED


async def test_a_network_that_is_open_no_more_is_a_failure():
    assert "no public address" in (await post("https://127.0.0.1/")).detail
