"""What a vendor may read of a ticket."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticket_desk import TicketDesk

from tierdesk_contracts.vocabulary import Channel, Status, StepTried
from tierdesk_contracts.work import WorkOffered
from tierdesk_policy import Policy
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.domain.vendor_view import LEFT_OUT, VendorView, pseudonym

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANN = UUID(int=7)
TICKET = Ticket(
    tenant="main", id=UUID(int=1), reference="TD-1", policy_version="sha256:0", status=Status.OFFERED, sequence=1,
    opened_at=NOW, last_at=NOW, channel=Channel.PORTAL, requester_id=ANN, title="Broken", category="printer", priority=3,
)  # fmt: skip
KNOWN = ("Ann Miller", "a.miller", "ann@miller.example", "+44 20 7946 0018", "room 12, next to Bob")
ALIAS = pseudonym("main", "acme", ANN)


def view(known=KNOWN, **fields):
    return VendorView(TICKET.model_copy(update=fields), "acme", known)


@pytest.mark.parametrize(
    "text",
    [
        "Ask Ann Miller.", "ask ANN MILLER", "a.miller", "ann@miller.example", "Ring +44 20 7946 0018!", "442079460018",
        "44-20-7946-0018", "it stands in room 12, next to Bob",
    ],
)  # fmt: skip
def test_what_names_or_reaches_the_requester_is_a_pseudonym(text):
    told = view().redact(text)
    assert ALIAS in told
    assert not any(value.lower() in told.lower() for value in (*KNOWN, "442079460018", "7946"))


def test_mail_addresses_of_others_are_left_out():
    assert view(()).redact("cc bob@desk.example, cid+x@a-b.example.") == f"cc {LEFT_OUT}, {LEFT_OUT}."


@pytest.mark.parametrize("text", ["Error 79.00FE, S/N 442079460018123", "annmiller", "Joann Millers"])
def test_what_a_machine_says_stays_as_it_is(text):
    assert view().redact(text) == text


def test_what_is_too_short_to_be_told_from_a_word_stays():
    assert view(("Bo", "it", "", None)).redact("Bo says it is broken") == "Bo says it is broken"


def test_the_pseudonym_is_the_same_for_a_vendor_and_another_for_the_next():
    assert view().case.requester == view(id=UUID(int=2), title="Other").case.requester == ALIAS
    others = {pseudonym("main", "other", ANN), pseudonym("second", "acme", ANN), pseudonym("main", "acme", UUID(int=8))}
    assert len(others | {ALIAS}) == 4
    assert str(ANN) not in ALIAS


def test_steps_tried_go_without_the_articles_that_they_follow():
    step = StepTried(step="As Ann Miller said", result="ann@miller.example has it too", article_id="kb-1")
    assert view(steps_tried=(step,)).steps_tried == (StepTried(step=f"As {ALIAS} said", result=f"{ALIAS} has it too"),)


@given(st.lists(st.sampled_from([*KNOWN, "x", " ", "@", ".", "7946", "é", "\n"]), max_size=200).map("".join))
def test_any_text_still_fits_its_field(text):
    case = view(("x", *KNOWN), title=(text or "x")[:300], text=text).case
    assert 1 <= len(case.title) <= 300
    assert len(case.text) <= 65_536


@pytest.mark.parametrize("text", ["a" * 65_536, "a." * 32_768, "a@" * 32_768, "4 " * 32_768, "a@b." * 16_384])
def test_a_hostile_text_takes_no_time(text):
    known = view()
    begun = time.process_time()
    known.redact(text)
    assert time.process_time() - begun < 1


def promised(desk, group):
    (offer,) = [post.data for post in desk.posts if isinstance(post.data, WorkOffered)]
    assert offer.group == group
    return {deadline.kind: deadline.due_at for deadline in offer.deadlines}


def test_a_vendor_is_told_what_its_contract_promises_and_not_what_the_requester_was_promised(policy):
    contract = {"kind": "contract", "within": "8h", "vendors": ["printer"]}
    document = policy.document()
    desk = TicketDesk(Policy.from_document({**document, "targets": [contract, *document["targets"]]}))
    desk.open(category="printer")
    assert promised(desk, "printer-vendor") == {"contract": NOW + timedelta(hours=8)}
    desk.open(category="usage")
    assert promised(desk, "service-desk") == {
        "first_response": NOW + timedelta(hours=6), "resolution": NOW + timedelta(days=2)
    }  # fmt: skip


def test_a_vendor_whose_contract_promises_nothing_is_told_no_deadline(desk):
    desk.open(category="printer")
    assert promised(desk, "printer-vendor") == {}
