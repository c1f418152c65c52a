"""`tierdesk vendor` on a running desk and a real RabbitMQ: what a credential opens, and what it does not."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aiormq
import httpx2
import pytest

from bus.operators import api_options, remove_vhosts, vhost_of
from e2e.desks import Done
from e2e.whole_desk import wait_until
from faults.processes import SERVE, ServiceProcess, environment_of, run_command
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from tierdesk_cli.examples import sample_policy
from tierdesk_runtime.secrets import Secrets
from tierdesk_tier import Job, serve_vendor

VENDOR, OTHER_VENDOR = "printer-vendor", "depot"
CATEGORY = "printer-and-copier-machine"
NAMESPACE = f"v-main.{VENDOR}"
PATIENCE_SECONDS = 60.0


class Gate:
    """A running desk on RabbitMQ, and its administrator."""

    def __init__(self, settings: dict[str, str], folder: Path, broker: Broker) -> None:
        self.settings = settings
        self.prefix = settings["namespace_prefix"]
        self.host = f"{self.prefix}{NAMESPACE}"
        self.api = httpx2.Client(**api_options(broker.management_url))
        self._services = [
            ServiceProcess(name, (*SERVE, name), environment_of(**settings), folder / f"{name}.log")
            for name in ("intake", "router")
        ]

    def start(self) -> None:
        for service in self._services:
            service.start()
        for service in self._services:
            service.wait_until_ready()

    def stop(self) -> None:
        for service in self._services:
            service.stop()

    def request(self, service: int, method: str, path: str, **options: Any) -> httpx2.Response:
        """Ask a service as the owner of the desk."""
        key = Secrets.load(Path(self.settings["secrets_file"])).local_key()
        url = f"{self._services[service].url}{path}"
        return httpx2.request(
            method, url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False, **options
        )

    def post(self) -> str:
        """A broken printer; answers the ticket."""
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "It jams", "category": CATEGORY}
        answer = self.request(0, "POST", "/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["ticket"])

    def has_status(self, ticket: str, wanted: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while (
            found := self.request(1, "GET", f"/v1/tickets/{ticket}").json().get("ticket", {}).get("status")
        ) != wanted:
            assert time.monotonic() < end, f"{ticket} is {found}, not {wanted}"
            time.sleep(0.1)

    def change(self, method: str, path: str, document: Any = None) -> None:
        """Do what an administrator would by hand."""
        answer = self.api.request(method, path, json=document)
        assert answer.is_success, answer.text

    def rights(self, host: str, user: str) -> str:
        return f"permissions/{quote(host, safe='')}/{quote(user, safe='')}"

    def connections(self) -> list[str]:
        return [row["name"] for row in self.api.get(f"connections/username/{quote(self.host, safe='')}").json()]

    def remove_users(self) -> None:
        for user in self.api.get("users").json():
            if user["name"].startswith(f"{self.prefix}v-"):
                self.api.delete(f"users/{quote(user['name'], safe='')}")


@pytest.fixture(scope="module")
def gate(database_server: DatabaseServer, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Intake and router at work on RabbitMQ, by the five-tier policy."""
    folder = tmp_path_factory.mktemp("desk")
    with database_server.fresh_database() as database_url, broker.fresh_vhost() as amqp_url:
        settings = {
            "database_url": database_url,
            "amqp_url": amqp_url,
            "amqp_management_url": broker.management_url,
            "namespace_prefix": f"{vhost_of(amqp_url)}-",
            "secrets_file": str(folder / "secrets.json"),
            "first_policy_file": str(sample_policy()),
        }
        run_command(["migrate"], environment_of(**settings))
        gate = Gate(settings, folder, broker)
        try:
            gate.start()
            ticket = gate.post()
            gate.has_status(ticket, "offered")
            yield gate
        finally:
            gate.stop()
            gate.remove_users()
            remove_vhosts(broker.management_url, prefix=gate.prefix)
            gate.api.close()


Vendor = Callable[..., Done]


