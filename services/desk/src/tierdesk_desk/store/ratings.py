"""Ratings: one row for each resolution."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.ratings import Rating
from tierdesk_desk.store.portal_tables import rating as ratings


async def read_rating(connection: AsyncConnection, tenant: str, ticket: str, resolution: int) -> Rating | None:
    """How this resolution was rated."""
    statement = select(ratings).where(
        ratings.c.tenant == tenant, ratings.c.ticket == ticket, ratings.c.resolution == resolution
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Rating(**row)


async def save_rating(connection: AsyncConnection, rating: Rating) -> None:
    """Write a rating in the place of the one before. The request's row is locked meanwhile."""
    values = asdict(rating)
    statement = insert(ratings).values(values)
    changed = {name: values[name] for name in ("score", "comment", "revision", "changed_at")}
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[ratings.c.tenant, ratings.c.ticket, ratings.c.resolution], set_=changed
        )
    )
