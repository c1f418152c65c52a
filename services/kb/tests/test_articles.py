"""The life of an article."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.domain.articles import Article, ArticleConflictError, ArticleState, publish, retire, revise

DRAFT = Article("main", UUID(int=1), ArticleState.DRAFT, revision=1)


def test_a_draft_is_published_as_it_stands():
    published = publish(DRAFT)
    assert (published.state, published.published_revision) == ("published", 1)


def test_readers_go_on_to_see_what_is_published_while_the_next_revision_is_written():
    revised = revise(publish(DRAFT), based_on=1)
    assert (revised.state, revised.revision, revised.published_revision) == ("published", 2, 1)
    assert publish(revised).published_revision == 2


def test_publishing_or_retiring_again_changes_nothing():
    assert publish(publish(DRAFT)) == publish(DRAFT)
    assert retire(retire(DRAFT)) == retire(DRAFT)


def test_of_two_authors_who_read_the_same_revision_the_second_is_told():
    with pytest.raises(ArticleConflictError) as told:
        revise(revise(DRAFT, based_on=1), based_on=1)
    assert told.value.revision == 2


@pytest.mark.parametrize("change", [publish, lambda article: revise(article, based_on=1)])
def test_a_retired_article_stays_retired(change):
    with pytest.raises(ArticleConflictError):
        change(retire(publish(DRAFT)))


@given(st.lists(st.sampled_from(["publish", "revise", "retire"])))
def test_readers_never_see_a_revision_that_was_not_written(changes):
    article = DRAFT
    for change in changes:
        try:
            article = {
                "publish": publish,
                "revise": lambda one: revise(one, based_on=one.revision),
                "retire": retire,
            }[change](article)
        except ArticleConflictError:
            assert article.state is ArticleState.RETIRED
        assert article.published_revision is None or 1 <= article.published_revision <= article.revision
        assert (article.state is ArticleState.PUBLISHED) <= (article.published_revision is not None)
