"""Recordings are fetched from named hosts alone, to addresses that were judged, within bounds; and none is lost."""

import asyncio
import json
import ssl
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, update

from servers.postgres import let_in
from tierdesk_intake.app import DEFINITION
from tierdesk_intake.domain.attachments import Limits
from tierdesk_intake.fetching.hosts import INSIDE, Hosts, read_host
from tierdesk_intake.fetching.recordings import RecordingRefusedError, Recordings
from tierdesk_intake.handlers.recordings import PAUSES, RecordingFetcher
from tierdesk_intake.http.attachments import write_view
from tierdesk_intake.settings import IntakeSettings
from tierdesk_intake.store.attachment_writer import AttachmentWriter
from tierdesk_intake.store.attachments import list_attachments
from tierdesk_intake.store.recordings import add_recording, list_recordings
from tierdesk_intake.store.tables import attachment, recording, ticket
from tierdesk_runtime.addresses import UrlError, is_allowed
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.settings import SettingsError
from tierdesk_store import Database, service_url

WAVE = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(2_000)
LIMIT = 300_000
TRUST = ssl.create_default_context()  # made once: it takes longer than a test


class Voice(BaseHTTPRequestHandler):
    """A telephone system with recordings of every kind."""

    def do_GET(self):
        self.server.asked.append(self.path)
        getattr(self, f"do_{self.path.strip('/').partition('?')[0]}", self.do_missing)()

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_good(self):
        self.reply(200, WAVE, Content_Type="text/html")

    def do_missing(self):
        self.reply(404)

    def do_gone(self):
        self.reply(410)

    def do_away(self):
        self.reply(302, Location="http://169.254.169.254/latest/meta-data")

    def do_page(self):
        self.reply(200, b"<!doctype html><script>alert(1)</script>", Content_Type="audio/wav")

    def do_program(self):
        self.reply(200, b"MZ" + bytes(200), Content_Type="audio/wav")

    def do_empty(self):
        self.reply(200)

    def do_packed(self):
        self.reply(200, WAVE, Content_Encoding="gzip")

    def do_large(self):
        self.send_response(200)
        self.send_header("Content-Length", str(4 * 2**30))
        self.end_headers()

    def do_endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            self.wfile.write(WAVE)
            while not self.server.closing.is_set():
                self.wfile.write(bytes(65_536))
        except OSError:
            self.server.cut_off = True

    def do_slow(self):
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.closing.wait(0.05):
                self.wfile.write(b"R")
        except OSError:
            self.server.cut_off = True

    def do_cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(WAVE)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def voice():
    with serving() as server:
        yield server


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Voice)
    server.daemon_threads = True
    server.asked, server.cut_off, server.closing = [], False, threading.Event()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


async def local(host, port):
    return [host] if host[0].isdigit() or ":" in host else ["127.0.0.1"]


def recordings(*hosts, resolve=local):
    return Recordings(Hosts(map(read_host, hosts)), resolve, limit_bytes=LIMIT, trust=TRUST)


async def fetch(source, locator):
    async with source.open(locator) as body:
        return b"".join([data async for data in body])


async def test_a_recording_comes_from_the_host_that_was_named(voice):
    assert await fetch(recordings(voice.url), f"{voice.url}/good?a=b") == WAVE


@pytest.mark.parametrize(
    ("named", "locator"),
    [
        ((), "https://pbx.example/good"),
        (("https://pbx.example",), "https://other.example/good"),
        (("https://pbx.example",), "https://pbx.example.evil.example/good"),
        (("https://pbx.example",), "https://pbx.example:8443/good"),
        (("https://pbx.example",), "http://pbx.example/good"),
        (("https://pbx.example",), "https://pbx.example@127.0.0.1/good"),
        (("https://pbx.example",), "file:///etc/passwd"),
        (("https://pbx.example",), "rec-1543-88210"),
        (("http://169.254.169.254:80",), "http://169.254.169.254/latest/meta-data"),
    ],
)
async def test_nothing_comes_from_anywhere_else(named, locator):
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    with pytest.raises(RecordingRefusedError, match="its address"):
        await fetch(recordings(*named, resolve=resolve), locator)
    assert asked == []


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], ["224.0.0.1"], ["1.1.1.1", "192.168.1.1"]],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_refused_unless_its_port_was_named(addresses):
    async def resolve(host, port):
        return addresses

    with pytest.raises(RecordingRefusedError, match=r"pbx\.example leads to"):
        await fetch(recordings("https://pbx.example", resolve=resolve), "https://pbx.example/good")


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "100.64.0.1"])
async def test_what_no_company_has_its_telephones_at_stays_closed_though_the_port_was_named(address):
    async def resolve(host, port):
        return [address]

    with pytest.raises(RecordingRefusedError, match="leads to"):
        await fetch(recordings("http://pbx.example:8088", resolve=resolve), "http://pbx.example:8088/good")


