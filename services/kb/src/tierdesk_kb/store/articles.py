"""Articles and their revisions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.articles import Article, ArticleState, Attachment, Content, Kind
from tierdesk_kb.store.publications import add_publication, drop_publication
from tierdesk_kb.store.tables import article as articles
from tierdesk_kb.store.tables import counter
from tierdesk_kb.store.tables import revision as revisions

_READ_AT_ONCE: Final = 2_000
"""Each part is a commit of the index, which has its price; and is held in memory, where an article may take 64 KiB."""
_CONTENT: Final = (
    revisions.c.title, revisions.c.body, revisions.c.audience, revisions.c.keywords, revisions.c.kind,
    revisions.c.steps, revisions.c.attachments, revisions.c.video, revisions.c.language,
)  # fmt: skip
_NEXT_POSITION: Final = text("""
    INSERT INTO kb.counter (tenant, position) VALUES (:tenant, 1)
    ON CONFLICT (tenant) DO UPDATE SET position = counter.position + 1
    RETURNING position
""")


@dataclass(frozen=True, slots=True)
class Written:
    """One revision as it was written."""

    article: Article
    revision: int
    content: Content
    author: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class VisibleChange:
    """What readers see of an article since this position: its published content, or nothing any more."""

    position: int
    article_id: UUID
    content: Content | None


async def add_article(
    connection: AsyncConnection, article: Article, content: Content, author: str, at: datetime
) -> None:
    """Store a new article with its first revision."""
    await connection.execute(
        insert(articles).values(
            tenant=article.tenant,
            id=article.id,
            state=stored_state(article),
            revision=article.revision,
            created_at=at,
            changed_at=at,
            submitted_revision=article.submitted_revision,
            owner=article.owner,
            review_at=article.review_at,
        )
    )
    await add_revision(connection, article, content, author, at)


async def add_revision(
    connection: AsyncConnection, article: Article, content: Content, author: str, at: datetime
) -> None:
    """Store the newest revision's content."""
    await connection.execute(
        insert(revisions).values(
            tenant=article.tenant,
            article_id=article.id,
            revision=article.revision,
            author=author,
            written_at=at,
            **content_values(content),
        )
    )


async def lock_article(connection: AsyncConnection, tenant: str, article_id: UUID) -> Article | None:
    """The tenant's article, locked until the transaction ends."""
    statement = select(articles).where(articles.c.tenant == tenant, articles.c.id == article_id).with_for_update()
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else read_article(row)


async def save_article(connection: AsyncConnection, article: Article, at: datetime, *, visible: bool) -> None:
    """Write an article's state. With `visible`, readers see a change: it takes the tenant's next position.

    What is published so is to be looked at for open tickets; what is retired, no more. Changes of one tenant that readers see wait for each other, so that no position appears after a later one.
    """
    values: dict[str, Any] = {
        "state": stored_state(article),
        "revision": article.revision,
        "published_revision": article.published_revision,
        "submitted_revision": article.submitted_revision,
        "owner": article.owner,
        "review_at": article.review_at,
        "changed_at": at,
    }
    if visible:
        position = await take_position(connection, article.tenant)
        values["position"] = position
        if article.state is ArticleState.PUBLISHED:
            await add_publication(connection, article.tenant, article.id, position)
        else:
            await drop_publication(connection, article.tenant, article.id)
    await connection.execute(
        update(articles).where(articles.c.tenant == article.tenant, articles.c.id == article.id).values(values)
    )