@pytest.fixture
def vendor(gate: Gate, tierdesk: Callable[..., Done], tmp_path: Path) -> Iterator[Vendor]:
    """Runs `tierdesk vendor`; no vendor has access before or after."""

    def run(*arguments: str | Path, **settings: str) -> Done:
        data = () if arguments[0] == "conformance" else ("--data", tmp_path)
        return tierdesk("vendor", *arguments, *data, **(gate.settings | settings))

    yield run
    gate.remove_users()


def issued(done: Done) -> str:
    """The address that a command printed."""
    assert done.code == 0, done
    (url,) = done.out.splitlines()
    return url


async def attempt(url: str, act: Callable[[aiormq.Channel], Awaitable[object]]) -> None:
    """Sign in and do this on a channel. Raises what the broker answers."""
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(channel, aiormq.Channel)
        await act(channel)
    finally:
        await connection.close()


async def sign_in(url: str) -> None:
    await attempt(url, lambda channel: channel.basic_qos(prefetch_count=1))


def can_sign_in(url: str) -> bool:
    try:
        asyncio.run(sign_in(url))
    except (aiormq.AMQPError, ConnectionError):
        return False
    return True


def at_path(url: str, path: str) -> str:
    """Another virtual host, with the same credential."""
    return urlunsplit(urlsplit(url)._replace(path=path))


def wait_for(look: Callable[[], Any]) -> None:
    wait_until(look, "the broker knows of it")


def test_a_vendor_joins_a_running_desk_and_resolves_a_ticket_with_its_credential_alone(gate: Gate, vendor: Vendor):
    ticket = gate.post()
    url = issued(vendor("add", VENDOR))
    assert urlsplit(url).path == f"/{quote(gate.host, safe='')}"

    async def repair(job: Job) -> None:
        await job.progress("Technician booked.")
        await job.resolve("Fuser replaced.")

    async def work() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve_vendor(url, worker="technician", work=repair, stop=stop))
        try:
            await asyncio.to_thread(gate.has_status, ticket, "resolved")
        finally:
            stop.set()
            await serving

    asyncio.run(work())


FORBIDDEN: dict[str, Callable[[aiormq.Channel], Awaitable[object]]] = {
    "declare a queue": lambda channel: channel.queue_declare("own"),
    "declare a queue that the broker names": lambda channel: channel.queue_declare(exclusive=True),
    "declare an exchange": lambda channel: channel.exchange_declare("own"),
    "bind": lambda channel: channel.queue_bind("work", "inbound"),
    "lead its offers back to the desk": lambda channel: channel.queue_bind("inbound", "offers"),
    "unbind": lambda channel: channel.queue_unbind("inbound", "inbound", routing_key="#"),
    "delete its queue": lambda channel: channel.queue_delete("work"),
    "delete the desk's queue": lambda channel: channel.queue_delete("inbound"),
    "delete an exchange": lambda channel: channel.exchange_delete("offers"),
    "consume inbound": lambda channel: channel.basic_consume("inbound", lambda message: None),  # type: ignore[arg-type,return-value]  # never called
    "get from inbound": lambda channel: channel.basic_get("inbound"),
    "purge inbound": lambda channel: channel.queue_purge("inbound"),
    "publish offers": lambda channel: channel.basic_publish(b"x", exchange="offers", routing_key="x"),
    "publish to the default exchange": lambda channel: channel.basic_publish(b"x", routing_key="work"),
    "publish to the desk by the default exchange": lambda channel: channel.basic_publish(b"x", routing_key="inbound"),
    "publish to a topic exchange": lambda channel: channel.basic_publish(b"x", exchange="amq.topic", routing_key="x"),
}


