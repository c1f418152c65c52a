"""Drafts from resolutions: when one is written, revised and withdrawn, and by whom it is listed."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from tierdesk_contracts import ticket as events
from tierdesk_contracts.knowledge import ArticleDraft, Dossier
from tierdesk_contracts.vocabulary import MAX_RESULT, MAX_TEXT, Actor, ActorKind, Status, StepTried
from tierdesk_kb.domain.articles import Article, ArticleState, Kind, publish, retire
from tierdesk_kb.domain.proposals import Proposal, Step, content_of, decide_step
from tierdesk_kb.store.resolution_tables import proposal
from tierdesk_kb.store.tables import article, revision

LEA = Actor(kind=ActorKind.WORKER, id="lea")
VIC = Actor(kind=ActorKind.VENDOR, id="vic")
DRAFT = ArticleDraft(
    title="Kiosk shows a blank page", body="Hold the power key.", keywords=("terminal",), audience="requester"
)
DOSSIER = Dossier(
    title="The kiosk is blank", text="Since noon.\n<b>Nothing</b> helps.", asset="KIOSK-7", affected="All visitors",
    steps_tried=(StepTried(step="Pulled the plug", result="No change"),),
)  # fmt: skip


@pytest.fixture
def resolve(opened, policy):
    """The message of a resolution of the ticket of this message, the next of its log."""
    ordinals = iter(range(2, 1000))

    def build(ticket, *, actor=LEA, sequence=None, tier="l2", how="Renewed its software.", **left):
        number = sequence or next(ordinals)
        event = events.Resolved(
            sequence=number, at=ticket.time, actor=actor, assignment_id=UUID(int=7), how=how, tier=tier, **left
        )
        return follow(ticket, event, number, status=Status.RESOLVED)

    return build


def follow(ticket, event, sequence, **fields):
    told = {"events": (event,), "first_sequence": sequence, "sequence": sequence, "category": "hardware"} | fields
    return ticket.model_copy(update={"id": uuid4(), "data": ticket.data.model_copy(update=told)})


async def drafts(base):
    """What was drafted, by its newest revision."""
    async with base.database.read() as connection:
        joined = (
            select(article.c.state, revision, proposal.c.reference)
            .join(revision, (revision.c.article_id == article.c.id) & (revision.c.revision == article.c.revision))
            .join(proposal, proposal.c.article_id == article.c.id)
        )
        return (await connection.execute(joined)).mappings().all()


async def articles_of(base, author):
    async with base.database.read() as connection:
        rows = await connection.execute(select(revision.c.article_id).where(revision.c.author == author).distinct())
        return list(rows.scalars())


async def test_a_given_draft_becomes_an_article_that_nobody_reads_yet(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    assert await base.receive(base.tickets, ticket, resolve(ticket, draft=DRAFT)) == []
    (draft,) = await drafts(base)
    assert (draft["state"], draft["title"], draft["body"], draft["audience"], draft["keywords"], draft["author"]) == (
        "draft", DRAFT.title, DRAFT.body, "requester", ["terminal"], "lea",
    )  # fmt: skip
    assert draft["reference"] == "TD-TEST-0001"
    assert str(draft["article_id"]) not in {envelope.subject for envelope in await base.sent("article.published")}


async def test_without_one_it_is_composed_for_those_who_take_documented_problems(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, dossier=DOSSIER, root_cause="An update"))
    (draft,) = await drafts(base)
    assert (draft["title"], draft["audience"]) == ("The kiosk is blank", "l1")
    assert draft["body"] == (
        "## Symptom\n\n> Since noon.\n> <b>Nothing</b> helps.\n\n- Asset: KIOSK-7\n- Affected: All visitors\n\n"
        "## Cause\n\nAn update\n\n## Solution\n\nRenewed its software.\n\n"
        "## Tried on the way\n\n- Pulled the plug: No change"
    )


async def test_a_message_that_comes_twice_drafts_once(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    solved = resolve(ticket, draft=DRAFT)
    await base.receive(base.tickets, ticket, solved, solved)
    await base.receive(base.tickets, solved)
    (draft,) = await drafts(base)
    assert draft["revision"] == 1
    assert len(await articles_of(base, "lea")) == 1


async def test_a_second_resolution_writes_an_untouched_draft_anew(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, dossier=DOSSIER))
    await base.receive(base.tickets, resolve(ticket, dossier=DOSSIER, how="Renewed the cable."))
    (draft,) = await drafts(base)
    assert draft["revision"] == 2
    assert "Renewed the cable." in draft["body"]


async def test_what_an_author_has_touched_is_left_alone(base, opened, resolve, client, key_of):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, draft=DRAFT))
    (draft,) = await drafts(base)
    text = {"title": "Better", "body": "Better.", "based_on": 1}
    assert (await client.put(f"/v1/articles/{draft['article_id']}", json=text, headers=key_of())).status_code == 200
    await base.receive(base.tickets, resolve(ticket, draft=DRAFT), resolve(ticket, waiver="No need."))
    (after,) = await drafts(base)
    assert (after["title"], after["revision"], after["state"]) == ("Better", 2, "draft")


async def test_a_draft_that_is_in_review_is_left_alone_and_listed_as_such(base, opened, resolve, client, key_of):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, dossier=DOSSIER))
    (draft,) = await drafts(base)
    await client.post(f"/v1/articles/{draft['article_id']}/submit", headers=key_of())
    await base.receive(base.tickets, resolve(ticket, dossier=DOSSIER, how="Renewed the cable."))
    seen = (await client.get(f"/v1/articles/{draft['article_id']}", headers=key_of())).json()
    assert (seen["state"], seen["revision"]) == ("in_review", 1)
    (listed,) = (await client.get("/v1/articles/proposed", headers=key_of())).json()["articles"]
    assert listed["state"] == "in_review"


async def test_a_draft_that_is_written_anew_keeps_its_owner_and_its_date(base, opened, resolve, client, key_of):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, dossier=DOSSIER))
    (draft,) = await drafts(base)
    care = {"owner": "ann", "review_at": "2027-03-01T00:00:00Z"}
    await client.patch(f"/v1/articles/{draft['article_id']}", json=care, headers=key_of())
    await base.receive(base.tickets, resolve(ticket, dossier=DOSSIER, how="Renewed the cable."))
    seen = (await client.get(f"/v1/articles/{draft['article_id']}", headers=key_of())).json()
    assert (seen["revision"], {name: seen[name] for name in care}) == (2, care)


async def test_a_resolution_that_needs_none_withdraws_the_draft_and_a_later_one_writes_another(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, draft=DRAFT))
    (first,) = await drafts(base)
    await base.receive(base.tickets, resolve(ticket, waiver="It was the cleaner."))
    assert await drafts(base) == []
    await base.receive(base.tickets, resolve(ticket, dossier=DOSSIER))
    (second,) = await drafts(base)
    assert second["article_id"] != first["article_id"]


async def test_a_resolution_by_the_ticket_s_own_draft_leaves_it_as_it_is(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket, draft=DRAFT))
    (first,) = await drafts(base)
    await base.receive(base.tickets, resolve(ticket, dossier=DOSSIER, article_id=str(first["article_id"])))
    assert await drafts(base) == [first]


async def test_an_article_that_exists_is_enough_and_one_that_does_not_is_none(base, opened, resolve):
    published = str((await base.sent("article.published"))[0].subject)
    for number, (named, actor) in enumerate([(published, LEA), (str(uuid4()), LEA), ("KB-12", LEA), (published, VIC)]):
        ticket = opened(DOSSIER.title)
        await base.receive(base.tickets, ticket, resolve(ticket, dossier=DOSSIER, article_id=named, actor=actor))
        assert len(await drafts(base)) == number


async def test_a_resolution_without_dossier_leaves_none(base, opened, resolve):
    ticket = opened(DOSSIER.title)
    await base.receive(base.tickets, ticket, resolve(ticket), resolve(ticket, waiver="No need."))
    assert await drafts(base) == []


async def test_drafts_are_listed_with_their_tickets_until_they_are_published_or_withdrawn(
    base, opened, resolve, client, key_of
):
    tickets = [opened(f"Kiosk {number}") for number in range(4)] + [opened("Of another", tenant="other")]
    for ticket in tickets:
        await base.receive(base.tickets, ticket, resolve(ticket, draft=DRAFT))
    headers = key_of()
    page = (await client.get("/v1/articles/proposed", params={"limit": 3}, headers=headers)).json()
    rest = (await client.get("/v1/articles/proposed", params={"after": page["next"]}, headers=headers)).json()
    assert (len(page["articles"]), len(rest["articles"]), rest["next"]) == (3, 1, None)
    listed = page["articles"] + rest["articles"]
    assert [one["origin"]["ticket"] for one in listed] == sorted((one.subject for one in tickets[:4]), reverse=True)
    assert listed[0]["origin"] | {"ticket": ""} == {
        "ticket": "", "reference": "TD-TEST-0001", "tier": "l2", "category": "hardware",
    }  # fmt: skip
    assert (listed[0]["title"], listed[0]["author"], listed[0]["state"]) == (DRAFT.title, "lea", "draft")
    await client.post(f"/v1/articles/{listed[0]['id']}/publish", headers=headers)
    await client.post(f"/v1/articles/{listed[1]['id']}/retire", headers=headers)
    left = (await client.get("/v1/articles/proposed", headers=headers)).json()["articles"]
    assert [one["id"] for one in left] == [one["id"] for one in listed[2:]]
    assert (await client.get("/v1/articles/proposed", headers=key_of("main", "articles:read"))).status_code == 403


async def test_a_page_looks_at_a_bounded_number_of_proposals(base, opened, resolve, client, key_of, monkeypatch):
    monkeypatch.setattr("tierdesk_kb.store.proposals.SCANNED", 2)
    tickets = [opened(f"Kiosk {number}") for number in range(5)]
    for ticket in tickets:
        await base.receive(base.tickets, ticket, resolve(ticket, draft=DRAFT))
    newest = sorted(tickets, key=lambda one: one.subject, reverse=True)
    for ticket in newest[:2]:
        await base.receive(base.tickets, resolve(ticket, waiver="No need."))
    seen, after, pages = [], None, 0
    while pages == 0 or after is not None:
        params = {"limit": 1} | ({"after": after} if after else {})
        page = (await client.get("/v1/articles/proposed", params=params, headers=key_of())).json()
        seen += [one["origin"]["ticket"] for one in page["articles"]]
        after, pages = page["next"], pages + 1
    assert seen == [one.subject for one in newest[2:]]
    assert pages <= 5


def test_whatever_a_ticket_says_its_draft_fits_an_article():
    steps = tuple(StepTried(step="s" * 300, result="r" * MAX_RESULT) for _ in range(30))
    dossier = Dossier(title="t" * 300, text="\n" * 30_000 + "x", affected="a" * MAX_TEXT, steps_tried=steps)
    resolved = events.Resolved(
        sequence=1, at="2026-03-02T09:00:00Z", actor=LEA, assignment_id=UUID(int=7), how="h" * MAX_TEXT,
        root_cause="c" * MAX_TEXT, dossier=dossier,
    )  # fmt: skip
    content = content_of(resolved, audience="l1")
    assert 0 < len(content.body) <= MAX_TEXT
    assert "## Solution\n\nhhh" in content.body


@pytest.mark.parametrize(
    ("told", "kind"), [("known-error", Kind.KNOWN_ERROR), ("video", Kind.FAQ), ("recipe", Kind.FAQ), (None, Kind.FAQ)]
)
def test_a_draft_is_of_the_kind_that_it_names_if_there_is_one(told, kind):
    draft = ArticleDraft(title="Streaks on paper", body="Change the drum.", kind=told)
    resolved = events.Resolved(
        sequence=1, at="2026-03-02T09:00:00Z", actor=LEA, assignment_id=UUID(int=7), how="The drum.", draft=draft
    )
    assert content_of(resolved, audience="l1").kind is kind


class Drafting(RuleBasedStateMachine):
    """One ticket that is resolved again and again, and authors who touch its drafts."""

    def __init__(self):
        super().__init__()
        self.proposal, self.articles, self.touched, self.sequence = None, {}, set(), 0

    @rule(wish=st.sampled_from(["draft", "none", "nothing said"]), again=st.booleans())
    def resolve(self, wish, again):
        if not again or not self.sequence:
            self.sequence += 1
        before = dict(self.articles)
        current = self.proposal and self.articles.get(self.proposal.article_id)
        known = self.proposal is not None and self.proposal.sequence >= self.sequence
        step = decide_step(
            self.proposal, current, sequence=self.sequence, wanted=wish == "draft", declined=wish == "none"
        )
        if known:
            assert step is Step.NONE
        self.take(step, current)
        for article_id in self.touched:
            assert self.articles[article_id] == before[article_id]
        if wish == "draft" and not known:
            assert self.proposal.article_id is not None

    def take(self, step, current):
        match step:
            case Step.NONE:
                return
            case Step.WRITE:
                current = Article("main", UUID(int=len(self.articles)), ArticleState.DRAFT, revision=1)
            case Step.REVISE:
                current = replace(current, revision=current.revision + 1)
            case Step.WITHDRAW:
                current = retire(current)
        self.articles[current.id] = current
        kept = None if step is Step.WITHDRAW else current.id
        self.proposal = Proposal("main", UUID(int=9), "TD", "l2", "c", self.sequence, kept, current.revision, None)

    @precondition(lambda self: self.articles)
    @rule(how=st.sampled_from(["revise", "publish", "retire"]), data=st.data())
    def touch(self, how, data):
        article_id = data.draw(st.sampled_from(sorted(self.articles)))
        article = self.articles[article_id]
        if article.state is ArticleState.RETIRED:
            return
        changes = {
            "revise": lambda one: replace(one, revision=one.revision + 1), "publish": publish, "retire": retire,
        }  # fmt: skip
        self.articles[article_id] = changes[how](article)
        self.touched.add(article_id)

    @invariant()
    def at_most_one_draft_is_nobodys(self):
        free = [one for one in self.articles.values() if one.state is ArticleState.DRAFT and one.id not in self.touched]
        assert len(free) <= 1
        assert not free or self.proposal.article_id == free[0].id


TestDrafting = Drafting.TestCase
