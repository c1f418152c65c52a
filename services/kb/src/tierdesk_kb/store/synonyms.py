"""Terms that mean the same, as each tenant has written them down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.store.articles import take_position
from tierdesk_kb.store.tables import synonyms as table

Groups = tuple[tuple[str, ...], ...]
"""The terms of each group mean the same."""


@dataclass(frozen=True, slots=True)
class WrittenSynonyms:
    """All groups of a tenant by language, as they were written last."""

    version: int
    groups: Mapping[str, Groups]
    author: str
    written_at: datetime


async def read_synonyms(connection: AsyncConnection, tenant: str) -> WrittenSynonyms | None:
    """What the tenant has written; None when it never did."""
    row = (await connection.execute(select(table).where(table.c.tenant == tenant))).mappings().one_or_none()
    if row is None:
        return None
    groups = {language: tuple(map(tuple, some)) for language, some in row["groups"].items()}
    return WrittenSynonyms(row["version"], groups, row["author"], row["written_at"])


async def write_synonyms(
    connection: AsyncConnection, tenant: str, groups: Mapping[str, Groups], author: str, at: datetime, *, based_on: int
) -> WrittenSynonyms | int:
    """Put these groups in the place of version `based_on`, 0 for none; every process follows.

    Answers what is stored then, or the version that stands there when it is another: nothing is to be committed then.
    """
    position = await take_position(connection, tenant)  # from here on no other writer comes between
    before = await read_synonyms(connection, tenant)
    version = 0 if before is None else before.version
    if version != based_on:
        return version
    written = WrittenSynonyms(version + 1, groups, author, at)
    values = {
        "version": written.version,
        "position": position,
        "groups": groups,
        "author": author,
        "written_at": at,
    }
    statement = insert(table).values(tenant=tenant, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=[table.c.tenant], set_=values))
    return written
