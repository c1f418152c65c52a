"""The audit: a chain without gaps that nobody changes unseen."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.domain.audit import FIRST_HASH, Fault, Link, follow, hash_of, write_entry
from tierdesk_desk.store.audit import open_trail, read_entries, verify

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
DETAILS = st.dictionaries(TEXTS, VALUES, max_size=4)


def chain(*details):
    last, entries = Link(), []
    for number, detail in enumerate(details):
        at = NOW + timedelta(seconds=number)
        entry = write_entry(last, tenant="main", at=at, actor="desk", action="tried", subject="ana", detail=detail)
        entries.append(entry)
        last = entry.link
    return entries


async def write(gate, count, tenant="main", detail=None):
    for number in range(count):
        async with gate.database.transaction() as tx:
            trail = await open_trail(tx, tenant)
            await trail.note(at=NOW, actor="desk", action="tried", subject=f"s{number}", detail=detail or {"n": number})


@given(st.lists(DETAILS, max_size=5))
def test_a_chain_holds_as_it_was_written(details):
    entries = chain(*details)
    last, fault = follow(Link(), entries)
    assert fault is None
    assert last == (entries[-1].link if entries else Link(0, FIRST_HASH))


@given(st.data())
def test_one_changed_field_is_found_where_it_is(data):
    entries = chain({"a": 1}, {"a": 2}, {"a": 3}, {"a": 4})
    index = data.draw(st.integers(0, 3))
    change = data.draw(
        st.sampled_from(
            [
                {"tenant": "other"}, {"at": NOW - timedelta(microseconds=1)}, {"actor": "person:ana"},
                {"action": "Tried"}, {"subject": "bob"}, {"detail": {"a": 5}}, {"detail": {}},
                {"hash": FIRST_HASH}, {"previous_hash": "f" * 64}, {"position": 9},
            ]
        )
    )  # fmt: skip
    entries[index] = replace(entries[index], **change)
    _, fault = follow(Link(), entries)
    assert fault is not None
    assert fault.position == index + 1


@given(st.integers(0, 3))
def test_an_entry_that_is_taken_out_or_written_anew_is_found(index):
    entries = chain({"a": 1}, {"a": 2}, {"a": 3}, {"a": 4})
    without = entries[:index] + entries[index + 1 :]
    _, fault = follow(Link(), without)
    assert fault == (Fault(index + 1, "it is missing") if index < 3 else None)  # the end is compared with the head
    forged = replace(entries[index], actor="nobody")
    forged = replace(forged, hash=hash_of(forged))
    _, fault = follow(Link(), [*entries[:index], forged, *entries[index + 1 :]])
    assert fault == (Fault(index + 2, "it does not stand on the entry before it") if index < 3 else None)


def test_the_hash_is_that_of_the_instant_not_of_its_zone():
    (entry,) = chain({})
    elsewhere = replace(entry, at=entry.at.astimezone(timezone(timedelta(hours=5, minutes=45))))
    assert hash_of(elsewhere) == entry.hash


def test_the_canonical_form_stays_what_it_is():
    (entry,) = chain({"b": ["ü", 1, True, None], "a": {}})
    assert entry.hash == "ed0adee44f59e97052d2ccfac4eb0d7affe27fda623129aecaa929ac159b67fd"


@pytest.mark.parametrize(
    "detail", [{"a": 1.5}, {"a": b"x"}, {"a": {1: 2}}, {"a": "\x00"}, {"\x00": 1}, {"a": [float("nan")]}]
)
def test_what_does_not_read_the_same_everywhere_is_refused(detail):
    with pytest.raises(ValueError, match=r"cannot stand|no name|NUL"):
        chain(detail)


async def test_what_was_written_reads_the_same_from_the_database(gate):
    @given(DETAILS)
    def collect(detail):
        details.append(detail)

    details = []
    collect()
    async with gate.database.transaction() as tx:
        trail = await open_trail(tx, "main")
        for detail in details:
            await trail.note(at=NOW, actor="desk", action="tried", subject="", detail=detail)
    verdict = await verify(gate.database, "main")
    assert (verdict.fault, verdict.last.position) == (None, len(details))


async def test_entries_written_at_once_have_no_gap(gate):
    await asyncio.gather(*(write(gate, 10) for _ in range(6)), write(gate, 5, tenant="other"))
    verdict = await verify(gate.database, "main")
    assert (verdict.fault, verdict.last.position) == (None, 60)
    assert (await verify(gate.database, "other")).last.position == 5


async def test_what_is_rolled_back_leaves_no_entry_and_no_gap(gate):
    await write(gate, 2)

    async def note_and_fail():
        async with gate.database.transaction() as tx:
            trail = await open_trail(tx, "main")
            await trail.note(at=NOW, actor="desk", action="tried", subject="", detail={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await note_and_fail()
    await write(gate, 1)
    assert (await verify(gate.database, "main")).last.position == 3


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("UPDATE desk.audit SET actor = 'nobody' WHERE position = 3", 3),
        ("UPDATE desk.audit SET detail = '{\"n\": 2.0}' WHERE position = 3", 3),
        ("UPDATE desk.audit SET at = at + interval '1 microsecond' WHERE position = 5", 5),
        ("DELETE FROM desk.audit WHERE position = 3", 3),
        ("DELETE FROM desk.audit WHERE position = 5", 5),
        ("DELETE FROM desk.audit", 1),
        ("UPDATE desk.audit_head SET hash = repeat('0', 64)", 5),
        ("UPDATE desk.audit_head SET position = 6", 6),
        ("UPDATE desk.audit SET position = position + 10 WHERE position > 3", 4),
    ],
)
async def test_what_the_administrator_of_the_database_changes_is_found(gate, statement, position):
    await write(gate, 5)
    await gate.sql(statement)
    fault = (await verify(gate.database, "main")).fault
    assert fault is not None
    assert fault.position == position


async def test_a_chain_that_was_written_anew_is_found_by_an_anchor(gate):
    await write(gate, 5)
    anchor = (await verify(gate.database, "main")).last
    await write(gate, 2)
    assert (await verify(gate.database, "main", anchor=anchor)).fault is None
    await gate.sql("TRUNCATE desk.audit, desk.audit_head")
    await write(gate, 7, detail={"n": "another"})
    assert (await verify(gate.database, "main")).fault is None
    assert (await verify(gate.database, "main", anchor=anchor)).fault == Fault(5, "its hash is not that of the anchor")
    await gate.sql("TRUNCATE desk.audit, desk.audit_head")
    assert (await verify(gate.database, "main", anchor=anchor)).fault == Fault(1, "it is missing")


async def test_a_long_chain_is_followed_over_its_pages(gate, monkeypatch):
    monkeypatch.setattr("tierdesk_desk.store.audit._READ_AT_ONCE", 10)
    async with gate.database.transaction() as tx:
        trail = await open_trail(tx, "main")
        for number in range(21):
            await trail.note(at=NOW, actor="desk", action="tried", subject="", detail={"n": number})
    assert (await verify(gate.database, "main")).last.position == 21
    await gate.sql("UPDATE desk.audit SET subject = 'x' WHERE position = 20")
    assert (await verify(gate.database, "main")).fault == Fault(20, "it is not as it was written")


async def test_the_role_of_the_service_can_neither_change_nor_remove_an_entry(gate):
    await write(gate, 1)
    connection = await asyncpg.connect(gate.database.url)
    for statement in ("UPDATE desk.audit SET actor = 'x'", "DELETE FROM desk.audit", "TRUNCATE desk.audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_pages_of_the_audit_join_and_tell_of_one_subject(gate):
    await write(gate, 7)
    async with gate.database.read() as connection:
        newest = await read_entries(connection, "main", before=None, subject=None, limit=3)
        older = await read_entries(connection, "main", before=newest[-1].position, subject=None, limit=100)
        about = await read_entries(connection, "main", before=None, subject="s4", limit=100)
    assert [entry.position for entry in newest + older] == [7, 6, 5, 4, 3, 2, 1]
    assert [entry.position for entry in about] == [5]


async def test_over_http_an_auditor_reads_and_verifies(gate, signed_in):
    auditor = await signed_in("vera", "auditor")
    page = (await auditor.ask("GET", "/audit?limit=2")).json()
    rest = (await auditor.ask("GET", f"/audit?before={page['next']}")).json()
    positions = [entry["position"] for entry in page["entries"] + rest["entries"]]
    assert positions == list(range(len(positions), 0, -1))
    assert rest["next"] is None
    verdict = (await auditor.ask("GET", "/audit/verification")).json()
    assert (verdict["position"], verdict["fault"]) == (positions[0], None)
    kept = f"position={verdict['position']}&hash={verdict['hash']}"
    assert (await auditor.ask("GET", f"/audit/verification?{kept}")).json()["fault"] is None
    await gate.sql("UPDATE desk.audit SET subject = 'x' WHERE position = 2")
    assert (await auditor.ask("GET", "/audit/verification")).json()["fault"]["position"] == 2
