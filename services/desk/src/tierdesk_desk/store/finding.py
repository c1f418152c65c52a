"""Open work found by words of its title, or by its reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.people import Place
from tierdesk_desk.domain.work import Work
from tierdesk_desk.store.works import LINE_SQL, read_row

LONGEST_QUESTION: Final = 300
_LOOKED_AT: Final = 300
"""Of so many that have any of the words those with most of them are answered, however many there are."""
_FIND: Final = text(f"""
    WITH question AS MATERIALIZED (
        SELECT ARRAY(
            SELECT word FROM unnest(desk.words_of(:tenant, :question)) AS word
            WHERE length(word) > length(:tenant) + :shortest LIMIT 20
        ) AS words
    ),
    places AS (SELECT * FROM unnest(CAST(:tiers AS text[]), CAST(:groups AS text[])) AS p(tier, group_id)),
    likely AS (
        SELECT * FROM desk.work AS o
        WHERE desk.words_of(o.tenant, o.reference || ' ' || o.title) && (SELECT words FROM question)
          AND o.stage IN ('offered', 'claiming', 'owned', 'paused') AND o.tenant = :tenant
          AND EXISTS (SELECT FROM places AS p WHERE p.tier = o.tier AND p.group_id = o.group_id)
        LIMIT :looked_at
    ),
    counted AS (
        SELECT l.*, (
            SELECT count(*) FROM unnest(desk.words_of(l.tenant, l.reference || ' ' || l.title)) AS word
            WHERE word = ANY ((SELECT words FROM question)::text[])
        ) AS common FROM likely AS l
    )
    SELECT {LINE_SQL} FROM counted AS w
    WHERE common >= least(:common, cardinality((SELECT words FROM question)))
    ORDER BY common DESC, priority, rank_at, assignment_id LIMIT :limit
""")  # noqa: S608 - made of this module's own text


async def find_open_works(
    connection: AsyncConnection, tenant: str, places: Sequence[Place], question: str, *, common: int, limit: int
) -> list[Work]:
    """Open work of these groups that has at least `common` of the question's words, those with most of them first.

    A question of fewer words asks for all of them. Words of one or two letters are not looked for. Without its `view`.
    """
    parameters = {
        "tenant": tenant,
        "question": question[:LONGEST_QUESTION].replace("\x00", " "),
        "shortest": 3,  # the stroke between tenant and word, and two letters
        "tiers": [tier for tier, _ in places],
        "groups": [group for _, group in places],
        "looked_at": _LOOKED_AT,
        "common": common,
        "limit": limit,
    }
    return [read_row(row) for row in (await connection.execute(_FIND, parameters)).mappings()]
