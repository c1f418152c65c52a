"""Each opened ticket is told which article fits it, if one does."""

from datetime import timedelta

from tierdesk_contracts.notice import ArticlePublished
from tierdesk_contracts.vocabulary import Channel, StepTried
from tierdesk_kb.store.policies import PolicyShelf
from tierdesk_policy import Policy
from tierdesk_store import PermanentError, TransientError


async def test_a_documented_problem_is_matched_with_its_article(base, opened):
    ticket = opened("I forgot my password", "I cannot log in.")
    assert await base.receive(base.tickets, ticket) == []
    (match,) = await base.sent("knowledge.matched")
    assert (match.subject, match.tenant) == (ticket.subject, "main")
    assert (match.data.title, match.data.documented) == ("Reset a forgotten password", True)
    assert match.data.score >= 0.7


async def test_of_a_ticket_that_is_none_nothing_is_told(base, opened):
    nameless = opened("I forgot my password", "I cannot log in.").model_copy(update={"subject": "no ticket"})
    assert [type(error) for error in await base.receive(base.tickets, nameless)] == [PermanentError]
    assert await base.sent("knowledge.matched") == []


async def test_a_weak_match_is_told_as_no_documentation_and_none_as_nothing(base, opened):
    await base.receive(
        base.tickets,
        opened("Please delete the user account of John", "He left the company last week."),
        opened("Air conditioning is too loud"),
    )
    (match,) = await base.sent("knowledge.matched")
    assert not match.data.documented
    assert 0.2 <= match.data.score < 0.7


async def test_the_threshold_is_that_of_the_policy_that_the_ticket_names(base, opened, applied, policy):
    document = policy.document()
    document["knowledge"]["threshold"] = 1
    strict = Policy.from_document(document)
    ticket = opened("VPN does not connect from home", version=strict.version)
    assert await base.receive(base.tickets, applied(strict), ticket) == []
    (match,) = await base.sent("knowledge.matched")
    assert not match.data.documented


async def test_a_ticket_that_names_an_unknown_policy_waits(base, opened):
    raised = await base.receive(base.tickets, opened("I forgot my password", version="sha256:unknown"))
    assert [type(error) for error in raised] == [TransientError]
    assert await base.sent("knowledge.matched") == []


async def test_a_policy_that_this_release_cannot_read_is_refused_for_good(base, applied, policy):
    message = applied(policy)
    broken = message.data.model_copy(update={"version": "sha256:broken", "document": {"name": "no tiers"}})
    raised = await base.receive(base.tickets, message.model_copy(update={"data": broken}))
    assert [type(error) for error in raised] == [PermanentError]


async def test_the_policy_in_force_is_the_one_applied_last_whatever_comes_first(base, applied, policy):
    later = Policy.from_document(policy.document() | {"name": "Later"})
    message = applied(policy)
    again, after = applied(later, at=message.data.applied_at + timedelta(hours=1)), message
    await base.receive(base.tickets, again)
    await base.receive(base.tickets, after)
    async with base.database.read() as connection:
        in_force = await PolicyShelf().fetch_in_force(connection)
    assert in_force["main"].name == "Later"


async def test_only_the_opening_of_a_ticket_is_matched(base, opened):
    ticket = opened("I forgot my password")
    event = ticket.data.events[0]
    later = ticket.data.model_copy(
        update={"events": (event.model_copy(update={"sequence": 2}),), "first_sequence": 2, "sequence": 2}
    )
    reply = later.model_copy(update={"events": ()})
    assert await base.receive(base.tickets, ticket.model_copy(update={"data": reply})) == []
    assert await base.sent("knowledge.matched") == []


async def test_a_call_that_the_desk_itself_worded_is_not_matched(base, opened):
    await base.receive(base.tickets, opened("Phone call", "Call password", channel=Channel.PHONE))
    assert await base.sent("knowledge.matched") == []


async def test_an_article_that_the_requester_tried_is_not_matched(base, opened):
    await base.receive(base.tickets, opened("I forgot my password"))
    (match,) = await base.sent("knowledge.matched")
    tried = (StepTried(step="Read the article", article_id=match.data.article_id),)
    await base.receive(base.tickets, opened("I forgot my password", tried=tried))
    assert match.data.article_id not in [one.data.article_id for one in (await base.sent("knowledge.matched"))[1:]]


async def test_no_tenant_is_told_of_an_article_of_another(base, opened, applied, policy):
    await base.receive(base.tickets, applied(policy, tenant="other"))
    assert await base.receive(base.tickets, opened("I forgot my password", tenant="other")) == []
    assert await base.sent("knowledge.matched") == []


async def test_an_article_that_was_retired_a_moment_ago_is_not_told(base, opened, client, key_of):
    (_, article_id) = await find(client, key_of, "forgotten password")
    assert (await client.post(f"/v1/articles/{article_id}/retire", headers=key_of())).status_code == 204
    await base.receive(base.tickets, opened("I forgot my password"))
    assert article_id not in [match.data.article_id for match in await base.sent("knowledge.matched")]


async def test_a_batch_matches_each_ticket_for_itself(base, opened):
    tickets = [opened(title) for title in ("Paper jam", "Mailbox full", "VPN from home", "zzz")]
    assert await base.receive(base.tickets, *tickets) == []
    told = {match.subject: match.data.title for match in await base.sent("knowledge.matched")}
    assert told == {
        tickets[0].subject: "Clear a paper jam in the printer",
        tickets[1].subject: "Make room in a full mailbox",
        tickets[2].subject: "Connect to the office network by VPN from home",
    }


async def test_what_another_process_published_is_looked_for_at_once(base, opened):
    poked = []
    base.tickets._poke = lambda: poked.append(True)
    ticket = opened("Paper jam")
    await base.receive(base.tickets, ticket)
    assert poked == []
    notice = ArticlePublished(article_id="a", revision=1, title="t", audience="requester")
    await base.receive(base.tickets, ticket.model_copy(update={"data": notice, "type": "article.published.v1"}))
    assert poked == [True]


async def find(client, key_of, words: str, **options):
    answer = await client.get("/v1/articles/search", params={"q": words} | options, headers=key_of())
    assert answer.status_code == 200
    first = answer.json()["articles"][0]
    return first["title"], first["id"]


async def test_an_empty_batch_decides_nothing(base):
    assert await base.receive(base.tickets) == []


async def test_a_match_stays_in_the_trace_of_its_ticket(base, opened):
    ticket = opened("I forgot my password", "I cannot log in.").model_copy(update={"traceparent": "of-ticket"})
    await base.receive(base.tickets, ticket, opened("I forgot my password", "I cannot log in."))
    assert [match.traceparent for match in await base.sent("knowledge.matched")] == ["of-ticket", None]
