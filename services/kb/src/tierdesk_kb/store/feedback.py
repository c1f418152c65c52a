"""What readers say of articles, and the record of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.attention import Standing
from tierdesk_kb.domain.uses import UseCounts
from tierdesk_kb.store.feedback_tables import article_record as records
from tierdesk_kb.store.feedback_tables import feedback as voices

_BEGIN_RECORD: Final = text("""
    INSERT INTO kb.article_record (tenant, article_id) VALUES (:tenant, :article_id) ON CONFLICT DO NOTHING
""")
_HOLD_RECORD: Final = text("""
    SELECT 1 FROM kb.article_record WHERE tenant = :tenant AND article_id = :article_id FOR UPDATE
""")
_GIVE: Final = text("""
    INSERT INTO kb.feedback (tenant, article_id, given_by, helpful, comment, revision, given_at)
    VALUES (:tenant, :article_id, :given_by, :helpful, :comment, :revision, :given_at)
    ON CONFLICT (tenant, article_id, given_by) DO UPDATE
    SET helpful = excluded.helpful, comment = excluded.comment, revision = excluded.revision, given_at = excluded.given_at
""")
_COUNT: Final = text("""
    UPDATE kb.article_record SET helpful = helpful + :helpful, unhelpful = unhelpful + :unhelpful
    WHERE tenant = :tenant AND article_id = :article_id
""")
_STANDINGS: Final = text("""
    SELECT a.id, r.title, a.created_at, a.changed_at,
        coalesce(c.worked, 0) AS worked, coalesce(c.failed, 0) AS failed, coalesce(c.answered, 0) AS answered,
        coalesce(c.confirmed, 0) AS confirmed, coalesce(c.helpful, 0) AS helpful, coalesce(c.unhelpful, 0) AS unhelpful,
        other.id AS like_id, other_text.title AS like_title, l.likeness
    FROM kb.article AS a
    JOIN kb.revision AS r ON r.tenant = a.tenant AND r.article_id = a.id AND r.revision = a.published_revision
    LEFT JOIN kb.article_record AS c ON c.tenant = a.tenant AND c.article_id = a.id
    LEFT JOIN kb.like_article AS l ON l.tenant = a.tenant AND l.article_id = a.id
    LEFT JOIN kb.article AS other ON other.tenant = l.tenant AND other.id = l.like_id AND other.state = 'published'
    LEFT JOIN kb.revision AS other_text
        ON other_text.tenant = other.tenant AND other_text.article_id = other.id
        AND other_text.revision = other.published_revision
    WHERE a.tenant = :tenant AND a.id > :after AND a.state = 'published'
    ORDER BY a.id LIMIT :limit
""")
FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Voice:
    """What a reader says of a published article, of this revision of it."""

    tenant: str
    article_id: UUID
    given_by: str
    helpful: bool
    comment: str
    revision: int
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """What became of an article."""

    uses: UseCounts
    helpful: int
    unhelpful: int


async def give_voice(connection: AsyncConnection, voice: Voice) -> None:
    """Keep what a reader says, in place of what the same one said before. Voices on one article take turns."""
    key = {"tenant": voice.tenant, "article_id": voice.article_id}
    await connection.execute(_BEGIN_RECORD, key)
    await connection.execute(_HOLD_RECORD, key)
    statement = select(voices.c.helpful).where(
        voices.c.tenant == voice.tenant,
        voices.c.article_id == voice.article_id,
        voices.c.given_by == voice.given_by,
    )
    before = (await connection.execute(statement)).scalar_one_or_none()
    given = {"helpful": voice.helpful, "comment": voice.comment, "revision": voice.revision}
    await connection.execute(_GIVE, key | given | {"given_by": voice.given_by, "given_at": voice.given_at})
    change = {
        "helpful": voice.helpful - (before is True),
        "unhelpful": (not voice.helpful) - (before is False),
    }
    await connection.execute(_COUNT, key | change)


async def read_record(connection: AsyncConnection, tenant: str, article_id: UUID) -> Record:
    """What became of an article; noughts where nothing did."""
    statement = select(records).where(records.c.tenant == tenant, records.c.article_id == article_id)
    row = (await connection.execute(statement)).one_or_none()
    return Record(UseCounts(), 0, 0) if row is None else Record(_counts(row), row.helpful, row.unhelpful)


async def read_voices(connection: AsyncConnection, tenant: str, article_id: UUID, *, limit: int) -> Sequence[Voice]:
    """The last voices on an article, the newest first."""
    statement = (
        select(voices)
        .where(voices.c.tenant == tenant, voices.c.article_id == article_id)
        .order_by(voices.c.given_at.desc(), voices.c.given_by)
        .limit(limit)
    )
    return [Voice(**row) for row in (await connection.execute(statement)).mappings()]


async def read_standings(connection: AsyncConnection, tenant: str, *, after: UUID, limit: int) -> list[Standing]:
    """The published articles of a tenant after this one, by identifier, with what became of them."""
    rows = await connection.execute(_STANDINGS, {"tenant": tenant, "after": after, "limit": limit})
    return [
        Standing(
            article_id=row.id,
            title=row.title,
            created_at=row.created_at,
            changed_at=row.changed_at,
            uses=_counts(row),
            helpful=row.helpful,
            unhelpful=row.unhelpful,
            like=None if row.like_id is None else (row.like_id, row.like_title, row.likeness),
        )
        for row in rows
    ]


def _counts(row: Row[tuple[int, ...]]) -> UseCounts:
    return UseCounts(row.worked, row.failed, row.answered, row.confirmed)