async def test_a_name_is_resolved_once_and_its_second_answer_leads_nowhere(voice):
    port = voice.server_address[1]
    asked = []

    async def resolve(host, _port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    source = recordings(f"http://pbx.example:{port}", resolve=resolve)
    assert await fetch(source, f"http://pbx.example:{port}/good") == WAVE
    assert asked == ["pbx.example"]
    with pytest.raises(Exception, match=r"ConnectTimeout|leads to|Connect"):
        async with asyncio.timeout(0.2):
            await fetch(source, f"http://pbx.example:{port}/good")


@given(st.ip_addresses())
def test_no_address_inside_is_open_unless_its_host_was_named_with_its_port(address):
    opened = is_allowed(address, (), public=True)
    named = is_allowed(address, INSIDE, public=True)
    plain = getattr(address, "ipv4_mapped", None) or address
    if opened:
        assert plain.is_global
        assert not plain.is_multicast
    if named and not opened:
        assert plain.is_private
        assert not plain.is_link_local
        assert not plain.is_unspecified
        assert not plain.is_multicast


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_refused(text):
    for told in (text, f"https://{text}"):
        try:
            host = read_host(told)
        except ValueError:
            continue
        assert (host.scheme, 1 <= host.port <= 65_535) == (told.partition(":")[0], True)
        with pytest.raises(UrlError):
            Hosts([host]).find(f"https://x{host.name}.example/")


def test_a_host_that_is_none_stops_the_service(monkeypatch):
    monkeypatch.setenv("TIERDESK_INTAKE_RECORDING_HOSTS", "https://pbx.example, pbx")
    with pytest.raises(SettingsError, match="'pbx' is no host"):
        IntakeSettings.read()
    monkeypatch.setenv("TIERDESK_INTAKE_RECORDING_HOSTS", "https://pbx.example, http://10.0.0.5:8088")
    assert IntakeSettings.read().recording_hosts == ("https://pbx.example", "http://10.0.0.5:8088")


class Worker:
    """The fetcher, and what it does for one ticket. What other tests have left is due no more."""

    def __init__(self, database, ticket_id, source, *, total_seconds=10.0):
        self.database = database
        self.ticket, self.tenant = ticket_id, str(ticket_id)
        clock, turns = SystemClock(), asyncio.Semaphore(3)
        writer = AttachmentWriter(
            database, Identifiers(), Limits(LIMIT, 20, 2**30), now=clock.now, wall_clock=clock.now,
            write_answer=write_view, turns=turns,
        )  # fmt: skip
        self.registry = CollectorRegistry()
        self.fetcher = RecordingFetcher(database, source, writer, self.registry, total_seconds=total_seconds)

    async def tell(self, locator, call_id="c-1"):
        async with self.database.transaction() as tx:
            await add_recording(tx, (self.tenant, "pbx", call_id), self.ticket, locator)

    async def state(self):
        async with self.database.read() as connection:
            recordings = await list_recordings(connection, self.tenant, self.ticket)
            return recordings, await list_attachments(connection, self.tenant, self.ticket)

    async def make_due(self):
        async with self.database.transaction() as tx:
            await tx.execute(update(recording).where(recording.c.ticket == self.ticket).values(due_at=func.now()))

    def counted(self, result):
        return self.registry.get_sample_value("tierdesk_recordings_total", {"result": result})


@pytest.fixture(scope="module")
def database_url(database_server):
    with database_server.fresh_database(DEFINITION.schema) as url:
        let_in(url, "intake", "a password")
        yield service_url(url, "intake", "a password")


@pytest.fixture
async def hire(database_url):
    """Makes workers that work for one ticket, of a tenant of its own."""
    database = Database(database_url, schema="intake", name="test", pool_size=8)
    row = {"id": uuid4(), "reference": "TD-1", "last_sequence": 1, "opened_at": SystemClock().now()}
    async with database.transaction() as tx:
        await tx.execute(update(recording).where(recording.c.stage == "due").values(stage="failed"))
        await tx.execute(ticket.insert(), row | {"tenant": str(row["id"])})
    yield partial(Worker, database, row["id"])
    await database.close()


async def test_what_is_fetched_hangs_on_its_ticket_under_a_name_of_ours_and_once(hire, voice):
    worker = hire(recordings(voice.url))
    await worker.tell(f"{voice.url}/good")
    await worker.tell(f"{voice.url}/good")
    assert await worker.fetcher.look() == 1
    (one,), (file,) = await worker.state()
    assert (one.stage, one.attachment, one.detail) == ("stored", file.id, "")
    assert (file.media_type, file.size_bytes, file.file_name) == ("audio/wav", len(WAVE), "TD-1-1.wav")
    assert file.name == "recording c-1"
    assert await worker.fetcher.look() == 0
    assert worker.counted("stored") == 1


async def test_a_worker_that_dies_after_storing_stores_it_no_second_time(hire, voice):
    worker = hire(recordings(voice.url))
    await worker.tell(f"{voice.url}/good")
    await worker.fetcher.look()
    async with worker.database.transaction() as tx:
        undone = {"stage": "due", "due_at": func.now(), "attachment": None}
        await tx.execute(update(recording).where(recording.c.ticket == worker.ticket).values(undone))
    assert await worker.fetcher.look() == 1
    (one,), files = await worker.state()
    assert [file.id for file in files] == [one.attachment]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("away", "leads elsewhere"), ("gone", "410"), ("page", "no recording"), ("program", "program"),
        ("empty", "empty"), ("packed", "packed"), ("large", "more than"), ("endless", "at most"),
    ],
)  # fmt: skip
async def test_what_is_no_recording_is_refused_with_its_reason_and_nothing_of_it_stays(path, why, hire, voice):
    worker = hire(recordings(voice.url))
    await worker.tell(f"{voice.url}/{path}")
    await worker.fetcher.look()
    (one,), files = await worker.state()
    assert (one.stage, files) == ("refused", [])
    assert why in one.detail
    assert worker.counted("refused") == 1
    async with worker.database.read() as connection:
        begun = select(attachment.c.id).where(attachment.c.ticket == worker.ticket)
        assert (await connection.execute(begun)).all() == []


