"""The index follows what is committed, in every process, in the order of commits."""

import asyncio

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import ProgrammingError

from tierdesk_kb.app import DEFINITION
from tierdesk_kb.domain.articles import Article, ArticleState, Content, publish, retire
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.samples import read_samples
from tierdesk_kb.search.library import Library
from tierdesk_kb.store.articles import add_article, lock_article, save_article
from tierdesk_kb.store.tables import article as articles
from tierdesk_kb.store.tables import counter


async def publish_new(base, title, tenant="main"):
    """An article, published in a transaction of its own."""
    article = Article(tenant, base.identifiers.new(), ArticleState.DRAFT, revision=1)
    async with base.database.transaction() as tx:
        await add_article(tx.connection, article, Content(title, "Body."), "ana", base.publisher.now())
        await save_article(tx.connection, publish(article), base.publisher.now(), visible=True)
    return article


def titles(library, words, tenant="main"):
    return len(library.search(tenant, words, limit=50, offset=0, audience=None))


async def test_another_process_finds_what_this_one_publishes_and_not_what_it_retires(base):
    library = Library()
    follower, stop = IndexFollower(base.database, library), asyncio.Event()
    task = asyncio.create_task(follower.run(stop))
    try:
        await asyncio.wait_for(library.ready.wait(), 10)
        article = await publish_new(base, "Zebra crossing")
        async with asyncio.timeout(2):
            while not titles(library, "zebra"):  # noqa: ASYNC110 - another process is what is waited for
                await asyncio.sleep(0.02)
        async with base.database.transaction() as tx:
            current = await lock_article(tx.connection, "main", article.id)
            await save_article(tx.connection, retire(current), base.publisher.now(), visible=True)
        follower.poke()
        async with asyncio.timeout(2):
            while titles(library, "zebra"):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await task


async def test_an_index_built_at_the_start_equals_one_that_followed(base):
    for number in range(5):
        await publish_new(base, f"Giraffe number {number}")
        await base.index()
    fresh = Library()
    await IndexFollower(base.database, fresh).catch_up()
    fresh.ready.set()
    for words in ("giraffe", "password", "printer paper jam"):
        followed, built = (
            {hit.article_id for hit in library.search("main", words, limit=50, offset=0, audience=None)}
            for library in (base.library, fresh)
        )
        assert followed == built != set()


async def test_a_change_that_commits_late_is_not_passed_over(base):
    """The one that took its position first commits last: the other waits for it, so positions appear in order."""
    first = Article("main", base.identifiers.new(), ArticleState.DRAFT, revision=1)
    async with base.database.transaction() as tx:
        await add_article(tx.connection, first, Content("Slow walrus", "Body."), "ana", base.publisher.now())
        await save_article(tx.connection, publish(first), base.publisher.now(), visible=True)
        second = asyncio.create_task(publish_new(base, "Quick walrus"))
        await asyncio.sleep(0.2)
        await base.index()
        assert titles(base.library, "walrus") == 0
        assert not second.done()
    await second
    await base.index()
    assert titles(base.library, "walrus") == 2


async def test_when_the_database_goes_back_the_index_is_built_anew(base):
    """As after a restored backup, or after a standby took over that was behind."""
    lost = await publish_new(base, "Lost walrus")
    await base.index()
    assert titles(base.library, "walrus") == 1
    async with base.database.transaction() as tx:
        await tx.execute(delete(articles).where(articles.c.id == lost.id))
        await tx.execute(update(counter).values(position=counter.c.position - 1))
    await base.index()
    assert titles(base.library, "walrus") == 0
    assert titles(base.library, "password") > 0
    await publish_new(base, "Another walrus")
    await base.index()
    assert titles(base.library, "walrus") == 1
    async with base.database.transaction() as tx:
        await tx.execute(delete(counter))
    await base.index()
    assert titles(base.library, "walrus") == 0


async def test_tenants_do_not_wait_for_each_other(base):
    async with base.database.transaction() as tx:
        first = Article("main", base.identifiers.new(), ArticleState.DRAFT, revision=1)
        await add_article(tx.connection, first, Content("Slow walrus", "Body."), "ana", base.publisher.now())
        await save_article(tx.connection, publish(first), base.publisher.now(), visible=True)
        await asyncio.wait_for(publish_new(base, "Quick walrus", "other"), 5)


async def test_positions_are_gapless_also_when_a_transaction_fails(base):
    async def die():
        async with base.database.transaction() as tx:
            article = Article("main", base.identifiers.new(), ArticleState.DRAFT, revision=1)
            await add_article(tx.connection, article, Content("Okapi", "Body."), "ana", base.publisher.now())
            await save_article(tx.connection, publish(article), base.publisher.now(), visible=True)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        await die()
    await publish_new(base, "After")
    async with base.database.read() as connection:
        rows = await connection.execute(select(articles.c.position).order_by(articles.c.position))
        positions = [row.position for row in rows]
        last = (await connection.execute(select(counter.c.position))).scalar_one()
    assert positions == list(range(1, len(read_samples()) + 2))
    assert last == positions[-1]
    await base.index()
    assert titles(base.library, "okapi") == 0


async def test_many_articles_are_read_in_several_pieces(base, monkeypatch):
    monkeypatch.setattr("tierdesk_kb.store.articles._READ_AT_ONCE", 3)
    fresh = Library()
    await IndexFollower(base.database, fresh).catch_up()
    assert fresh._indexes["main"].size == len(read_samples())


async def test_samples_are_loaded_once(base):
    assert await base.samples() == 0
    assert await base.samples("other") == len(read_samples()) == 12


async def test_the_service_cannot_change_what_was_written(base):
    for table in DEFINITION.schema.log_tables:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with base.database.transaction() as tx:
                await tx.execute(text(f"DELETE FROM kb.{table}"))
