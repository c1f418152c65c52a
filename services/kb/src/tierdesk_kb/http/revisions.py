"""`/v1/articles/{article_id}/revisions` and `/diff`: how an article came to be what it is. `/worklist`: what is to be done."""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel

from tierdesk_contracts.vocabulary import Identifier, Name
from tierdesk_kb.domain.articles import ArticleState, Kind
from tierdesk_kb.domain.differences import changed_fields, compare_bodies
from tierdesk_kb.http.article_access import Reader, unknown_article
from tierdesk_kb.http.views import ArticleView, ReviewView, view_article, view_review
from tierdesk_kb.store.articles import Written, read_one_revision
from tierdesk_kb.store.revisions import RevisionHead, list_revisions
from tierdesk_kb.store.worklist import Task, list_tasks
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

_Number = Annotated[int, Query(ge=1, le=2_147_483_647)]


class RevisionEntry(BaseModel):
    """A revision, and what was done about it, in order."""

    revision: int
    title: str
    author: str
    written_at: AwareDatetime
    reviews: tuple[ReviewView, ...]


class RevisionPage(BaseModel):
    """Revisions, the newest first. `next` is the `before` of the next page; null on the last."""

    revisions: tuple[RevisionEntry, ...]
    next: int | None


class Difference(BaseModel):
    """What changed between two revisions: the fields by name, and the Markdown as a unified difference."""

    from_revision: int
    to_revision: int
    changed: tuple[str, ...]
    diff: str


class TaskView(BaseModel):
    """An article of a worklist: its newest revision, and where it stands."""

    id: UUID
    title: str
    kind: Kind
    audience: str
    author: str
    state: ArticleState
    revision: int
    published_revision: int | None
    submitted_revision: int | None
    owner: str | None
    review_at: AwareDatetime | None
    changed_at: AwareDatetime


class TaskPage(BaseModel):
    """Articles, the newest first. `next` is the `after` of the next page; null on the last."""

    articles: tuple[TaskView, ...]
    next: UUID | None


def add_worklist_route(router: APIRouter, database: Database, publisher: Publisher) -> None:
    """Add the endpoint."""

    @router.get("/worklist")
    async def worklist(
        principal: Reader,
        state: ArticleState | None = None,
        owner: Name | None = None,
        audience: Identifier | None = None,
        *,
        overdue: Annotated[bool, Query(description="Only those whose `review_at` has come.")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    ) -> TaskPage:
        """Articles by what is to be done about them. `in_review` finds published ones too, of which a revision is in review."""
        async with database.read() as connection:
            found = await list_tasks(
                connection,
                principal.tenant,
                limit=limit + 1,
                state=state,
                owner=owner,
                audience=audience,
                overdue_at=publisher.now() if overdue else None,
                after=after,
            )
        return TaskPage(
            articles=tuple(_view_task(one) for one in found[:limit]),
            next=found[limit - 1].article.id if len(found) > limit else None,
        )


def add_revision_routes(router: APIRouter, database: Database) -> None:
    """Add the endpoints."""

    async def find(principal: Reader, article_id: UUID, revision: int) -> Written:
        async with database.read() as connection:
            written = await read_one_revision(connection, principal.tenant, article_id, revision)
        if written is None:
            raise ProblemError(404, "No such revision", f"No revision {revision} of this article can be read.")
        return written

    @router.get("/{article_id}/revisions")
    async def revisions(
        article_id: UUID,
        principal: Reader,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        before: Annotated[_Number | None, Query(description="`next` of the page before.")] = None,
    ) -> RevisionPage:
        """The revisions of an article, with who reviewed them."""
        async with database.read() as connection:
            found = await list_revisions(connection, principal.tenant, article_id, limit=limit + 1, before=before)
            if not found and await read_one_revision(connection, principal.tenant, article_id, 1) is None:
                raise unknown_article()
        return RevisionPage(
            revisions=tuple(_view_head(one) for one in found[:limit]),
            next=found[limit - 1].revision if len(found) > limit else None,
        )

    @router.get("/{article_id}/revisions/{revision}")
    async def read_revision(
        article_id: UUID, revision: Annotated[int, Path(ge=1, le=2_147_483_647)], principal: Reader
    ) -> ArticleView:
        """One revision of an article, as it was written."""
        return view_article(await find(principal, article_id, revision))

    @router.get("/{article_id}/diff")
    async def diff(
        article_id: UUID,
        principal: Reader,
        from_: Annotated[_Number, Query(alias="from", description="The older revision.")],
        to: Annotated[_Number, Query(description="The newer revision.")],
    ) -> Difference:
        """What changed from one revision of an article to another."""
        old, new = await find(principal, article_id, from_), await find(principal, article_id, to)
        names = f"revision {from_}", f"revision {to}"
        told = await asyncio.to_thread(compare_bodies, old.content, new.content, names=names)
        changed = changed_fields(old.content, new.content)
        return Difference(from_revision=from_, to_revision=to, changed=changed, diff=told)


def _view_head(head: RevisionHead) -> RevisionEntry:
    return RevisionEntry(
        revision=head.revision,
        title=head.title,
        author=head.author,
        written_at=head.written_at,
        reviews=tuple(view_review(one) for one in head.reviews),
    )


def _view_task(task: Task) -> TaskView:
    article = task.article
    return TaskView(
        id=article.id,
        title=task.title,
        kind=task.kind,
        audience=task.audience,
        author=task.author,
        state=article.state,
        revision=article.revision,
        published_revision=article.published_revision if article.state is ArticleState.PUBLISHED else None,
        submitted_revision=article.submitted_revision,
        owner=article.owner,
        review_at=article.review_at,
        changed_at=task.changed_at,
    )
