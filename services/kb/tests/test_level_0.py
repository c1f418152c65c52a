"""The knowledge base works its queue: on a real database, across restarts."""

from uuid import uuid4

from tierdesk_contracts.vocabulary import StepTried
from tierdesk_contracts.work import OutcomeRejected, WorkWithdrawn
from tierdesk_kb.handlers.self_service import SelfServiceHandler
from tierdesk_kb.store.policies import PolicyShelf


async def said(base):
    return [(envelope.type.split(".")[1], envelope.data.ordinal) for envelope in await base.sent("outcome.")]


async def test_a_documented_problem_is_answered_and_paused(base, offered):
    offer = offered("I forgot my password", "I cannot log in.")
    assert await base.receive(base.worker, offer) == []
    assert await said(base) == [("accepted", 1), ("progressed", 2), ("paused", 3)]
    outcomes = await base.sent("outcome.")
    assert {one.subject for one in outcomes} == {offer.subject}
    assert {(one.data.assignment_id, one.data.token, one.data.worker) for one in outcomes} == {
        (offer.data.assignment_id, 1, "knowledge-base")
    }
    assert outcomes[1].data.answer.startswith("Reset a forgotten password")


async def test_what_no_article_documents_is_handed_on_at_once(base, offered):
    await base.receive(base.worker, offered("Database deadlock in the order system"))
    assert await said(base) == [("accepted", 1), ("escalated", 2)]


async def test_a_reply_is_heard_after_a_restart(base, offered, follow_up):
    offer = offered("I forgot my password")
    await base.receive(base.worker, offer)
    restarted = SelfServiceHandler(base.library, PolicyShelf(), base.publisher)
    await base.receive(restarted, follow_up(offer, reply="Yes, it works now."), follow_up(offer, resumed=True))
    assert (await said(base))[3:] == [("resolved", 4)]


async def test_a_reply_that_does_not_confirm_hands_on_with_the_article_tried(base, offered, follow_up):
    offer = offered("I forgot my password")
    await base.receive(base.worker, offer, follow_up(offer, reply="No, it says that I am unknown."))
    assert (await said(base))[3:] == [("escalated", 4)]
    escalated = (await base.sent("outcome.escalated"))[0].data
    assert escalated.reason == "first_fix_failed"
    assert escalated.steps_tried[0].article_id is not None


async def test_work_that_was_taken_back_or_refused_is_left_alone(base, offered, follow_up):
    for end_type, fields in (
        (WorkWithdrawn, {"reason": "cancelled"}),
        (
            OutcomeRejected,
            {"outcome_id": uuid4(), "worker": "knowledge-base", "ordinal": 1, "reason": "stale", "detail": ""},
        ),
    ):
        offer = offered("I forgot my password")
        await base.receive(base.worker, offer)
        await base.receive(base.worker, follow_up(offer, end_type, **fields))
        await base.receive(base.worker, follow_up(offer, reply="yes"))
    assert [word for word, _ in await said(base)] == ["accepted", "progressed", "paused"] * 2


async def test_news_that_is_no_reply_changes_nothing(base, offered, follow_up):
    offer = offered("I forgot my password")
    await base.receive(
        base.worker, offer, follow_up(offer, priority=1), follow_up(offer, article_id="a", article_title="b")
    )
    assert len(await said(base)) == 3


async def test_a_message_about_unknown_work_changes_nothing(base, offered, follow_up):
    assert await base.receive(base.worker, follow_up(offered("anything"), reply="yes")) == []
    assert await said(base) == []


async def test_an_article_that_was_tried_is_not_sent_again(base, offered):
    await base.receive(base.worker, offered("I forgot my password"))
    (hit,) = base.library.search("main", "forgotten password", limit=1, offset=0, audience=None)
    tried = (StepTried(step="Read the article", article_id=hit.article_id),)
    await base.receive(base.worker, offered("I forgot my password", tried=tried))
    assert (await said(base))[3:] == [("accepted", 1), ("escalated", 2)]


async def test_an_article_for_agents_is_never_sent_to_a_requester(base, offered):
    await base.receive(base.worker, offered("Print server spooler stuck queue", "all users"))
    assert (await said(base))[-1] == ("escalated", 2)


async def test_no_tenant_is_answered_with_an_article_of_another(base, offered):
    await base.receive(base.worker, offered("I forgot my password", tenant="other"))
    assert await said(base) == [("accepted", 1), ("escalated", 2)]


async def test_a_batch_of_offers_is_answered_each_for_itself(base, offered):
    offers = [offered(title) for title in ("I forgot my password", "Website returns 502", "Paper jam")]
    await base.receive(base.worker, *offers)
    by_ticket = {offer.subject: [] for offer in offers}
    for envelope in await base.sent("outcome."):
        by_ticket[envelope.subject].append(envelope.type.split(".")[1])
    answered = ["accepted", "progressed", "paused"]
    assert list(by_ticket.values()) == [answered, ["accepted", "escalated"], answered]


async def test_outcomes_stay_in_the_trace_of_the_message_that_they_answer(base, offered, follow_up):
    offer = offered("I forgot my password")
    reply = follow_up(offer, reply="yes")
    await base.receive(
        base.worker,
        offer.model_copy(update={"traceparent": "of-offer"}),
        reply.model_copy(update={"traceparent": "of-reply"}),
    )
    traces = [(envelope.type, envelope.traceparent) for envelope in await base.sent("outcome.")]
    assert traces == [
        ("outcome.accepted.v1", "of-offer"),
        ("outcome.progressed.v1", "of-offer"),
        ("outcome.paused.v1", "of-offer"),
        ("outcome.resolved.v1", "of-reply"),
    ]
