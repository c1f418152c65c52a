"""Resolved tickets by their words, and what documents them: written in bulk, looked at in pages, counted by an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.open_tickets import TicketKey
from tierdesk_kb.domain.shift_left import Cell, Count, ResolvedTicket, count_changes
from tierdesk_kb.store.open_tickets import LAST
from tierdesk_kb.store.publications import FIRST

_COLUMNS: Final = (
    "ticket, sequence, tier, category, policy_version, resolved_at, title_words, text_words, fresh, counted, reopened, "
    "article_id, score"
)
NO_ARTICLE: Final = UUID(int=0)
"""Stands in a count where nothing documents its tickets."""

_ADD: Final = text("""
    INSERT INTO kb.resolution (
        tenant, ticket, sequence, tier, category, policy_version, resolved_at, title_words, text_words,
        fresh, counted, reopened, article_id, score)
    SELECT
        k.tenant, k.ticket, k.sequence, k.tier, k.category, k.policy_version, k.resolved_at,
        coalesce(o.title_words, '{}'), coalesce(o.text_words, '{}'), true, false, false, k.article_id, k.score
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:ticket AS uuid[]), CAST(:sequence AS bigint[]), CAST(:tier AS text[]),
        CAST(:category AS text[]), CAST(:policy_version AS text[]), CAST(:resolved_at AS timestamptz[]),
        CAST(:article_id AS uuid[]), CAST(:score AS double precision[])
    ) AS k(tenant, ticket, sequence, tier, category, policy_version, resolved_at, article_id, score)
    LEFT JOIN LATERAL (
        SELECT t.title_words, t.text_words FROM kb.open_ticket AS t WHERE t.tenant = k.tenant AND t.id = k.ticket LIMIT 1
    ) AS o ON true
    ON CONFLICT DO NOTHING
""")
_BEGIN: Final = text("""
    INSERT INTO kb.hindsight (tenant, position, after)
    SELECT tenant, 0, CAST(:after AS uuid) FROM unnest(CAST(:tenants AS text[])) AS k(tenant) ORDER BY tenant
    ON CONFLICT DO NOTHING
""")
_REOPEN: Final = text("""
    UPDATE kb.resolution SET reopened = true, fresh = true WHERE tenant = :tenant AND ticket = :ticket
""")
_DROP: Final = text("""
    DELETE FROM kb.resolution WHERE tenant = :tenant AND ticket = :ticket AND sequence = :sequence
""")
_TENANTS: Final = text("SELECT tenant FROM kb.hindsight ORDER BY tenant")
_CLAIM: Final = text("""
    SELECT h.position, h.target, h.after, coalesce(c.position, 0) AS newest
    FROM kb.hindsight AS h LEFT JOIN kb.counter AS c ON c.tenant = h.tenant
    WHERE h.tenant = :tenant FOR UPDATE OF h SKIP LOCKED
""")
_MOVE: Final = text("""
    UPDATE kb.hindsight SET position = :position, target = :target, after = :after WHERE tenant = :tenant
""")
_CHANGED: Final = text("""
    SELECT id FROM kb.article
    WHERE tenant = :tenant AND position > :position AND position <= :target ORDER BY position LIMIT :limit
""")
_FRESH: Final = text(f"""
    SELECT {_COLUMNS} FROM kb.resolution WHERE tenant = :tenant AND fresh ORDER BY ticket, sequence LIMIT :rows FOR UPDATE
""")  # noqa: S608 - our own columns
_END_OF_PAGE: Final = text("""
    SELECT ticket FROM kb.resolution WHERE tenant = :tenant AND ticket > :after ORDER BY ticket OFFSET :rows - 1 LIMIT 1
""")
_PAGE: Final = text(f"""
    SELECT {_COLUMNS} FROM kb.resolution
    WHERE tenant = :tenant AND ticket > :after AND ticket <= :until AND NOT fresh AND (
        CAST(:words AS text[]) IS NULL OR title_words && CAST(:words AS text[]) OR text_words && CAST(:words AS text[])
        OR article_id = ANY(CAST(:changed AS uuid[])) OR ticket = ANY(CAST(:origins AS uuid[])))
    ORDER BY ticket, sequence FOR UPDATE