@pytest.mark.parametrize("path", ["missing", "slow", "cut"])
async def test_what_fails_is_tried_again_later_each_time_and_given_up_in_the_end(path, hire, voice):
    worker = hire(recordings(voice.url), total_seconds=0.3)
    await worker.tell(f"{voice.url}/{path}")
    for attempt in range(len(PAUSES)):
        await worker.make_due()
        begun = time.monotonic()
        assert await worker.fetcher.look() == 1
        assert time.monotonic() - begun < 5
        (one,), _ = await worker.state()
        assert (one.stage, one.attempts) == ("due", attempt + 1)
        assert one.detail
        assert await worker.fetcher.look() == 0
        if path == "slow":
            return
    await worker.make_due()
    await worker.fetcher.look()
    (one,), files = await worker.state()
    assert (one.stage, files) == ("failed", [])
    assert (worker.counted("put_off"), worker.counted("failed")) == (len(PAUSES), 1)


async def test_two_workers_never_fetch_the_same(hire, voice):
    first, second = (hire(recordings(voice.url)) for _ in range(2))
    for number in range(6):
        await first.tell(f"{voice.url}/good?{number}", call_id=f"c-{number}")
    taken = await asyncio.gather(first.fetcher.look(), second.fetcher.look())
    assert sum(taken) == 6
    found, files = await first.state()
    assert {one.attempts for one in found} == {1}
    assert len(files) == 6


def test_a_voicemail_is_fetched_by_the_running_service_and_told_with_the_files(
    running, database_server, tmp_path, voice, monkeypatch
):
    monkeypatch.setenv("TIERDESK_INTAKE_RECORDING_HOSTS", voice.url)
    with running(database_server, tmp_path) as intake:
        body = {"event": "voicemail", "direction": "in", "callId": "c-1", "from": "491"}
        told = [
            intake.post_call(json.dumps(body | {"recording": f"{voice.url}/{path}", "callId": path}).encode(), webhook_id=path)
            for path in ("good", "away")
        ]  # fmt: skip
        tickets = [answer.json()["ticket"] for answer in told]
        with intake.reader() as client:
            deadline = time.monotonic() + 20
            while True:
                lists = [client.get(f"/v1/events/attachments?ticket={one}").json() for one in tickets]
                stages = [[one["stage"] for one in found["recordings"]] for found in lists]
                if stages == [["stored"], ["refused"]]:
                    break
                assert time.monotonic() < deadline, stages
                time.sleep(0.1)
        (file,) = lists[0]["attachments"]
        assert file["id"] == lists[0]["recordings"][0]["attachment"]
        assert "leads elsewhere" in lists[1]["recordings"][0]["detail"]
        assert lists[1]["attachments"] == []
