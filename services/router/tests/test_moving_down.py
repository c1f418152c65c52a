"""The way down: a new article moves what it fits, and what a higher tier or a vendor found reaches the lower one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import work
from tierdesk_contracts.names import EVENTS
from tierdesk_contracts.notice import KnowledgeMatched
from tierdesk_contracts.vocabulary import StepTried
from tierdesk_policy import Policy
from tierdesk_router.domain.requests import apply_match

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ARTICLE = KnowledgeMatched(article_id="kb-1", title="Dock fix", score=0.8, documented=True, new_article=True)


def match(desk, **fields):
    told = ARTICLE.model_copy(update=fields)
    return desk.take(
        apply_match(
            desk.ticket, told.article_id, told.title, told.score, documented=told.documented,
            new_article=told.new_article, at=NOW, policy=desk.policy, new_id=desk.new_id,
        )
    )  # fmt: skip


def test_a_new_article_moves_an_offered_ticket_down_and_the_log_says_so(desk):
    desk.open(category="laptop")
    upper = desk.ticket.assignment
    draft = match(desk)
    assert [event.kind for event in draft.events] == ["matched", "withdrawn", "triaged", "offered"]
    assert draft.events[0].new_article
    assert draft.events[2].explanation.because[-1] == (
        "A new article 'Dock fix' documents it (score 0.80), so that group service-desk can solve it."
    )
    (withdrawn,) = desk.told("workplace")
    assert (withdrawn.assignment_id, withdrawn.reason) == (upper.id, "knowledge")
    (offer,) = desk.told("service-desk")
    assert (offer.tier, offer.internal.article_title, offer.reason) == ("l1", "Dock fix", "knowledge")
    assert offer.token > upper.token


def test_its_owner_hears_of_a_new_article_and_can_hand_it_down_with_findings(desk):
    desk.open_described("laptop")
    desk.act(outcomes.WorkAccepted)
    draft = match(desk)
    assert [event.kind for event in draft.events] == ["matched"]
    (told,) = desk.told("workplace")
    assert (told.article_id, told.article_title) == ("kb-1", "Dock fix")
    desk.act(outcomes.WorkEscalated, reason="findings", findings="As the article says.", to_tier="l1")
    (offer,) = desk.told("service-desk")
    assert (offer.internal.findings, offer.internal.article_title) == ("As the article says.", "Dock fix")


@pytest.mark.parametrize("category", ["usage", "how-to", "printer"])
def test_a_ticket_that_stands_low_already_or_with_a_vendor_is_not_moved(desk, category):
    desk.open(category=category)
    assert [event.kind for event in match(desk).events] == ["matched"]


@pytest.mark.parametrize(("mode", "moves"), [("tiered", True), ("swarm", False), ("carry_through", False)])
def test_a_new_article_moves_nothing_that_is_not_to_move_between_tiers(desk, mode, moves):
    document = desk.policy.document()
    for category in document["categories"]:
        if category["id"] == "laptop" and mode != "tiered":
            category["mode"] = mode
    desk.policy = Policy.from_document(document)
    desk.open(category="laptop")
    draft = match(desk)
    assert (draft.ticket.tier == "l1") is moves
    if not moves:
        (told,) = desk.told("workplace")
        assert told.article_title == "Dock fix"


def test_findings_of_a_specialist_reach_the_next_offer_below(desk):
    desk.open_described("laptop")
    desk.act(
        outcomes.WorkEscalated, "lea", reason="findings", findings="Only the dock.", to_tier="l1",
        steps_tried=(StepTried(step="Changed the dock", result="Works"),),
    )  # fmt: skip
    (offer,) = desk.told("service-desk")
    assert (offer.tier, offer.internal.findings) == ("l1", "Only the dock.")
    assert offer.steps_tried[-1].step == "Changed the dock"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (outcomes.WorkEscalated, {"reason": "findings", "to_tier": "l2"}),
        (outcomes.WorkReturned, {"reason": "not_ours"}),
    ],
)
def test_findings_of_a_vendor_reach_the_next_offer_below(desk, kind, fields):
    desk.open_described("laptop")
    desk.act(outcomes.WorkEscalated, reason="needs_vendor", to_group="printer-vendor", findings="Ours is sound.",
             override="in haste")  # fmt: skip
    desk.act(kind, "vic", findings="The drum is worn.", **fields)
    (offer,) = desk.told("workplace")
    assert (offer.tier, offer.internal.findings) == ("l2", "The drum is worn.")


async def test_a_new_article_withdraws_the_offer_above_and_makes_one_below(router):
    ticket = await router.report(category="laptop")
    upper = await router.next_work("work.main.l2.workplace")
    await router.send(EVENTS, ARTICLE, ticket)
    withdrawn = await router.next_work("work.main.l2.workplace")
    assert isinstance(withdrawn, work.WorkWithdrawn)
    assert withdrawn.assignment_id == upper.assignment_id
    lower = await router.next_work("work.main.l1.service-desk")
    assert lower.internal.article_id == "kb-1"
    await router.act(outcomes.WorkAccepted, upper, ticket)
    assert isinstance(await router.next_work("work.main.l2.workplace"), work.OutcomeRejected)
    await router.act(outcomes.WorkAccepted, lower, ticket)
    log = await router.story(ticket, until="accepted")
    assert any(
        "A new article 'Dock fix'" in event["explanation"]["because"][-1] for event in log if event["kind"] == "triaged"
    )