""")  # noqa: S608 - our own columns
_ORIGINS: Final = text("""
    SELECT ticket, article_id FROM kb.proposal WHERE tenant = :tenant AND article_id = ANY(CAST(:articles AS uuid[]))
""")
_DRAFTED: Final = text("""
    SELECT k.ticket, found.article_id
    FROM unnest(CAST(:tickets AS uuid[])) AS k(ticket)
    CROSS JOIN LATERAL (
        SELECT p.article_id FROM kb.proposal AS p
        WHERE p.tenant = :tenant AND p.ticket = k.ticket AND p.article_id IS NOT NULL LIMIT 1
    ) AS found
""")
_DOCUMENT: Final = text("""
    UPDATE kb.resolution SET article_id = :article_id, score = :score, fresh = false, counted = true
    WHERE tenant = :tenant AND ticket = :ticket AND sequence = :sequence
""")
_CHANGE_COUNT: Final = text("""
    INSERT INTO kb.shift_left (tenant, day, tier, category, article_id, tickets)
    VALUES (:tenant, :day, :tier, :category, :article_id, :tickets)
    ON CONFLICT (tenant, day, tier, category, article_id) DO UPDATE SET tickets = shift_left.tickets + excluded.tickets
""")
_FORGET_COUNTS: Final = text("DELETE FROM kb.shift_left WHERE tenant = :tenant AND (day < :before OR tickets = 0)")
_FORGET: Final = text("""
    DELETE FROM kb.resolution WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM kb.resolution WHERE tenant = :tenant AND resolved_at < :before
        ORDER BY resolved_at LIMIT :limit FOR UPDATE
    ))
""")
_COUNT: Final = text("""
    SELECT g.tier, g.category, r.audience, CAST(sum(g.tickets) AS bigint) AS tickets
    FROM (
        SELECT tier, category, article_id, sum(tickets) AS tickets FROM kb.shift_left
        WHERE tenant = :tenant AND day >= :since AND day < :until
        GROUP BY tier, category, article_id HAVING sum(tickets) <> 0
    ) AS g
    LEFT JOIN kb.article AS a ON a.tenant = :tenant AND a.id = g.article_id AND a.state = 'published'
    LEFT JOIN kb.revision AS r ON r.tenant = a.tenant AND r.article_id = a.id AND r.revision = a.published_revision
    GROUP BY g.tier, g.category, r.audience
""")
_COUNT_OPEN: Final = text("""
    SELECT d.tier, d.category, r.audience, count(*) AS tickets
    FROM kb.documented_ticket AS d
    JOIN kb.article AS a ON a.tenant = d.tenant AND a.id = d.article_id AND a.state = 'published'
    JOIN kb.revision AS r ON r.tenant = a.tenant AND r.article_id = a.id AND r.revision = a.published_revision
    WHERE d.tenant = :tenant
    GROUP BY d.tier, d.category, r.audience
""")
_PUT_DOCUMENTED: Final = text("""
    INSERT INTO kb.documented_ticket (tenant, ticket, article_id, tier, category)
    VALUES (:tenant, :ticket, :article_id, :tier, :category)
    ON CONFLICT (tenant, ticket) DO UPDATE SET
        article_id = excluded.article_id, tier = excluded.tier, category = excluded.category
""")
_MOVE_DOCUMENTED: Final = text("""
    UPDATE kb.documented_ticket SET tier = :tier, category = :category WHERE tenant = :tenant AND ticket = :ticket
""")
_DROP_DOCUMENTED: Final = text("DELETE FROM kb.documented_ticket WHERE tenant = :tenant AND ticket = :ticket")

_DROP_TRIED: Final = text("""
    DELETE FROM kb.documented_ticket
    WHERE tenant = :tenant AND ticket = :ticket AND article_id = ANY(CAST(:articles AS uuid[]))
""")

Change = tuple[ResolvedTicket, ResolvedTicket | None]
"""A ticket as it was, and as it is after it was looked at; None when it is forgotten."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a tenant's resolved tickets were looked at. `newest` is the position of the last change that readers see.

    All of them were looked at for what changed up to `position`; with a `target`, those up to the ticket `after` for
    what changed up to it.
    """

    tenant: str
    position: int
    target: int | None
    after: UUID
    newest: int

    def begin(self) -> Progress:
        """Look at all of them for what has changed until now."""
        return replace(self, target=self.newest, after=FIRST)

    def move(self, until: UUID | None) -> Progress:
        """Those up to this one were looked at; None when it was the last."""
        if until is not None:
            return replace(self, after=until)
        return replace(self, position=self.target or self.position, target=None, after=FIRST)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an open ticket stands; with `article_id`, that this documents it from now on."""

    tier: str
    category: str
    article_id: UUID | None = None


