"""Who is there: what people say of themselves, whether their pages are open, what they hold, and which shifts they have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.assigning import Candidate
from tierdesk_desk.domain.presence import Presence, Standing, State
from tierdesk_desk.domain.roles import PERMISSIONS, Grant, Role, Verb
from tierdesk_desk.domain.shifts import AROUND
from tierdesk_desk.store.sessions import IDLE
from tierdesk_desk.store.staff_tables import presence as presences

LATELY: Final = timedelta(minutes=3)
"""Somebody is seen when a page of theirs was open within this time, by the database's clock. Each minute it is noted."""
MOST_CANDIDATES: Final = 2_000
_MOST_COUNTED: Final = 1_000
_WORKERS: Final = sorted(role.value for role in Role if Verb.WORK in PERMISSIONS[role])
_IS_SEEN: Final = """
    EXISTS (
        SELECT FROM desk.session AS s
        WHERE s.tenant = a.tenant AND s.account_id = a.id AND s.expires_at > now()
            AND s.seen_at > now() - CAST(:idle AS interval)
            AND greatest(s.seen_at, s.heard_at) > now() - CAST(:lately AS interval)
    )
"""
_HELD: Final = """
    CROSS JOIN LATERAL (
        SELECT count(*) AS held, min(changed_at) FILTER (WHERE stage <> 'paused') AS quiet_since
        FROM (
            SELECT w.stage, w.changed_at FROM desk.work AS w
            WHERE w.tenant = a.tenant AND w.worker = a.name AND w.stage IN ('claiming', 'owned', 'paused')
            LIMIT :most_counted
        ) AS w
    ) AS h
"""
_SHIFTS: Final = """
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS on_rota,
            jsonb_agg(DISTINCT jsonb_build_array(s.tier, s.group_id)) FILTER (WHERE s.starts_at <= :now AND s.ends_at > :now)
                AS on_shift,
            min(s.ends_at) FILTER (WHERE s.starts_at <= :now AND s.ends_at > :now) AS ends_at,
            min(s.starts_at) FILTER (WHERE s.starts_at > :now) AS begins_at
        FROM desk.shift AS s
        WHERE s.tenant = a.tenant AND s.account_id = a.id AND s.starts_at > :rota_from AND s.starts_at < :rota_until
    ) AS r
"""
_LIST: Final = text(f"""
    SELECT a.name, a.display_name, a.skills, a.capacity, p.state, p.since, {_IS_SEEN} AS is_seen, h.held, h.quiet_since,
        r.on_rota, r.on_shift, r.ends_at, r.begins_at
    FROM desk.account AS a
    LEFT JOIN desk.presence AS p ON p.tenant = a.tenant AND p.account_id = a.id
    {_HELD}
    {_SHIFTS}
    WHERE a.tenant = :tenant AND a.name > :after AND a.disabled_at IS NULL
        AND (CAST(:name AS text) IS NULL OR a.name = :name)
        AND EXISTS (
            SELECT FROM desk.account_grant AS g, unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS l(tier, group_id)
            WHERE g.tenant = a.tenant AND g.account_id = a.id AND g.role = ANY(CAST(:workers AS text[]))
                AND (g.tier = '' OR l.tier = '' OR g.tier = l.tier)
                AND (g.group_id = '' OR l.group_id = '' OR g.group_id = l.group_id)
        )
    ORDER BY a.name LIMIT :limit
""")  # noqa: S608 - made of this module's own text
_CANDIDATES: Final = text(f"""
    SELECT a.id, a.name, a.skills, a.capacity, p.waits_since, h.held, r.on_rota, r.on_shift,
        (
            SELECT jsonb_agg(jsonb_build_array(g.role, g.tier, g.group_id)) FROM desk.account_grant AS g
            WHERE g.tenant = a.tenant AND g.account_id = a.id AND g.role = ANY(CAST(:workers AS text[]))
        ) AS granted
    FROM desk.presence AS p
    JOIN desk.account AS a ON a.tenant = p.tenant AND a.id = p.account_id
    {_HELD}
    {_SHIFTS}
    WHERE p.tenant = :tenant AND p.state = 'available' AND a.disabled_at IS NULL AND {_IS_SEEN}
        AND (CAST(:ids AS uuid[]) IS NULL OR a.id = ANY(CAST(:ids AS uuid[])))
    ORDER BY p.waits_since, a.id LIMIT :limit
""")  # noqa: S608 - made of this module's own text
_KEEP_AS_THEY_ARE: Final = text("""
    SELECT FROM desk.account WHERE tenant = :tenant AND id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR SHARE
""")
_LOCK_COUNTS: Final = text("""
    SELECT pg_advisory_xact_lock(hashtextextended(:tenant || '/' || name, 7))
    FROM (SELECT name FROM unnest(CAST(:names AS text[])) AS name ORDER BY name) AS locked
""")
"""As `count_held` locks: so nobody claims beyond their capacity meanwhile."""


