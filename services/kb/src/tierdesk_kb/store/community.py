"""Posts of the community, with their votes and reports, and what moderators did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_kb.domain.community import HoldFirst, Post, PostState
from tierdesk_kb.store.community_tables import community_setting as settings
from tierdesk_kb.store.community_tables import known_author as authors
from tierdesk_kb.store.community_tables import post as posts
from tierdesk_kb.store.community_tables import post_log as log
from tierdesk_kb.store.community_tables import post_report as reports
from tierdesk_kb.store.community_tables import post_vote as votes


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What somebody did about a post, and why."""

    tenant: str
    id: UUID
    post_id: UUID
    verb: str
    actor: str
    reason: str
    at: datetime


async def add_post(connection: AsyncConnection, post: Post) -> None:
    """Keep a new post."""
    await connection.execute(insert(posts).values({**asdict(post), "state": post.state.value}))


async def save_post(connection: AsyncConnection, post: Post) -> None:
    """Write what may change of a post that is locked; not its votes, which are counted elsewhere."""
    statement = update(posts).where(posts.c.tenant == post.tenant, posts.c.id == post.id)
    await connection.execute(
        statement.values(
            state=post.state.value, reports=post.reports, accepted=post.accepted, article_id=post.article_id
        )
    )


async def read_post(connection: AsyncConnection, tenant: str, post_id: UUID, *, lock: bool = False) -> Post | None:
    """A post in whatever state, locked until the transaction ends if that is wanted; None without it."""
    statement = select(posts).where(posts.c.tenant == tenant, posts.c.id == post_id)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).mappings().one_or_none()
    return None if row is None else _post(row)


async def lock_post(connection: AsyncConnection, tenant: str, post_id: UUID) -> tuple[Post, Post] | None:
    """A question twice, or an answer with its question, locked in that order: the question before its answers.

    Answers `(question, post)`; None without it.
    """
    found = await read_post(connection, tenant, post_id)
    if found is None:
        return None
    question = await read_post(connection, tenant, found.question or found.id, lock=True)
    post = question if found.question is None else await read_post(connection, tenant, post_id, lock=True)
    return None if question is None or post is None else (question, post)


async def list_questions(
    connection: AsyncConnection, tenant: str, *, before: UUID | None, limit: int
) -> Sequence[Post]:
    """The questions that are shown, the newest first."""
    statement = select(posts).where(
        posts.c.tenant == tenant, posts.c.question.is_(None), posts.c.state == PostState.SHOWN.value
    )
    if before is not None:
        statement = statement.where(posts.c.id < before)
    return await _read(connection, statement.order_by(posts.c.id.desc()).limit(limit))


async def list_answers(
    connection: AsyncConnection, tenant: str, question: UUID, *, after: UUID, limit: int
) -> Sequence[Post]:
    """The answers to a question that are shown, the oldest first."""
    statement = select(posts).where(
        posts.c.tenant == tenant,
        posts.c.question == question,
        posts.c.state == PostState.SHOWN.value,
        posts.c.id > after,
    )
    return await _read(connection, statement.order_by(posts.c.id).limit(limit))


async def list_queue(connection: AsyncConnection, tenant: str, *, after: UUID, limit: int) -> Sequence[Post]:
    """The posts that wait for a moderator, held or reported, the oldest first."""
    waiting = or_(posts.c.state == PostState.HELD.value, posts.c.reports > 0)
    statement = select(posts).where(posts.c.tenant == tenant, waiting, posts.c.id > after)
    return await _read(connection, statement.order_by(posts.c.id).limit(limit))


async def set_vote(connection: AsyncConnection, post: Post, voter: str, *, up: bool) -> int:
    """Give or take back a vote for a post that is locked; answers how many it has then."""
    key = {"tenant": post.tenant, "post_id": post.id, "voter": voter}
    if up:
        given = insert_or(votes).values(key).on_conflict_do_nothing().returning(votes.c.voter)
        change = len((await connection.execute(given)).all())
    else:
        taken = (
            delete(votes)
            .where(votes.c.tenant == post.tenant, votes.c.post_id == post.id, votes.c.voter == voter)
            .returning(votes.c.voter)
        )
        change = -len((await connection.execute(taken)).all())
    statement = update(posts).where(posts.c.tenant == post.tenant, posts.c.id == post.id)
    counted = await connection.execute(statement.values(votes=posts.c.votes + change).returning(posts.c.votes))
    return int(counted.scalar_one())


async def add_report(connection: AsyncConnection, post: Post, reporter: str) -> bool:
    """Note that somebody reports a post that is locked; answers False when the same one has before."""
    key = {"tenant": post.tenant, "post_id": post.id, "reporter": reporter}
    made = insert_or(reports).values(key).on_conflict_do_nothing().returning(reports.c.reporter)
    if (await connection.execute(made)).one_or_none() is None:
        return False
    statement = update(posts).where(posts.c.tenant == post.tenant, posts.c.id == post.id)
    await connection.execute(statement.values(reports=posts.c.reports + 1))
    return True


async def add_entry(connection: AsyncConnection, entry: LogEntry) -> None:
    """Log what somebody did about a post."""
    await connection.execute(insert(log).values(asdict(entry)))


async def read_log(connection: AsyncConnection, tenant: str, post_id: UUID, *, limit: int) -> Sequence[LogEntry]:
    """What was done about a post, the last first."""
    statement = select(log).where(log.c.tenant == tenant, log.c.post_id == post_id)
    rows = (await connection.execute(statement.order_by(log.c.id.desc()).limit(limit))).mappings()
    return [LogEntry(**row) for row in rows]


async def is_known(connection: AsyncConnection, tenant: str, author: str) -> bool:
    """Whether a moderator approved the author's last post that one judged."""
    statement = select(authors.c.name).where(authors.c.tenant == tenant, authors.c.name == author)
    return (await connection.execute(statement)).one_or_none() is not None


async def set_known(connection: AsyncConnection, tenant: str, author: str, *, known: bool) -> None:
    """Remember that an author is known, or forget it."""
    if known:
        await connection.execute(insert_or(authors).values(tenant=tenant, name=author).on_conflict_do_nothing())
    else:
        await connection.execute(delete(authors).where(authors.c.tenant == tenant, authors.c.name == author))


async def read_hold_first(connection: AsyncConnection, tenant: str) -> HoldFirst:
    """Whose new posts the tenant holds; those of new authors, where it says nothing."""
    statement = select(settings.c.hold_first).where(settings.c.tenant == tenant)
    found = (await connection.execute(statement)).scalar_one_or_none()
    return HoldFirst.NEW if found is None else HoldFirst(found)


async def save_hold_first(connection: AsyncConnection, tenant: str, hold_first: HoldFirst) -> None:
    """Have the tenant hold these from now on."""
    statement = insert_or(settings).values(tenant=tenant, hold_first=hold_first.value)
    changed = statement.on_conflict_do_update(
        index_elements=[settings.c.tenant], set_={"hold_first": statement.excluded.hold_first}
    )
    await connection.execute(changed)


async def _read(connection: AsyncConnection, statement: Select[Any]) -> list[Post]:
    return [_post(row) for row in (await connection.execute(statement)).mappings()]


def _post(row: RowMapping) -> Post:
    return Post(**{**row, "state": PostState(row["state"])})
