"""Whose articles a ticket may be matched with."""

from uuid import UUID

import pytest

from tierdesk_kb.domain.articles import Article, ArticleState, Content, Kind, publish, revise
from tierdesk_kb.domain.audience import audiences_of, may_be_matched
from tierdesk_kb.store.articles import add_article, add_revision, lock_article, save_article
from tierdesk_policy import Policy

TITLE, TEXT = "Zebra plotter clogs", "The zebra plotter clogs its nozzle"


def moved_to(policy, group):
    """The policy with another knowledge group, or none."""
    document = {name: part for name, part in policy.document().items() if name != "knowledge"}
    return Policy.from_document(document | ({"knowledge": {"group": group}} if group else {}))


@pytest.mark.parametrize(
    ("group", "audiences"),
    [
        ("self-service", {"requester", "l0"}),
        ("front", {"requester", "l0", "l1"}),
        ("engineers", {"requester", "l0", "l1", "l2"}),
        (None, None),
    ],
)
def test_a_group_reads_what_is_written_for_its_tier_and_for_those_below(policy, group, audiences):
    moved = moved_to(policy, group)
    assert audiences_of(moved) == audiences
    assert may_be_matched("requester", moved)
    assert may_be_matched("l2", moved) == (audiences is None or "l2" in audiences)
    assert may_be_matched("another-desk", moved) == (audiences is None)


async def write(base, audience, title=TITLE, *, kind=Kind.FAQ):
    article = Article("main", base.identifiers.new(), ArticleState.DRAFT, revision=1)
    content = Content(title, "Clean the nozzle of the plotter.", audience, keywords=("nozzle",), kind=kind)
    async with base.database.transaction() as tx:
        await add_article(tx.connection, article, content, "ana", base.publisher.now())
        await save_article(tx.connection, publish(article), base.publisher.now(), visible=True)
    await base.index()
    return str(article.id)


async def matched(base, opened, **options):
    before = len(await base.sent("knowledge.matched"))
    await base.receive(base.tickets, opened(TITLE, TEXT, **options))
    return [match.data for match in (await base.sent("knowledge.matched"))[before:]]


async def test_an_article_for_a_higher_tier_sends_no_ticket_to_a_lower_one(base, opened):
    await write(base, "l2")
    assert not any(match.documented for match in await matched(base, opened))
    mine = await write(base, "l1")
    assert [(match.article_id, match.documented) for match in await matched(base, opened)] == [(mine, True)]


async def test_where_the_knowledge_group_stands_higher_its_tier_reads_more(base, opened, applied, policy):
    moved = moved_to(policy, "engineers")
    theirs = await write(base, "l2")
    ticket = opened(TITLE, TEXT, version=moved.version)
    assert await base.receive(base.tickets, applied(moved), ticket) == []
    (match,) = await base.sent("knowledge.matched")
    assert (match.data.article_id, match.data.documented) == (theirs, True)


async def test_an_article_that_is_another_tiers_since_a_moment_is_not_told(base, opened):
    """The index still has it as it was."""
    mine = await write(base, "l1")
    async with base.database.transaction() as tx:
        article = await lock_article(tx.connection, "main", UUID(mine))
        revised = publish(revise(article, based_on=1))
        await add_revision(tx.connection, revised, Content(TITLE, TEXT, "l2"), "ana", base.publisher.now())
        await save_article(tx.connection, revised, base.publisher.now(), visible=True)
    assert mine not in [match.article_id for match in await matched(base, opened)]


async def test_a_known_error_that_documents_the_problem_comes_before_a_better_article(base, opened):
    better = await write(base, "requester", f"{TITLE} its nozzle")
    assert [match.article_id for match in await matched(base, opened)] == [better]
    error = await write(base, "requester", kind=Kind.KNOWN_ERROR)
    (match,) = await matched(base, opened)
    assert (match.article_id, match.documented) == (error, True)