async def read_presence(connection: AsyncConnection, tenant: str, account_id: UUID) -> Presence:
    """What this person says of themselves."""
    statement = select(presences.c.state, presences.c.since).where(
        presences.c.tenant == tenant, presences.c.account_id == account_id
    )
    return _presence((await connection.execute(statement)).mappings().one_or_none())


async def save_presence(connection: AsyncConnection, tenant: str, account_id: UUID, presence: Presence) -> None:
    """Write what this person says of themselves; who came waits from then on."""
    statement = insert(presences).values(
        tenant=tenant,
        account_id=account_id,
        state=presence.state.value,
        since=presence.since,
        waits_since=presence.since,
    )
    changes = {name: statement.excluded[name] for name in ("state", "since", "waits_since")}
    await connection.execute(statement.on_conflict_do_update(index_elements=["tenant", "account_id"], set_=changes))


async def note_given(connection: AsyncConnection, tenant: str, account_ids: Collection[UUID], at: datetime) -> None:
    """Note that these were given work now."""
    await connection.execute(
        update(presences)
        .where(presences.c.tenant == tenant, presences.c.account_id.in_(sorted(account_ids)))
        .values(waits_since=at)
    )


async def list_standings(
    connection: AsyncConnection,
    tenant: str,
    overseen: Iterable[Grant],
    now: datetime,
    *,
    after: str = "",
    name: str | None = None,
    limit: int,
) -> list[Standing]:
    """Who works any of what these grants hold for, in the order of logins, those after this one; with `name` that one alone."""
    held = tuple(overseen)
    parameters = {
        **_rota(now),
        "tenant": tenant,
        "after": after,
        "name": name,
        "tiers": [grant.tier or "" for grant in held],
        "groups": [grant.group or "" for grant in held],
        "workers": _WORKERS,
        "limit": limit,
    }
    return [_standing(row) for row in (await connection.execute(_LIST, parameters)).mappings()]


async def list_candidates(
    connection: AsyncConnection, tenant: str, now: datetime, *, only: Sequence[UUID] | None = None
) -> list[Candidate]:
    """Who is there to be given work, those who wait the longest first; of the accounts `only` where given."""
    parameters = {**_rota(now), "tenant": tenant, "ids": only, "workers": _WORKERS, "limit": MOST_CANDIDATES}
    return [_candidate(row) for row in (await connection.execute(_CANDIDATES, parameters)).mappings()]


async def hold_candidates(connection: AsyncConnection, tenant: str, candidates: Sequence[Candidate]) -> None:
    """Until the transaction ends, these accounts stay as they are, and nobody else counts what they hold."""
    await connection.execute(_LOCK_COUNTS, {"tenant": tenant, "names": [one.name for one in candidates]})
    await connection.execute(_KEEP_AS_THEY_ARE, {"tenant": tenant, "ids": [one.account_id for one in candidates]})


def _rota(now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "rota_from": now - AROUND,
        "rota_until": now + AROUND,
        "idle": IDLE,
        "lately": LATELY,
        "most_counted": _MOST_COUNTED,
    }


def _presence(row: RowMapping | None) -> Presence:
    if row is None or row["state"] is None:
        return Presence()
    state = row["state"] if row["state"] in set(State) else State.AWAY  # of another release
    return Presence(State(state), row["since"])


def _standing(row: RowMapping) -> Standing:
    return Standing(
        name=row["name"],
        display_name=row["display_name"],
        presence=_presence(row),
        is_seen=row["is_seen"],
        held=row["held"],
        skills=tuple(row["skills"]),
        capacity=row["capacity"],
        quiet_since=row["quiet_since"],
        on_rota=row["on_rota"],
        on_shift=tuple((tier, group) for tier, group in row["on_shift"] or ()),
        ends_at=row["ends_at"],
        begins_at=row["begins_at"],
    )


def _candidate(row: RowMapping) -> Candidate:
    return Candidate(
        account_id=row["id"],
        name=row["name"],
        grants=tuple(Grant(Role(role), tier or None, group or None) for role, tier, group in row["granted"] or ()),
        skills=frozenset(row["skills"]),
        held=row["held"],
        waits_since=row["waits_since"],
        capacity=row["capacity"],
        on_rota=row["on_rota"],
        on_shift=frozenset((tier, group) for tier, group in row["on_shift"] or ()),
    )