async def add_resolutions(connection: AsyncConnection, tickets: Iterable[ResolvedTicket]) -> None:
    """Note tickets that were resolved, with the words that are kept of them while they are open, to be looked at."""
    rows = sorted(tickets, key=lambda one: (one.tenant, one.id))
    if not rows:
        return
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows]
        for name in ("tenant", "sequence", "tier", "category", "policy_version", "resolved_at", "article_id", "score")
    }
    await connection.execute(_ADD, columns | {"ticket": [row.id for row in rows]})
    await connection.execute(_BEGIN, {"tenants": sorted({row.tenant for row in rows}), "after": FIRST})


async def reopen_resolutions(connection: AsyncConnection, keys: Iterable[TicketKey]) -> None:
    """Have it forgotten that tickets were resolved: they are open again."""
    rows = [{"tenant": tenant, "ticket": ticket} for tenant, ticket in sorted(keys)]
    if rows:
        await connection.execute(_REOPEN, rows)


async def follow_documented(connection: AsyncConnection, standings: Mapping[TicketKey, Standing | None]) -> None:
    """Note where open tickets stand, and what documents them; with None, that a ticket is over, or its article did not help."""
    put, moved, gone = [], [], []
    for (tenant, ticket), standing in sorted(standings.items(), key=lambda item: item[0]):
        key = {"tenant": tenant, "ticket": ticket}
        if standing is None:
            gone.append(key)
            continue
        place: dict[str, Any] = key | {"tier": standing.tier, "category": standing.category}
        if standing.article_id is None:
            moved.append(place)
        else:
            put.append(place | {"article_id": standing.article_id})
    for statement, rows in ((_PUT_DOCUMENTED, put), (_MOVE_DOCUMENTED, moved), (_DROP_DOCUMENTED, gone)):
        if rows:
            await connection.execute(statement, rows)


async def drop_tried(connection: AsyncConnection, tried: Mapping[TicketKey, Collection[UUID]]) -> None:
    """Note that articles were tried on open tickets, and so did not solve them."""
    rows = [
        {"tenant": tenant, "ticket": ticket, "articles": sorted(articles)}
        for (tenant, ticket), articles in sorted(tried.items(), key=lambda item: item[0])
    ]
    if rows:
        await connection.execute(_DROP_TRIED, rows)


async def read_tenants(connection: AsyncConnection) -> list[str]:
    """The tenants that have resolved tickets."""
    return list((await connection.execute(_TENANTS)).scalars())


async def claim_progress(connection: AsyncConnection, tenant: str) -> Progress | None:
    """How far the tenant's tickets were looked at, locked; None while another process is at it."""
    row = (await connection.execute(_CLAIM, {"tenant": tenant})).one_or_none()
    return None if row is None else Progress(tenant, row.position, row.target, row.after, row.newest)


async def save_progress(connection: AsyncConnection, progress: Progress) -> None:
    """Remember it."""
    await connection.execute(
        _MOVE,
        {
            "tenant": progress.tenant,
            "position": progress.position,
            "target": progress.target,
            "after": progress.after,
        },
    )


async def read_changed(connection: AsyncConnection, progress: Progress, *, limit: int) -> list[UUID]:
    """Up to `limit` of the articles that readers see otherwise since the last time."""
    values = {"tenant": progress.tenant, "position": progress.position, "target": progress.target, "limit": limit}
    return list((await connection.execute(_CHANGED, values)).scalars())


async def read_origins(connection: AsyncConnection, tenant: str, articles: Collection[UUID]) -> dict[UUID, UUID]:
    """The tickets that have proposed these articles, each with its article."""
    rows = await connection.execute(_ORIGINS, {"tenant": tenant, "articles": sorted(articles)})
    return {row.ticket: row.article_id for row in rows}


