"""Problems on a real PostgreSQL: what gathers by itself, what people do, and that two of anything take turns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from tierdesk_contracts import intake, seal, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_router.handlers.intake import QUEUE, IntakeHandler, count_created
from tierdesk_router.store.likeness import forget_tickets
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_store import Received

LIKENESS = {
    "repeat": {"within": "24h"},
    "outage": [{"count": 5, "within": "15m", "by": ["category", "location"]}],
    "recurring": [{"count": 3, "within": "30d", "by": ["category", "asset"], "tier": "l2"}],
}
DESK_QUEUE = "work.main.l1.service-desk"
NOW = datetime.now(UTC)


@pytest.fixture
async def desk(router):
    policy = (await router.request("GET", "/v1/policy")).json()["document"]
    answer = await router.request("PUT", "/v1/policy", json=policy | {"likeness": LIKENESS})
    assert answer.status_code == 200, answer.text
    return router


async def report(desk, number=0, **fields) -> UUID:
    """A report of another requester each time, opened."""
    told = {"category": "usage", "requester": {"party": f"person-{number}"}, "title": f"Trouble {number}"} | fields
    ticket = await desk.report(**told)
    await desk.story(ticket, until="offered")
    return ticket


async def problems(desk, **filters) -> list[dict]:
    answer = await desk.request("GET", "/v1/problems", params=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()["problems"]


async def show(desk, name) -> dict:
    answer = await desk.request("GET", f"/v1/problems/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(desk, method, path, body=None, *, code=200, **options):
    answer = await desk.request(method, f"/v1/problems{path}", json=body, **options)
    assert answer.status_code == code, answer.text
    return answer.json()


async def opened(desk, *tickets, **fields) -> dict:
    told = {"title": "Mail is slow", "tickets": [str(ticket) for ticket in tickets], "why": "They look alike."}
    return await send(desk, "POST", "", told | fields, code=201)


def of_kind(log, kind):
    return [event for event in log if event["kind"] == kind]


async def test_a_burst_becomes_one_outage_that_gathers_all_of_it_and_what_comes_after(desk):
    tickets = [await report(desk, number, location="Hall " if number % 2 else "hall") for number in range(6)]
    (problem,) = await problems(desk)
    assert (problem["kind"], problem["status"]) == ("outage", "candidate")
    story = await show(desk, problem["reference"])
    assert {ticket["id"] for ticket in story["tickets"]} == {str(ticket) for ticket in tickets}
    for number, ticket in enumerate(tickets):
        (gathered,) = of_kind(await desk.story(ticket, until="gathered"), "gathered")
        assert gathered["problem_reference"] == problem["reference"]
        assert gathered["actor"]["kind"] == "desk"
        if number < 5:
            assert gathered["because"].startswith("5 tickets with category usage, location hall within 15 min")
        else:
            assert problem["reference"] in gathered["because"]
    assert [note["kind"] for note in story["log"]] == ["opened", "linked", "linked"]
    row = (await desk.request("GET", f"/v1/tickets/{tickets[0]}")).json()["ticket"]
    assert row["problems"] == [problem["reference"]]


async def test_an_outage_that_was_dismissed_gathers_no_more_and_takes_a_new_burst_to_be_suspected_again(desk):
    for number in range(5):
        await report(desk, number, location="hall")
    (first,) = await problems(desk)
    await send(desk, "PATCH", f"/{first['id']}", {"version": 1, "status": "dismissed", "why": "A drill"})
    for number in range(5, 9):
        await report(desk, number, location="hall")
    assert len(await problems(desk)) == 1
    last = await report(desk, 9, location="hall")
    (second,) = await problems(desk, status="candidate")
    assert len((await show(desk, second["id"]))["tickets"]) == 5
    assert of_kind(await desk.story(last, until="gathered"), "gathered")[0]["problem_id"] == second["id"]


async def test_tickets_that_lie_further_apart_than_the_window_in_business_time_are_no_burst(desk):
    for number in range(5):
        ticket = await desk.report(
            category="usage", location="hall", requester={"party": f"p-{number}"}, title=f"No {number}"
        )
        await desk.story(ticket, until="offered")
        await desk.fetch(
            "UPDATE router.likeness SET noted = (SELECT jsonb_agg(jsonb_set(one, '{at}', "
            "to_jsonb((CAST(one ->> 'at' AS timestamptz) - interval '4 minutes')::text))) "
            "FROM jsonb_array_elements(noted) one)"
        )
    assert await problems(desk) == []


async def test_the_third_of_a_kind_goes_up_explained_and_its_problem_holds_the_closed_one_too(desk):
    first = await report(desk, 1, asset="PRN-7")
    offer = await desk.next_work(DESK_QUEUE)
    await desk.act(outcomes.WorkResolved, offer, first, how="Unjammed")
    await desk.story(first, until="resolved")
    second = await report(desk, 2, asset="prn-7")
    third = await report(desk, 3, asset="PRN-7")
    names = [(await desk.request("GET", f"/v1/tickets/{one}")).json()["ticket"]["reference"] for one in (first, second)]
    log = await desk.story(third, until="gathered")
    (triaged,) = of_kind(log, "triaged")
    assert (triaged["tier"], triaged["group"], triaged["explanation"]["rule"]) == ("l2", "workplace", "recurring")
    assert triaged["explanation"]["because"][-1] == (
        f"The third of its kind (category usage, asset PRN-7) in 30 days: {names[0]}, {names[1]}. So it goes to tier l2."
    )
    (problem,) = await problems(desk, kind="problem")
    assert problem["status"] == "open"
    assert {one["id"] for one in (await show(desk, problem["id"]))["tickets"]} == {str(first), str(second), str(third)}
    fourth = await report(desk, 4, asset="PRN-7")
    (triaged,) = of_kind(await desk.story(fourth, until="gathered"), "triaged")
    assert triaged["tier"] == "l2"
    assert len(await problems(desk)) == 1


async def test_a_repeat_of_the_same_requester_is_proposed_for_merging_with_the_oldest_that_is_not_over(desk):
    ann = {"requester": {"party": "ann"}}
    first = await report(desk, title="Printer jams", **ann)
    other = await report(desk, title="No mail at all", **ann)
    again = await report(desk, title="printer JAMS, again!", **ann)
    stranger = await report(desk, 5, title="Printer jams")
    (proposed,) = of_kind(await desk.story(again, until="merge_proposed"), "merge_proposed")
    assert proposed["older_id"] == str(first)
    assert proposed["older_reference"] in proposed["because"]
    for ticket in (first, other, stranger):
        assert not of_kind(await desk.story(ticket, until="offered"), "merge_proposed")
    offer = await desk.next_work(DESK_QUEUE)
    await desk.act(outcomes.WorkResolved, offer, first, how="Unjammed")
    await desk.story(first, until="resolved")
    await desk.send("tierdesk.events", intake.Confirmed(), first, sequence=2)
    await desk.story(first, until="closed")
    last = await report(desk, title="The printer jams", **ann)
    assert of_kind(await desk.story(last, until="merge_proposed"), "merge_proposed")[0]["older_id"] == str(again)


async def test_a_policy_without_the_part_notes_nothing(router):
    for number in range(6):
        await report(router, number, location="hall", asset="a")
    assert await problems(router) == []
    assert await router.fetch("SELECT 1 FROM router.likeness") == []


class Batches:
    """Routers of their own, each with its transaction."""

    def __init__(self, desk) -> None:
        self._desk = desk
        self._parts = desk.service.parts
        self._numbers = iter(range(1_000))

    def messages(self, count: int) -> list[Received]:
        found = []
        for _ in range(count):
            number = next(self._numbers)
            told = intake.ProblemReported(
                reference=self._parts.identifiers.reference(),
                requester=intake.Requester(party=f"p-{number}"),
                title=f"Number {number}",
                category="usage",
                location="hall",
                asset="a-1",
            )
            envelope = seal(
                told, message_id=uuid4(), source="/test", subject=str(uuid4()), time=NOW, tenant="main", sequence=1
            )
            found.append(Received(envelope, "", QUEUE, 0.0, 0))
        return found

    async def open(self, count: int, loaded: asyncio.Event | None = None, go: asyncio.Event | None = None) -> None:
        handler = IntakeHandler(
            self._parts.clock, self._parts.identifiers, PolicyShelf(), count_created(CollectorRegistry())
        )
        messages = self.messages(count)
        async with self._parts.database.transaction() as tx:
            state = await handler.load(tx, messages)
            if loaded is not None:
                loaded.set()
            for message in messages:
                handler.decide(state, message)
            if go is not None:
                await go.wait()
            await handler.save(tx, state)


async def test_two_routers_with_parts_of_one_burst_open_one_candidate(desk):
    batches = Batches(desk)
    loaded, go = asyncio.Event(), asyncio.Event()
    one = asyncio.create_task(batches.open(3, loaded, go))
    await loaded.wait()
    other = asyncio.create_task(batches.open(3))
    async with asyncio.timeout(20):
        while not await desk.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
    go.set()
    await asyncio.gather(one, other)
    outages = await problems(desk, kind="outage")
    assert len(outages) == 1
    assert len((await show(desk, outages[0]["id"]))["tickets"]) == 6
    (recurring,) = await problems(desk, kind="problem")
    assert len((await show(desk, recurring["id"]))["tickets"]) == 6


async def test_many_routers_at_once_gather_everything_in_one(desk):
    batches = Batches(desk)
    await asyncio.gather(*(batches.open(count) for count in (1, 2, 4, 1, 3, 7, 1, 1)))
    (outage,) = await problems(desk, kind="outage")
    story = await show(desk, outage["id"])
    assert len(story["tickets"]) == 20
    assert [note["sequence"] for note in story["log"]] == list(range(1, len(story["log"]) + 1))
    linked = [reference for note in story["log"][1:] for reference in note["detail"]["tickets"]]
    assert sorted(linked) == sorted(ticket["reference"] for ticket in story["tickets"])


async def test_what_was_noted_is_forgotten_once_its_time_is_over(desk):
    await report(desk, 1, location="hall")
    (row,) = await desk.fetch("SELECT count(*) AS number, min(expires_at) AS first FROM router.likeness")
    assert row["number"] == 2
    assert row["first"] - datetime.now(UTC) < timedelta(minutes=16)
    await desk.fetch("UPDATE router.likeness SET expires_at = now() - interval '1 second'")
    async with desk.service.parts.database.transaction() as tx:
        assert not await forget_tickets(tx, datetime.now(UTC))
    assert await desk.fetch("SELECT 1 FROM router.likeness") == []


async def test_the_log_of_a_problem_cannot_be_changed_by_the_service(desk):
    await opened(desk)
    parts = desk.service.parts
    connection = await asyncpg.connect(parts.database.url)
    try:
        for statement in ("UPDATE router.problem_log SET kind = 'x'", "DELETE FROM router.problem_log"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        assert await connection.fetchval("SELECT count(*) FROM router.problem_log") == 1
    finally:
        await connection.close()


async def test_a_problem_is_opened_by_hand_with_tickets_and_every_change_has_who_when_and_why(desk):
    ticket = await report(desk)
    problem = await opened(desk, ticket, environment="Outlook 16")
    name = problem["reference"]
    changes = [
        {"root_cause": "A full disk", "workaround": "Use the web"},
        {"status": "known_error"},
        {"fix": {"choice": "fix", "reason": "It comes weekly"}, "hotfix": "CHG-12", "status": "fix_decided"},
    ]
    for version, change in enumerate(changes, start=1):
        changed = await send(desk, "PATCH", f"/{name}", change | {"version": version, "why": f"Step {version}"})
        assert changed["version"] == version + 1
    story = await show(desk, name)
    assert story["problem"]["status"] == "fix_decided"
    assert story["problem"]["fix"] == {"choice": "fix", "reason": "It comes weekly"}
    assert [(note["kind"], note["by"], note["why"]) for note in story["log"]] == [
        ("opened", "test", "They look alike."), ("linked", "test", "They look alike."),
        ("changed", "test", "Step 1"), ("changed", "test", "Step 2"), ("changed", "test", "Step 3"),
    ]  # fmt: skip
    assert story["log"][2]["detail"] == {"root_cause": "A full disk", "workaround": "Use the web"}
    assert of_kind(await desk.story(ticket, until="gathered"), "gathered")[0]["by"] == "test"


async def test_two_editors_never_overwrite_each_other(desk):
    problem = (await opened(desk))["id"]
    path = f"/v1/problems/{problem}"
    edits = [{"version": 1, "root_cause": f"Cause {n}", "why": "I think so"} for n in range(8)]
    answers = await asyncio.gather(*(desk.request("PATCH", path, json=edit) for edit in edits))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    (won,) = [answer for answer in answers if answer.status_code == 200]
    assert won.headers["ETag"] == '"2"'
    assert (await show(desk, problem))["problem"]["root_cause"] == won.json()["root_cause"]
    edit = {"version": 2, "root_cause": "Another", "why": "Seen"}
    stale = await desk.request("PATCH", path, json=edit)
    assert stale.status_code == 200
    repeated = await desk.request("PATCH", path, json=edit)
    assert (repeated.status_code, repeated.json()["version"]) == (200, 3)


@pytest.mark.parametrize(
    ("tag", "code"), [('"1"', 200), ('"7", "1"', 200), ("*", 200), ('"2"', 412), ('W/"1"', 412), ("x", 412)]
)
async def test_a_precondition_is_judged_as_http_says(desk, tag, code):
    problem = await opened(desk)
    edit = {"version": 1, "root_cause": "Dust", "why": "Seen"}
    answer = await desk.request("PATCH", f"/v1/problems/{problem['id']}", json=edit, headers={"If-Match": tag})
    assert answer.status_code == code
    assert answer.headers["ETag"] == ('"2"' if code == 200 else '"1"')


async def test_a_status_without_its_ground_and_a_move_that_the_table_lacks_are_refused(desk):
    problem = (await opened(desk))["id"]
    for change, word in (({"status": "known_error"}, "workaround"), ({"status": "fix_decided"}, "fix")):
        answer = await send(desk, "PATCH", f"/{problem}", change | {"version": 1, "why": "x"}, code=409)
        assert word in answer["detail"]
    await send(desk, "PATCH", f"/{problem}", {"status": "dismissed", "version": 1, "why": "None"})
    answer = await send(desk, "POST", f"/{problem}/resolution", {"how": "Gone"}, code=409)
    assert "it may become open" in answer["detail"]


async def test_solving_a_problem_offers_the_resolution_and_the_owner_resolves_in_one_step(desk):
    held, waiting = await report(desk, 1), await report(desk, 2)
    offers = [await desk.next_work(DESK_QUEUE), await desk.next_work(DESK_QUEUE)]
    offers.sort(key=lambda offer: offer.case.title)
    await desk.act(outcomes.WorkAccepted, offers[0], held)
    assert isinstance(await desk.next_work(DESK_QUEUE), work.WorkAssigned)
    problem = (await opened(desk, held, waiting))["id"]
    for _ in range(2):
        await send(desk, "POST", f"/{problem}/resolution", {"how": "The disk was made larger."})
    told = [await desk.next_work(DESK_QUEUE), await desk.next_work(DESK_QUEUE)]
    assert {update.assignment_id for update in told} == {offer.assignment_id for offer in offers}
    assert {update.resolution for update in told} == {"The disk was made larger."}
    for ticket in (held, waiting):
        log = await desk.story(ticket, until="resolution_offered")
        assert len(of_kind(log, "resolution_offered")) == 1
        assert not of_kind(log, "resolved")
    await desk.act(outcomes.WorkResolved, offers[0], held, ordinal=2, how=told[0].resolution)
    assert of_kind(await desk.story(held, until="resolved"), "resolved")[0]["how"] == "The disk was made larger."
    late = await report(desk, 3)
    await send(desk, "POST", f"/{problem}/tickets", {"tickets": [str(late)], "why": "The same"})
    assert of_kind(await desk.story(late, until="resolution_offered"), "resolution_offered")
    await send(desk, "POST", f"/{problem}/resolution", {"how": "Otherwise"}, code=409)


async def test_a_vendor_is_not_told_what_people_in_house_found_out(desk):
    ticket = await report(desk, 1, category="printer")
    await desk.next_work("work", namespace="v-main.printer")
    problem = (await opened(desk, ticket))["id"]
    await send(desk, "POST", f"/{problem}/resolution", {"how": "secret of the house"})
    await desk.story(ticket, until="resolution_offered")
    assert (
        await desk.fetch(
            "SELECT 1 FROM router.outbox WHERE position(convert_to('secret of', 'UTF8') in body) > 0 AND namespace <> ''"
        )
        == []
    )


async def test_an_announcement_is_made_once_and_late_tickets_have_it_too(desk):
    first, late = await report(desk, 1), await report(desk, 2)
    problem = (await opened(desk, first))["id"]
    told = {"text": "Mail is down.", "audience": "Leeds"}
    for _ in range(2):
        announced = await send(desk, "POST", f"/{problem}/announcement", told)
    assert (announced["major"], announced["version"]) == (True, 2)
    refused = await send(desk, "POST", f"/{problem}/announcement", told | {"text": "Again"}, code=409)
    assert "withdraw" in refused["detail"]
    for _ in range(2):
        await send(desk, "POST", f"/{problem}/tickets", {"tickets": [str(late)], "why": "The same"})
    await send(desk, "DELETE", f"/{problem}/tickets/{late}", params={"why": "Wrong"})
    await send(desk, "DELETE", f"/{problem}/tickets/{late}", params={"why": "Wrong"})
    await send(desk, "POST", f"/{problem}/tickets", {"tickets": [str(late)], "why": "It was"})
    for ticket in (first, late):
        log = await desk.story(ticket, until="announced")
        (event,) = of_kind(log, "announced")
        assert (event["text"], event["audience"], event["by"]) == ("Mail is down.", "Leeds", "test")
    assert [event["kind"] for event in log][-4:] == ["gathered", "announced", "ungathered", "gathered"]
    withdrawn = await send(desk, "DELETE", f"/{problem}/announcement", params={"why": "It was a cable"})
    assert withdrawn["announcement"]["withdrawn_at"]
    await send(desk, "POST", f"/{problem}/announcement", told | {"text": "Printers are down."})
    assert len(of_kind(await desk.story(first, until="announced"), "announced")) == 2


async def test_the_same_key_opens_one_problem_however_often_and_at_once(desk):
    told = {"title": "Mail is slow", "why": "Seen"}
    key = {"Idempotency-Key": "one"}
    answers = await asyncio.gather(*(desk.request("POST", "/v1/problems", json=told, headers=key) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await desk.request("POST", "/v1/problems", json=told | {"title": "Another"}, headers=key)
    assert other.status_code == 422
    assert (await desk.request("POST", "/v1/problems", json=told, headers=key, tenant="other")).status_code == 201


async def test_unknown_tickets_are_named_and_nothing_is_changed(desk):
    ticket = await report(desk)
    told = {"title": "x", "tickets": [str(ticket), "TD-0000-0000"], "why": "x"}
    answer = await send(desk, "POST", "", told, code=409)
    assert answer["errors"] == [{"field": "tickets.1", "message": "no such ticket"}]
    assert await problems(desk) == []


async def test_pages_follow_each_other(desk):
    ids = [(await opened(desk, title=f"P {number}"))["id"] for number in range(5)]
    found, after = [], None
    while after is not None or not found:
        answer = await desk.request("GET", "/v1/problems", params={"limit": 2} | ({"after": after} if after else {}))
        found += [problem["id"] for problem in answer.json()["problems"]]
        after = answer.json()["next"]
    assert found == ids[::-1]
