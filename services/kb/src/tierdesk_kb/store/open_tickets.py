"""Open tickets by their words: written and ended in bulk, read in pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.open_tickets import Course, OpenTicket, TicketKey

LAST: Final = UUID(int=2**128 - 1)
"""No ticket comes after it."""
_COLUMNS: Final = "id, policy_version, title_words, text_words, tried, told_article, told_score, reopen_seconds"

_ADD: Final = text("""
    INSERT INTO kb.open_ticket (
        tenant, id, policy_version, title_words, text_words, tried, told_article, told_score, reopen_seconds)
    SELECT
        tenant, id, policy_version, string_to_array(title_words, ' '), string_to_array(text_words, ' '),
        CAST(string_to_array(tried, ' ') AS uuid[]), told_article, told_score, reopen_seconds
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:id AS uuid[]), CAST(:policy_version AS text[]), CAST(:title_words AS text[]),
        CAST(:text_words AS text[]), CAST(:tried AS text[]), CAST(:told_article AS uuid[]),
        CAST(:told_score AS double precision[]), CAST(:reopen_seconds AS bigint[])
    ) AS k(
        tenant, id, policy_version, title_words, text_words, tried, told_article, told_score, reopen_seconds)
    ON CONFLICT DO NOTHING
""")
"""A word is letters and digits, so that blanks can part words."""
_FOLLOW: Final[dict[Course, TextClause]] = {
    Course.OPEN: text("UPDATE kb.open_ticket SET forget_at = NULL WHERE tenant = :tenant AND id = :id"),
    Course.OVER: text("""
        UPDATE kb.open_ticket SET forget_at = CAST(:at AS timestamptz) + make_interval(secs => reopen_seconds)
        WHERE tenant = :tenant AND id = :id AND forget_at IS NULL
    """),
    Course.ENDED: text("DELETE FROM kb.open_ticket WHERE tenant = :tenant AND id = :id"),
}
_ADD_TRIED: Final = text("""
    UPDATE kb.open_ticket SET tried = tried || CAST(:article AS uuid)
    WHERE tenant = :tenant AND id = :id AND CAST(:article AS uuid) <> ALL (tried)
""")
_END_OF_PAGE: Final = text("""
    SELECT id FROM kb.open_ticket WHERE tenant = :tenant AND id > :after ORDER BY id OFFSET :rows - 1 LIMIT 1
""")
_PAGE: Final = text(f"""
    SELECT {_COLUMNS} FROM kb.open_ticket
    WHERE tenant = :tenant AND id > :after AND id <= :until AND forget_at IS NULL
        AND (title_words && CAST(:words AS text[]) OR text_words && CAST(:words AS text[]))
    ORDER BY id
""")  # noqa: S608 - our own columns
_LOCK: Final = text(f"""
    SELECT found.*
    FROM unnest(CAST(:ids AS uuid[])) AS k(id)
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM kb.open_ticket AS t
        WHERE t.tenant = :tenant AND t.id = k.id AND t.forget_at IS NULL FOR UPDATE
    ) AS found
""")  # noqa: S608 - our own columns
_TELL: Final = text("""
    UPDATE kb.open_ticket SET told_article = :article, told_score = :score WHERE tenant = :tenant AND id = :id
""")
_FORGET: Final = text("""
    DELETE FROM kb.open_ticket WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM kb.open_ticket WHERE forget_at < :now ORDER BY forget_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ))
""")


async def add_open_tickets(connection: AsyncConnection, tickets: Iterable[OpenTicket]) -> None:
    """Keep tickets that are opened; one that is kept already stays as it is."""
    rows = sorted(tickets, key=lambda one: (one.tenant, one.id))
    if rows:
        columns: dict[str, list[Any]] = {
            name: [getattr(row, name) for row in rows]
            for name in ("tenant", "id", "policy_version", "told_article", "told_score", "reopen_seconds")
        }
        lists = {
            name: [" ".join(map(str, getattr(row, name))) for row in rows]
            for name in ("title_words", "text_words", "tried")
        }
        await connection.execute(_ADD, columns | lists)


async def follow_courses(connection: AsyncConnection, courses: Mapping[TicketKey, tuple[Course, datetime]]) -> None:
    """Note which tickets are over, over for good, or open again. One that is not kept changes nothing."""
    for course, statement in _FOLLOW.items():
        found = sorted((key, at) for key, (now, at) in courses.items() if now is course)
        given = {"at"} if course is Course.OVER else set()
        if found:
            await connection.execute(
                statement,
                [{"tenant": tenant, "id": ticket, **({"at": at} if given else {})} for (tenant, ticket), at in found],
            )


async def add_tried(connection: AsyncConnection, tried: Mapping[TicketKey, Collection[UUID]]) -> None:
    """Note articles that were tried."""
    rows = [
        {"tenant": tenant, "id": ticket, "article": article}
        for (tenant, ticket), articles in sorted(tried.items())
        for article in articles
    ]
    if rows:
        await connection.execute(_ADD_TRIED, rows)


async def read_page(
    connection: AsyncConnection, tenant: str, after: UUID, *, rows: int, words: Collection[str]
) -> tuple[list[OpenTicket], UUID | None]:
    """Of the next `rows` tickets those that are open and have one of these words; and the last of them all, None at the end."""
    place = {"tenant": tenant, "after": after}
    until = (await connection.execute(_END_OF_PAGE, place | {"rows": rows})).scalar_one_or_none()
    found = await connection.execute(_PAGE, place | {"until": until or LAST, "words": sorted(words)})
    return [_ticket(tenant, row) for row in found], until


async def lock_open_tickets(connection: AsyncConnection, tenant: str, ids: Iterable[UUID]) -> list[OpenTicket]:
    """Those of these tickets that are open now, locked in order until the transaction ends."""
    found = await connection.execute(_LOCK, {"tenant": tenant, "ids": sorted(ids)})
    return [_ticket(tenant, row) for row in found]


async def save_told(connection: AsyncConnection, tickets: Sequence[OpenTicket]) -> None:
    """Write which article was told of these tickets, and with what score."""
    if tickets:
        await connection.execute(
            _TELL,
            [
                {"tenant": one.tenant, "id": one.id, "article": one.told_article, "score": one.told_score}
                for one in tickets
            ],
        )


async def forget_tickets(connection: AsyncConnection, now: datetime, *, limit: int) -> int:
    """Forget up to `limit` tickets that can be reopened no more; answers how many."""
    return (await connection.execute(_FORGET, {"now": now, "limit": limit})).rowcount


def _ticket(tenant: str, row: Row[Any]) -> OpenTicket:
    return OpenTicket(
        tenant=tenant,
        id=row.id,
        policy_version=row.policy_version,
        title_words=tuple(row.title_words),
        text_words=tuple(row.text_words),
        reopen_seconds=row.reopen_seconds,
        tried=tuple(row.tried),
        told_article=row.told_article,
        told_score=row.told_score,
    )
