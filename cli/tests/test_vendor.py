"""`tierdesk vendor` on a running desk and a real RabbitMQ: what a credential opens, and what it does not."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiormq
import pytest

from tierdesk_tier import Job, serve_vendor

from .gate import (
    FORBIDDEN,
    OTHER_VENDOR,
    PATIENCE_SECONDS,
    VENDOR,
    Gate,
    Vendor,
    at_path,
    attempt,
    can_sign_in,
    issued,
    listed,
    wait_for,
)


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