async def read_revision(
    connection: AsyncConnection, tenant: str, article_id: UUID, *, published: bool
) -> Written | None:
    """The newest revision of the tenant's article, or the published one; None without such."""
    which = articles.c.published_revision if published else articles.c.revision
    statement = _written().where(
        articles.c.tenant == tenant, articles.c.id == article_id, revisions.c.revision == which
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _written_row(row)


async def read_one_revision(connection: AsyncConnection, tenant: str, article_id: UUID, number: int) -> Written | None:
    """This revision of the tenant's article; None without such."""
    statement = _written().where(
        articles.c.tenant == tenant, articles.c.id == article_id, revisions.c.revision == number
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _written_row(row)


async def read_published(
    connection: AsyncConnection, tenant: str, article_ids: Collection[UUID]
) -> dict[UUID, Written]:
    """Those of the tenant's articles that readers may see now, as they are now."""
    if not article_ids:
        return {}
    statement = _written().where(
        articles.c.tenant == tenant,
        articles.c.id.in_(article_ids),
        articles.c.state == ArticleState.PUBLISHED.value,
        revisions.c.revision == articles.c.published_revision,
    )
    rows = (await connection.execute(statement)).mappings()
    return {row["id"]: _written_row(row) for row in rows}


async def take_position(connection: AsyncConnection, tenant: str) -> int:
    """The tenant's next position. Whoever takes another waits until this transaction ends."""
    return int((await connection.execute(_NEXT_POSITION, {"tenant": tenant})).scalar_one())


async def read_positions(connection: AsyncConnection) -> dict[str, int]:
    """The last position of each tenant."""
    rows = await connection.execute(select(counter.c.tenant, counter.c.position))
    return {row.tenant: row.position for row in rows}


async def read_changes(connection: AsyncConnection, tenant: str, after: int) -> AsyncIterator[list[VisibleChange]]:
    """What readers of the tenant see that changed after this position, in order, in lists of bounded length.

    An article that changed several times is told once, as it is now.
    """
    while True:
        statement = (
            select(articles.c.position, articles.c.id, articles.c.state, *_CONTENT)
            .join(
                revisions,
                (revisions.c.tenant == articles.c.tenant)
                & (revisions.c.article_id == articles.c.id)
                & (revisions.c.revision == articles.c.published_revision),
            )
            .where(articles.c.tenant == tenant, articles.c.position > after)
            .order_by(articles.c.position)
            .limit(_READ_AT_ONCE)
        )
        rows = (await connection.execute(statement)).mappings().all()
        if not rows:
            return
        yield [_change(row) for row in rows]
        after = rows[-1]["position"]


def _written() -> Select[Any]:
    return select(
        articles, revisions.c.revision.label("written_revision"), *_CONTENT, revisions.c.author,
        revisions.c.written_at,
    ).join(
        revisions, (revisions.c.tenant == articles.c.tenant) & (revisions.c.article_id == articles.c.id)
    )  # fmt: skip


def read_article(row: RowMapping) -> Article:
    """The article of this row."""
    state = ArticleState(row["state"])
    submitted = row["submitted_revision"]
    # A release that knows of no reviews leaves one behind when it publishes, or writes the next revision.
    if submitted != row["revision"] or row["published_revision"] == submitted or state is ArticleState.RETIRED:
        submitted = None
    return Article(
        tenant=row["tenant"],
        id=row["id"],
        state=ArticleState.IN_REVIEW if submitted and state is ArticleState.DRAFT else state,
        revision=row["revision"],
        published_revision=row["published_revision"],
        submitted_revision=submitted,
        owner=row["owner"],
        review_at=row["review_at"],
    )


def content_values(content: Content) -> dict[str, Any]:
    """The columns of a revision that hold its content."""
    return {
        "title": content.title,
        "body": content.body,
        "audience": content.audience,
        "keywords": list(content.keywords),
        "kind": content.kind.value,
        "steps": list(content.steps),
        "attachments": [asdict(one) for one in content.attachments],
        "video": content.video,
        "language": content.language,
    }


def stored_state(article: Article) -> str:
    """What readers see of it, for releases that know of no reviews."""
    return (ArticleState.DRAFT if article.state is ArticleState.IN_REVIEW else article.state).value


def _written_row(row: RowMapping) -> Written:
    return Written(read_article(row), row["written_revision"], _content(row), row["author"], row["written_at"])


def _change(row: RowMapping) -> VisibleChange:
    seen = row["state"] == ArticleState.PUBLISHED.value
    return VisibleChange(row["position"], row["id"], _content(row) if seen else None)


def _content(row: RowMapping | Mapping[str, Any]) -> Content:
    return Content(
        title=row["title"],
        body=row["body"],
        audience=row["audience"],
        keywords=tuple(row["keywords"]),
        kind=Kind(row["kind"]),
        steps=tuple(row["steps"]),
        attachments=tuple(Attachment(**one) for one in row["attachments"]),
        video=row["video"],
        language=row["language"],
    )
