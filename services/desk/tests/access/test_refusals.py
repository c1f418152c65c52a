"""Sign-ins that are refused: the audit tells of them without growing by each, and one tenant's slow down no other's."""

import pytest

from tierdesk_desk.refusals import sum_up_refusals
from tierdesk_desk.signing_in import RefusedError, TooManyError
from tierdesk_desk.store.audit import verify

LATER = "UPDATE desk.refused_sign_in SET since = since - interval '11 minutes'"


async def refuse(gate, name, tenant="main"):
    with pytest.raises(RefusedError):
        await gate.sign_in.sign_in(tenant, name, "not this one")


async def test_refusals_of_one_login_are_one_entry_and_a_number(gate):
    await gate.add("ann", "agent", password="the password of ann")
    for _ in range(4):
        await refuse(gate, "ann")
    await refuse(gate, "nobody-1")
    await refuse(gate, "nobody-2")
    refused = "SELECT subject, detail::text AS told FROM desk.audit WHERE action = 'session.refused' ORDER BY position"
    assert [tuple(row) for row in await gate.sql(refused)] == [("ann", "{}"), ("", "{}")]
    assert await sum_up_refusals(gate.database, gate.clock) == 0  # the time is not over
    await gate.sql(LATER)
    assert await sum_up_refusals(gate.database, gate.clock) == 2
    told = [tuple(row) for row in await gate.sql(refused)]
    assert sorted(told[2:]) == [("", '{"again": 1}'), ("ann", '{"again": 3}')]
    await refuse(gate, "ann")
    assert len(await gate.sql(refused)) == 5
    assert await sum_up_refusals(gate.database, gate.clock) == 0
    assert (await verify(gate.database, "main")).fault is None


async def test_the_next_refusal_sums_up_what_went_before(gate):
    await gate.add("ann", "agent", password="the password of ann")
    await refuse(gate, "ann")
    await refuse(gate, "ann")
    await gate.sql(LATER)
    await refuse(gate, "ann")
    told = await gate.sql(
        "SELECT detail::text AS told FROM desk.audit WHERE action = 'session.refused' ORDER BY position"
    )
    assert [row["told"] for row in told] == ["{}", '{"again": 1}', "{}"]


async def test_guessing_at_one_tenant_slows_down_no_other(gate):
    for tenant in ("main", "other"):
        await gate.add("ann", "agent", tenant=tenant, password="the password of ann")
    await refuse(gate, "someone")
    await gate.sql("UPDATE desk.sign_in_pace SET free_at = now() + interval '1 hour' WHERE key LIKE 'total:%'")
    with pytest.raises(TooManyError):
        await gate.sign_in.sign_in("main", "bob", "not this one")
    await gate.sign_in.sign_in("other", "ann", "the password of ann")


async def test_tenants_that_nobody_has_share_one_pace(gate):
    await gate.add("ann", "agent", password="the password of ann")
    await refuse(gate, "someone", tenant="made-up-1")
    await gate.sql("UPDATE desk.sign_in_pace SET free_at = now() + interval '1 hour' WHERE key LIKE 'total:%'")
    with pytest.raises(TooManyError):
        await gate.sign_in.sign_in("made-up-2", "someone", "not this one")
    await gate.sign_in.sign_in("main", "ann", "the password of ann")
