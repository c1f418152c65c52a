"""Articles that come from elsewhere, many at once: a statement for each table, however many they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import ReviewStep
from tierdesk_kb.domain.importing import Imported, ImportStep
from tierdesk_kb.store.articles import content_values, read_article, stored_state
from tierdesk_kb.store.publications import FIRST
from tierdesk_kb.store.tables import article as articles
from tierdesk_kb.store.tables import imported

_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('tierdesk kb import ' || :tenant, 0))")
_POSITIONS: Final = text("""
    INSERT INTO kb.counter AS known (tenant, position) VALUES (:tenant, :count)
    ON CONFLICT (tenant) DO UPDATE SET position = known.position + :count
    RETURNING position
""")
_ARTICLES: Final = text("""
    INSERT INTO kb.article AS known
        (tenant, id, state, revision, published_revision, submitted_revision, position, owner, review_at, created_at,
         changed_at)
    SELECT :tenant, r.id, r.state, r.revision, r.published_revision, r.submitted_revision, r.position, r.owner, r.review_at,
           :at, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        id uuid, state text, revision integer, published_revision integer, submitted_revision integer, position bigint,
        owner text, review_at timestamptz
    )
    ON CONFLICT (tenant, id) DO UPDATE SET
        state = excluded.state, revision = excluded.revision, published_revision = excluded.published_revision,
        submitted_revision = excluded.submitted_revision, position = coalesce(excluded.position, known.position),
        owner = excluded.owner, review_at = excluded.review_at, changed_at = excluded.changed_at
""")
_REVISIONS: Final = text("""
    INSERT INTO kb.revision
        (tenant, article_id, revision, title, body, audience, keywords, kind, steps, attachments, video, language, author,
         written_at)
    SELECT :tenant, r.id, r.revision, r.title, r.body, r.audience, r.keywords, r.kind, r.steps, r.attachments, r.video,
           r.language, :by, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
        id uuid, revision integer, title text, body text, audience text, keywords text[], kind text, steps text[],
        attachments jsonb, video text, language text
    )
""")
_IMPORTED: Final = text("""
    INSERT INTO kb.imported (tenant, key, article_id, revision, fingerprint)
    SELECT :tenant, r.key, r.id, r.revision, decode(r.fingerprint, 'hex')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (key text, id uuid, revision integer, fingerprint text)
    ON CONFLICT (tenant, key) DO UPDATE SET revision = excluded.revision, fingerprint = excluded.fingerprint
""")
_SHOWN: Final = text("""
    WITH shown AS (
        SELECT r.id, r.revision, r.position
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id uuid, revision integer, position bigint)
    ), reviewed AS (
        INSERT INTO kb.review (tenant, article_id, revision, step, by, reason, at)
        SELECT :tenant, id, revision, :step, :by, '', :at FROM shown
    )
    INSERT INTO kb.publication (tenant, article_id, position, after) SELECT :tenant, id, position, :first FROM shown
    ON CONFLICT (tenant, article_id) DO UPDATE SET position = excluded.position, after = excluded.after
""")


async def lock_imported(connection: AsyncConnection, tenant: str, keys: Collection[str]) -> dict[str, Imported]:
    """What was imported under these keys before, its articles locked until the transaction ends.

    Imports of one tenant wait for each other, so that none takes a key for new that another is about to write.
    """
    await connection.execute(_ONE_AT_A_TIME, {"tenant": tenant})
    statement = (
        select(imported.c.key, imported.c.revision.label("imported_revision"), imported.c.fingerprint, *articles.c)
        .join(articles, (articles.c.tenant == imported.c.tenant) & (articles.c.id == imported.c.article_id))
        .where(imported.c.tenant == tenant, imported.c.key.in_(keys))
        .order_by(articles.c.id)
        .with_for_update(of=articles)
    )
    rows = (await connection.execute(statement)).mappings()
    return {
        row["key"]: Imported(read_article(row), row["imported_revision"], bytes(row["fingerprint"])) for row in rows
    }


async def save_imported(
    connection: AsyncConnection, tenant: str, steps: Sequence[ImportStep], *, by: str, at: datetime
) -> None:
    """Write what these steps say. What is shown takes the tenant's next positions, in their order, as in `save_article`."""
    shown = [step for step in steps if step.shown]
    positions: dict[str, int] = {}
    if shown:
        last = (await connection.execute(_POSITIONS, {"tenant": tenant, "count": len(shown)})).scalar_one()
        positions = {step.entry.key: last - len(shown) + number for number, step in enumerate(shown, start=1)}
    common = {"tenant": tenant, "at": at}
    changed = [step for step in steps if step.written or step.shown]
    if not changed:
        return
    rows = [_article_row(step, positions.get(step.entry.key)) for step in changed]
    await connection.execute(_ARTICLES, common | {"rows": _json(rows)})
    written = [step for step in steps if step.written]
    if written:
        rows = [
            {"id": step.article.id, "revision": step.article.revision, **content_values(step.entry.content)}
            for step in written
        ]
        await connection.execute(_REVISIONS, common | {"by": by, "rows": _json(rows)})
        rows = [
            {
                "key": step.entry.key,
                "id": step.article.id,
                "revision": step.article.revision,
                "fingerprint": step.entry.fingerprint.hex(),
            }
            for step in written
        ]
        await connection.execute(_IMPORTED, {"tenant": tenant, "rows": _json(rows)})
    if shown:
        rows = [
            {"id": step.article.id, "revision": step.article.revision, "position": positions[step.entry.key]}
            for step in shown
        ]
        told = {"step": ReviewStep.PUBLISHED.value, "by": by, "first": FIRST, "rows": _json(rows)}
        await connection.execute(_SHOWN, common | told)


def _article_row(step: ImportStep, position: int | None) -> dict[str, Any]:
    article = step.article
    return {
        "id": article.id,
        "state": stored_state(article),
        "revision": article.revision,
        "published_revision": article.published_revision,
        "submitted_revision": article.submitted_revision,
        "position": position,
        "owner": article.owner,
        "review_at": article.review_at,
    }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return to_json(rows).decode()
