"""`tierdesk sla` on a desk that runs."""

import asyncio
import io
import time
from xml.etree import ElementTree as ET

import asyncpg
import httpx2
import pytest
from rich.console import Console

from tierdesk_cli import clocks
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_database
from tierdesk_runtime.secrets import Secrets

STRICTER = """
name: A stricter desk
tiers: [{id: l1}]
groups: [{id: front, tier: l1}]
categories: [{id: other, tier: l1, group: front}]
targets: [{kind: resolution, within: 2h}]
"""


@pytest.fixture
def ask(desk, tierdesk):
    return lambda *arguments: tierdesk(*arguments, "--data", desk.folder)


@pytest.fixture(scope="module")
def ticket(desk):
    """A ticket that has clocks."""
    key = Secrets.load(desk.folder / "secrets.json").local_key()
    with httpx2.Client(base_url=desk.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No sound", "category": "usage"}
        reference = client.post("/v1/events", json=event).json()["reference"]
        end = time.monotonic() + 30
        while "acceptance" not in client.get(f"/v1/clocks/{reference}").text:
            assert time.monotonic() < end, "its clocks did not start within 30 s"
            time.sleep(0.05)
    return reference


def test_a_deadline_is_explained_in_words_and_as_a_picture(ticket, ask, tmp_path):
    told = ask("sla", "explain", ticket, "--svg", tmp_path / "clocks.svg")
    assert told.code == 0
    assert told.out.startswith(f"{ticket} as of ")
    assert "First response: running, due" in told.out
    assert "promised: 6 h of the calendar elapsed, by target 1 of the policy" in told.out
    assert ET.fromstring((tmp_path / "clocks.svg").read_bytes()).tag.endswith("svg")


def test_a_ticket_that_is_not_there_is_not_explained(ticket, ask):
    assert "No such ticket" in ask("sla", "explain", "TD-0000-0000").check_one_line(1)


def test_rebuilt_clocks_are_counted_and_none_differs(ticket, ask):
    told = ask("sla", "rebuild")
    assert told.code == 0
    assert told.out.splitlines()[-1].endswith(" clocks, 0 differing")
    assert not told.out.startswith("0 ")
    assert ask("sla", "rebuild", "--swap").out == told.out


def test_what_differs_is_told_and_put_right_by_a_swap(ticket, ask, desk):
    mine = "ticket_id = (SELECT ticket_id FROM sla.ticket WHERE reference = $1)"
    write(desk, f"UPDATE sla.clock SET state = 'met' WHERE kind = 'resolution' AND {mine}", ticket)
    told = ask("sla", "rebuild")
    assert told.code == 1
    assert f"{ticket} resolution state: met is running" in told.out
    assert told.out.splitlines()[-1].endswith(" clocks, 1 differing")
    assert "1 tickets swapped" in ask("sla", "rebuild", "--swap").out
    assert ask("sla", "rebuild").out.splitlines()[-1].endswith(" clocks, 0 differing")


def test_a_move_to_another_policy_is_a_dry_run_first(ticket, ask, tmp_path):
    file = tmp_path / "stricter.yaml"
    file.write_text(STRICTER)
    assert ask("policy", "apply", file).code == 0
    version = version_in_force(ask, file)
    end = time.monotonic() + 30
    while (told := ask("sla", "migrate", "--to", version, "--dry-run")).code == 2:
        assert time.monotonic() < end, told.err
    assert f"{ticket} Resolution: " in told.out
    assert "→ 2 h of elapsed, due " in told.out
    assert "1 open tickets would move" in told.out
    assert "1 open tickets moved" in ask("sla", "migrate", "--to", version[:20]).out
    assert "0 open tickets would move" in ask("sla", "migrate", "--to", version, "--dry-run").out
    assert "promised: 2 h of the calendar elapsed" in ask("sla", "explain", ticket).out
    assert "its clocks were moved to it" in ask("sla", "explain", ticket).out
    assert ask("sla", "rebuild").out.splitlines()[-1].endswith(" clocks, 0 differing")


def test_a_version_that_nobody_applied_is_refused(ticket, ask):
    assert "apply it first" in ask("sla", "migrate", "--to", "sha256:0000").check_one_line(2)
    assert "versions begin with sha256" in ask("sla", "migrate", "--to", "sha256:").check_one_line(2)


def test_a_terminal_shows_how_many_tickets_of_how_many_were_looked_at():
    screen = io.StringIO()
    with clocks._told(Console(file=screen, force_terminal=True, width=80)) as told:
        told(400, 1000)
    assert "400/1000" in screen.getvalue()


def version_in_force(ask, file):
    return next(word for word in ask("policy", "apply", file).out.split() if word.startswith("sha256:"))


def write(desk, statement, *values):
    """Write to the desk's database, as a slip of the hand would."""

    async def execute():
        connection = await asyncpg.connect(find_database(Home(desk.folder)))
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    asyncio.run(execute())
