"""`tierdesk vendor` on a running desk: who has access, how that differs from the policy, and what is made of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiormq
import asyncpg
import pytest

from bus.operators import vhost_of

from .gate import (
    FORBIDDEN,
    OTHER_VENDOR,
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


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def test_a_vendor_that_takes_webhooks_needs_no_user(gate: Gate, vendor: Vendor, one_vendor: Path):
    assert vendor("plan", "--policy", one_vendor).code == 3
    row = f"INSERT INTO bridge.endpoint VALUES ('main', '{VENDOR}', 'https://v.example', now(), true, NULL, NULL, 0, NULL)"
    asyncio.run(execute(gate.settings["database_url"], row))
    try:
        assert vendor("plan", "--policy", one_vendor).code == 0
    finally:
        asyncio.run(execute(gate.settings["database_url"], "DELETE FROM bridge.endpoint"))


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
