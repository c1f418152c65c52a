"""The life of an article."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_kb.domain.articles import (
    Article,
    ArticleConflictError,
    ArticleState,
    Content,
    end_review,
    publish,
    retire,
    revise,
    submit,
)

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


def test_a_draft_in_review_is_one_again_when_the_review_ends_and_when_it_is_written_on():
    submitted = submit(DRAFT)
    assert (submitted.state, submitted.submitted_revision, submitted.in_review) == ("in_review", 1, True)
    assert submit(submitted) == submitted
    assert end_review(submitted) == DRAFT
    revised = revise(submitted, based_on=1)
    assert (revised.state, revised.revision, revised.in_review) == ("draft", 2, False)
    assert publish(submitted) == publish(DRAFT)


def test_readers_go_on_to_see_what_is_published_while_the_next_revision_is_in_review():
    submitted = submit(revise(publish(DRAFT), based_on=1))
    assert (submitted.state, submitted.published_revision, submitted.submitted_revision) == ("published", 1, 2)
    assert end_review(submitted).published_revision == 1
    assert publish(submitted).published_revision == 2


@pytest.mark.parametrize("article", [DRAFT, publish(DRAFT), retire(submit(DRAFT)), publish(submit(DRAFT))])
def test_a_review_that_is_not_asked_for_cannot_end(article):
    with pytest.raises(ArticleConflictError, match="not in review"):
        end_review(article)


def test_there_is_no_review_of_what_readers_see():
    with pytest.raises(ArticleConflictError, match="published"):
        submit(publish(DRAFT))


def test_the_steps_of_an_answer_have_their_numbers():
    content = Content("Unjam", "Take care.", steps=("Open the lid.", "Pull."), video="https://films.example/1")
    assert content.answer == "Take care.\n\n1. Open the lid.\n2. Pull.\n\nhttps://films.example/1"
    assert content.text == "Take care.\nOpen the lid.\nPull."
    assert Content("Unjam", "Take care.").answer == Content("Unjam", "Take care.").text == "Take care."


@pytest.mark.parametrize("change", [publish, submit, lambda article: revise(article, based_on=1)])
def test_a_retired_article_stays_retired(change):
    with pytest.raises(ArticleConflictError):
        change(retire(publish(DRAFT)))


@given(st.lists(st.sampled_from(["publish", "revise", "retire", "submit", "end_review"])))
def test_readers_never_see_a_revision_that_was_not_written(changes):
    article = DRAFT
    for change in changes:
        before = article
        try:
            article = {
                "publish": publish,
                "revise": lambda one: revise(one, based_on=one.revision),
                "retire": retire,
                "submit": submit,
                "end_review": end_review,
            }[change](article)
        except ArticleConflictError:
            assert change in {"submit", "end_review"} or article.state is ArticleState.RETIRED
        assert article.published_revision is None or 1 <= article.published_revision <= article.revision
        assert (article.state is ArticleState.PUBLISHED) <= (article.published_revision is not None)
        assert (article.state is ArticleState.IN_REVIEW) <= article.in_review
        assert article.submitted_revision in {None, article.revision}
        assert not (article.in_review and article.submitted_revision == article.published_revision)
        if change in {"submit", "end_review"}:
            assert article.published_revision == before.published_revision