@pytest.mark.parametrize("act", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_vendor_is_refused_what_is_not_its_own(gate: Gate, vendor: Vendor, act):
    url = issued(vendor("add", VENDOR))
    with pytest.raises(aiormq.ChannelAccessRefused):
        asyncio.run(attempt(url, act))


def test_a_vendor_may_read_work_and_write_to_inbound(gate: Gate, vendor: Vendor):
    url = issued(vendor("add", VENDOR))

    async def read_and_write(channel: aiormq.Channel) -> None:
        async def leave(message: object) -> None:
            """What was taken goes back when the channel closes."""

        await channel.basic_consume("work", leave)
        answer = await channel.basic_publish(b"no message", exchange="inbound", routing_key="any", mandatory=True)
        assert type(answer).__name__ == "Ack"

    asyncio.run(attempt(url, read_and_write))


def test_a_vendors_own_credential_cannot_play_the_desk(gate: Gate, vendor: Vendor):
    url = issued(vendor("add", VENDOR))
    assert "refused" in vendor("conformance", "--url", url).check_one_line(1)


def test_a_vendor_cannot_enter_the_desk_or_another_vendor(gate: Gate, vendor: Vendor):
    url, other = (issued(vendor("add", one)) for one in (VENDOR, OTHER_VENDOR))
    for elsewhere in (urlsplit(other).path, urlsplit(gate.settings["amqp_url"]).path, "/%2F"):
        assert not can_sign_in(at_path(url, elsewhere))
    assert can_sign_in(url)
    assert can_sign_in(other)


def test_after_a_rotation_the_old_password_is_refused_and_open_connections_end_when_asked(gate: Gate, vendor: Vendor):
    old = issued(vendor("add", VENDOR))

    async def stay(rotate: Callable[[], str]) -> tuple[str, bool]:
        connection = await aiormq.connect(old)
        wait_for(gate.connections)
        new = await asyncio.to_thread(rotate)
        try:
            async with asyncio.timeout(3):
                await connection.closing
        except TimeoutError:
            await connection.close()
            return new, True
        except (aiormq.AMQPError, ConnectionError):
            pass
        return new, False

    new, stayed = asyncio.run(stay(lambda: issued(vendor("rotate", VENDOR))))
    assert stayed
    assert (can_sign_in(old), can_sign_in(new)) == (False, True)
    old = new
    new, stayed = asyncio.run(stay(lambda: issued(vendor("rotate", VENDOR, "--close-connections"))))
    assert not stayed
    assert (can_sign_in(old), can_sign_in(new)) == (False, True)


def test_a_disabled_vendor_loses_its_connection_and_cannot_come_back_until_it_is_enabled(gate: Gate, vendor: Vendor):
    url = issued(vendor("add", VENDOR))

    async def be_disabled() -> None:
        connection = await aiormq.connect(url)
        wait_for(gate.connections)
        done = await asyncio.to_thread(vendor, "disable", VENDOR)
        assert done.code == 0, done
        with pytest.raises((aiormq.AMQPError, ConnectionError)):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await connection.closing

    asyncio.run(be_disabled())
    assert not can_sign_in(url)
    assert "vendor enable" in vendor("add", VENDOR).out
    assert not can_sign_in(url), "adding it again is not enabling it"
    assert vendor("apply").code == 3  # the others have no users
    assert not can_sign_in(url), "applying the policy is not enabling it"
    for _ in range(2):
        assert vendor("enable", VENDOR).code == 0
    assert can_sign_in(url)


def test_a_vendor_is_added_once_and_again_changes_nothing(gate: Gate, vendor: Vendor):
    url = issued(vendor("add", VENDOR))
    again = vendor("add", VENDOR)
    assert (again.code, "amqp" in again.out) == (0, False)
    assert can_sign_in(url)


def test_the_password_can_go_to_a_file_of_its_owner_alone(gate: Gate, vendor: Vendor, tmp_path: Path):
    file = tmp_path / "vendor.url"
    done = vendor("add", VENDOR, "--out", file, "--at", "amqps://broker.example.com:5671")
    assert (done.code, "amqp" in done.out) == (0, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    parts = urlsplit(file.read_text().strip())
    assert (parts.scheme, parts.hostname, parts.port, parts.username) == (
        "amqps",
        "broker.example.com",
        5671,
        gate.host,
    )
    assert parts.password
    kept = file.read_text()
    assert "exists already" in vendor("rotate", VENDOR, "--out", file).check_one_line(2)
    assert file.read_text() == kept
    never = tmp_path / "never.url"
    vendor("add", VENDOR, "--out", never)
    assert not never.exists()


@pytest.mark.parametrize(
    "at", ["https://broker", "amqps://user:word@broker", "amqps://broker/host", "broker:5671", "amqps://[::1"]
)
def test_an_address_that_is_no_brokers_is_refused_before_anything_is_made(gate: Gate, vendor: Vendor, at):
    assert "--at" in vendor("add", VENDOR, "--at", at).check_one_line(2)
    assert {row["access"] for row in listed(vendor).values()} == {"none"}


def listed(vendor: Vendor) -> dict[str, dict[str, Any]]:
    done = vendor("list", "--json")
    assert done.code == 0, done
    return {row["vendor"]: row for row in json.loads(done.out)}


def test_the_list_tells_who_has_access_and_what_waits(gate: Gate, vendor: Vendor):
    vendor("add", VENDOR)
    vendor("add", OTHER_VENDOR)
    vendor("disable", OTHER_VENDOR)
    rows = listed(vendor)
    assert {row["vendor"]: row["access"] for row in rows.values()} == {
        VENDOR: "enabled", OTHER_VENDOR: "disabled", "maintenance-vendor": "none", "software-vendor": "none",
        "hardware-vendor": "none",
    }  # fmt: skip
    before = rows[VENDOR]["work"]
    assert (rows[VENDOR]["group"], rows[VENDOR]["consumers"]) == (VENDOR, 0)
    gate.post()
    wait_for(lambda: listed(vendor)[VENDOR]["work"] == before + 1)
    told = vendor("list").out
    assert any(line.split()[:3] == [OTHER_VENDOR, OTHER_VENDOR, "disabled"] for line in told.splitlines())


def plan(vendor: Vendor, *arguments: Any) -> list[str]:
    done = vendor("plan", *arguments)
    lines = done.out.splitlines()
    assert done.code in {0, 3}, done
    return lines if done.code == 3 else []


ONE_VENDOR = f"""
name: One vendor
tiers: [{{id: l1}}, {{id: l4}}]
groups: [{{id: front, tier: l1}}, {{id: printers, tier: l4, vendor: {VENDOR}}}]
edges: [[l1, l4]]
vendors: [{{id: {VENDOR}, name: Printers, group: printers}}]
categories: [{{id: other, tier: l1, group: front}}]
default_category: other
"""


@pytest.fixture
def one_vendor(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(ONE_VENDOR)
    return file


def test_nothing_differs_once_every_vendor_was_added(gate: Gate, vendor: Vendor, one_vendor: Path):
    assert f"{VENDOR}: no user; give it access with `tierdesk vendor add {VENDOR}`" in plan(vendor)
    vendor("add", VENDOR)
    assert plan(vendor, "--policy", one_vendor) == []


def test_applying_mends_what_an_accident_took_and_names_who_has_no_user(gate: Gate, vendor: Vendor, one_vendor: Path):
    url = issued(vendor("add", VENDOR))
    host = quote(gate.host, safe="")
    gate.change("DELETE", gate.rights(gate.host, gate.host))
    gate.change("DELETE", f"user-limits/{host}/max-channels")
    gate.change("DELETE", f"vhost-limits/{host}/max-queues")
    gate.change("DELETE", f"policies/{host}/access%20inbound")
    assert plan(vendor, "--policy", one_vendor) == [
        f"{VENDOR}: the queue inbound has no limit max-length-bytes",
        f"{VENDOR}: the virtual host has no limit max-queues",
        f"{VENDOR}: the user may not enter {gate.host}",
        f"{VENDOR}: the user has no limit max-channels",
    ]
    for _ in range(2):
        assert vendor("apply", "--policy", one_vendor).code == 0
        assert plan(vendor, "--policy", one_vendor) == []
    assert can_sign_in(url), "the password is the one that was issued"
    left = vendor("apply")
    assert left.code == 3
    assert {line.partition(":")[0] for line in left.out.splitlines()} == set(listed(vendor)) - {VENDOR}


def test_too_wide_an_access_is_named_and_mended(gate: Gate, vendor: Vendor, one_vendor: Path):
    url = issued(vendor("add", VENDOR))
    desk = vhost_of(gate.settings["amqp_url"])
    user = quote(gate.host, safe="")
    found = gate.api.get(f"users/{user}").json()
    kept = {name: found[name] for name in ("password_hash", "hashing_algorithm")}
    gate.change("PUT", f"users/{user}", kept | {"tags": "administrator"})
    gate.change("PUT", gate.rights(gate.host, gate.host), {"configure": "^$", "write": ".*", "read": "^work$"})
    gate.change("PUT", gate.rights(desk, gate.host), {"configure": "", "write": "", "read": ".*"})
    told = plan(vendor, "--policy", one_vendor)
    assert f"{VENDOR}: the user has the tags administrator, should have none: too wide" in told
    assert f"{VENDOR}: the user may enter {desk} too: too wide" in told
    (write,) = [line for line in told if "may write" in line]
    assert "'.*', should be '^inbound$': too wide, it takes in amq.default" in write
    assert "work" in write
    assert len(told) == 3
    assert vendor("apply", "--policy", one_vendor).code == 0
    assert plan(vendor, "--policy", one_vendor) == []
    with pytest.raises(aiormq.ChannelAccessRefused):
        asyncio.run(attempt(url, FORBIDDEN["publish to the default exchange"]))
    assert not can_sign_in(at_path(url, urlsplit(gate.settings["amqp_url"]).path))


def test_a_vendor_that_the_policy_does_not_name_any_more_is_named_and_kept_out(
    gate: Gate, vendor: Vendor, one_vendor: Path
):
    url = issued(vendor("add", OTHER_VENDOR))
    vendor("add", VENDOR)
    (line,) = plan(vendor, "--policy", one_vendor)
    assert line.startswith(f"{OTHER_VENDOR}: the policy does not name this vendor")
    assert can_sign_in(url)
    assert vendor("apply", "--policy", one_vendor).code == 0
    assert not can_sign_in(url)
    assert plan(vendor, "--policy", one_vendor) == []


def test_a_vendor_is_removed_with_its_queues_only_when_nothing_waits_there(gate: Gate, vendor: Vendor):
    url = issued(vendor("add", VENDOR))
    gate.post()
    wait_for(lambda: (listed(vendor)[VENDOR]["work"] or 0) > 0)
    assert "say --yes" in vendor("remove", VENDOR, "--with-queues").check_one_line(2)
    assert can_sign_in(url)
    assert vendor("remove", VENDOR).code == 0
    assert not can_sign_in(url)
    assert listed(vendor)[VENDOR]["work"] > 0, "its queues stay"
    assert vendor("remove", VENDOR, "--with-queues", "--yes").code == 0
    assert "nothing of" in vendor("remove", VENDOR).out
    assert can_sign_in(issued(vendor("add", VENDOR)))


def test_a_vendor_without_access_or_place_in_the_policy_is_told_in_one_line(gate: Gate, vendor: Vendor):
    assert "names no vendor 'acme'" in vendor("add", "acme").check_one_line(2)
    for command in ("rotate", "disable"):
        assert "has no access" in vendor(command, VENDOR).check_one_line(1)
    assert "no policy is in force" in vendor("list", "--tenant", "nobody").check_one_line(1)


@pytest.mark.parametrize("arguments", [
    ("add", VENDOR), ("list",), ("rotate", VENDOR), ("disable", VENDOR), ("enable", VENDOR), ("remove", VENDOR), ("plan",), ("apply",),
])  # fmt: skip
def test_without_rabbitmq_every_command_says_so_in_one_line(tierdesk, tmp_path, postgres_url, arguments):
    settings = {"database_url": postgres_url, "bus_url": postgres_url}
    done = tierdesk("vendor", *arguments, "--data", tmp_path, **settings)
    assert "vendors' credentials need RabbitMQ" in done.check_one_line(2)


def test_without_the_management_api_it_is_told_what_to_set(gate: Gate, vendor: Vendor):
    assert "TIERDESK_AMQP_MANAGEMENT_URL" in vendor("list", amqp_management_url="").check_one_line(2)