async def read_drafted(connection: AsyncConnection, tenant: str, tickets: Collection[UUID]) -> dict[UUID, UUID]:
    """The articles that were drafted from these tickets, each by its ticket."""
    rows = await connection.execute(_DRAFTED, {"tenant": tenant, "tickets": sorted(tickets)})
    return {row.ticket: row.article_id for row in rows}


async def lock_fresh(connection: AsyncConnection, tenant: str, *, rows: int) -> list[ResolvedTicket]:
    """Some tickets that were not looked at yet, locked in order."""
    found = await connection.execute(_FRESH, {"tenant": tenant, "rows": rows})
    return [_ticket(tenant, row) for row in found]


async def lock_page(
    connection: AsyncConnection,
    progress: Progress,
    *,
    rows: int,
    words: Collection[str] | None,
    changed: Collection[UUID],
    origins: Collection[UUID],
) -> tuple[list[ResolvedTicket], UUID | None]:
    """Of the next `rows` tickets those, locked, that have one of these words (any, without), one of the articles, or are an origin.

    And the last of them all, None at the end.
    """
    place = {"tenant": progress.tenant, "after": progress.after}
    until = (await connection.execute(_END_OF_PAGE, place | {"rows": rows})).scalar_one_or_none()
    sought = {
        "until": until or LAST,
        "words": None if words is None else sorted(words),
        "changed": sorted(changed),
        "origins": sorted(origins),
    }
    found = await connection.execute(_PAGE, place | sought)
    return [_ticket(progress.tenant, row) for row in found], until


async def save_changes(connection: AsyncConnection, changes: Sequence[Change], *, kept_since: date) -> None:
    """Write tickets that were looked at, as they are after, and what that makes of the counts of days from `kept_since` on.

    The caller holds the tenant's progress.
    """
    after = [one for _, one in changes if one is not None]
    gone = [before for before, one in changes if one is None]
    for statement, tickets, fields in ((_DOCUMENT, after, ("article_id", "score")), (_DROP, gone, ())):
        if tickets:
            rows = [
                {"tenant": one.tenant, "ticket": one.id, "sequence": one.sequence}
                | {name: getattr(one, name) for name in fields}
                for one in tickets
            ]
            await connection.execute(statement, rows)
    counts: dict[tuple[str, Cell], int] = {}
    for before, one in changes:
        for cell, number in count_changes(before, one):
            if cell.day >= kept_since:
                counts[before.tenant, cell] = counts.get((before.tenant, cell), 0) + number
    changed = [
        {"tenant": tenant, **cell._asdict(), "article_id": cell.article_id or NO_ARTICLE, "tickets": number}
        for (tenant, cell), number in counts.items()
        if number
    ]
    if changed:
        await connection.execute(_CHANGE_COUNT, changed)


async def forget_resolutions(connection: AsyncConnection, tenant: str, kept_since: date, *, limit: int) -> int:
    """Forget up to `limit` tickets that were resolved before that day, and the counts of such days; answers how many tickets.

    The caller holds the tenant's progress.
    """
    await connection.execute(_FORGET_COUNTS, {"tenant": tenant, "before": kept_since})
    before = datetime.combine(kept_since, time(), UTC)
    return (await connection.execute(_FORGET, {"tenant": tenant, "before": before, "limit": limit})).rowcount


async def count_resolved(connection: AsyncConnection, tenant: str, since: date, until: date) -> list[Count]:
    """The tickets resolved from the day `since` until before `until`, by tier, category, and whom what documents them is written for."""
    rows = await connection.execute(_COUNT, {"tenant": tenant, "since": since, "until": until})
    return [Count(*row) for row in rows]


async def count_open(connection: AsyncConnection, tenant: str) -> list[Count]:
    """The open tickets that a published article documents, by the same."""
    return [Count(*row) for row in await connection.execute(_COUNT_OPEN, {"tenant": tenant})]


def _ticket(tenant: str, row: Row[Any]) -> ResolvedTicket:
    return ResolvedTicket(
        tenant=tenant,
        id=row.ticket,
        sequence=row.sequence,
        tier=row.tier,
        category=row.category,
        policy_version=row.policy_version,
        resolved_at=row.resolved_at,
        title_words=tuple(row.title_words),
        text_words=tuple(row.text_words),
        fresh=row.fresh,
        counted=row.counted,
        reopened=row.reopened,
        article_id=row.article_id,
        score=row.score,
    )
