"""`tierdesk rota import`, on a database of the desk."""

import asyncio
import json

import asyncpg
import pytest

from tierdesk_desk.app import DEFINITION
from tierdesk_policy import load_policy
from tierdesk_store import migrate

POLICY = """
name: Desk
tiers: [{id: l1}]
groups: [{id: front, tier: l1}]
edges: []
categories: [{id: other, tier: l1, group: front}]
calendars: [{id: office, tz: Europe/Berlin, weekly: {mon: [["09:00", "17:00"]]}}]
default_calendar: office
"""
TABLE = """person,tier,group,starts,ends
ana,l1,front,2026-03-02T09:00,2026-03-02T17:00
eve,l1,front,2026-03-02T09:00,2026-03-02T17:00
ana,l1,front,2026-03-03T09:00,2026-03-03T08:00
"""


@pytest.fixture
def ask(tierdesk, postgres_url, tmp_path):
    migrate(postgres_url, DEFINITION.schema, password="a password")
    policy = load_policy(POLICY)

    async def put_in_force():
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(
            "INSERT INTO desk.policy VALUES ('main', $1, $2)", policy.version, json.dumps(policy.document())
        )
        await connection.execute("INSERT INTO desk.policy_in_force VALUES ('main', $1, now())", policy.version)
        await connection.close()

    asyncio.run(put_in_force())

    def ask(*arguments, code=0):
        done = tierdesk(*arguments, "--data", tmp_path, database_url=postgres_url)
        assert done.code == code, done
        return done

    return ask


def test_a_rota_is_taken_bad_lines_are_named_and_the_zone_is_that_of_the_desk(ask, tmp_path, postgres_url):
    ask("accounts", "add", "ana", "--grant", "agent:l1")
    file = tmp_path / "march.csv"
    file.write_text(TABLE)
    done = ask("rota", "import", file, "--from", "2026-03-01", code=1)
    assert "1 shifts added" in done.out
    assert "times that tell no zone are of Europe/Berlin" in done.out
    assert "march.csv:3: person: there is no account eve" in done.err
    assert "march.csv:4: ends_at: a shift ends after it starts" in done.err

    async def read():
        connection = await asyncpg.connect(postgres_url)
        found = await connection.fetchval(
            "SELECT to_char(starts_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI') FROM desk.shift"
        )
        await connection.close()
        return found

    assert asyncio.run(read()) == "03-02 08:00"
    file.write_text("\n".join(TABLE.split("\n")[:2]))
    assert (
        "0 shifts added, 0 with another end, 1 as they were" in ask("rota", "import", file, "--from", "2026-03-01").out
    )
    assert "rota.imported" in ask("audit", "list").out
    for content, arguments, told in (
        (b"who\n", (), "the columns of a rota are"),
        (TABLE.encode(), ("--tz", "Europe/Atlantis"), "is not a time zone"),
    ):
        file.write_bytes(content)
        assert told in ask("rota", "import", file, *arguments, code=2).err
