"""Journeys of tickets through the tiers, each worked by the client library alone; their logs are printed."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from e2e.whole_desk import OWN, WholeDesk
from tierdesk_bus import connect
from tierdesk_cli.tickets import print_story
from tierdesk_contracts.names import vendor_namespace
from tierdesk_contracts.vocabulary import Role
from tierdesk_tier import Job, TierConsumer

POLICY = {
    "name": "Journeys",
    "tiers": [{"id": "l1"}, {"id": "l2"}, {"id": "l3"}, {"id": "l4"}],
    "groups": [
        {"id": "service-desk", "tier": "l1"},
        {"id": "workplace", "tier": "l2"},
        {"id": "platform", "tier": "l3"},
        {"id": "printers", "tier": "l4", "vendor": "printer-supplier"},
    ],
    "edges": [["l1", "l2"], ["l2", "l3"], ["l3", "l4"], ["l4", "l3"]],
    "categories": [
        {"id": "printer", "tier": "l1", "group": "service-desk"},
        {"id": "crisis", "tier": "l1", "group": "service-desk", "mode": "swarm"},
        {"id": "board", "tier": "l1", "group": "service-desk", "mode": "carry_through"},
    ],
    "default_category": "printer",
    "vendors": [
        {"id": "printer-supplier", "name": "Printers Ltd", "group": "printers", "covers": ["printer", "board"]}
    ],
}
HOUSES = {"service-desk": "l1", "workplace": "l2", "platform": "l3"}
PATIENCE_SECONDS = 60.0
Work = Callable[[Job], Awaitable[None]]


@pytest.fixture(scope="module")
def desk(whole_desk: WholeDesk) -> WholeDesk:
    with whole_desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
    return whole_desk


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have a text printed although the test goes well."""
    return partial(record_property, "told")


@asynccontextmanager
async def at_work(desk: WholeDesk, people: dict[str, tuple[str, Work]]) -> AsyncIterator[None]:
    """Each group is worked by one person, as the block runs."""
    bus = await connect(desk.settings.bus, name="journeys")
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            for group, (worker, work) in people.items():
                if group == "printers":
                    namespace = vendor_namespace(OWN, "printer-supplier")
                    consumer = TierConsumer.vendor(bus, namespace=namespace, worker=worker, work=work, workers=4)
                else:
                    consumer = TierConsumer.in_house(
                        bus, tenant=OWN, tier=HOUSES[group], group=group, worker=worker, work=work, workers=4
                    )
                tasks.create_task(consumer.run(stop))
            try:
                yield
            finally:
                stop.set()
    finally:
        await bus.close()


async def post(desk: WholeDesk, event: dict[str, Any]) -> str:
    def send() -> str:
        with desk.client(OWN) as client:
            answer = client.post("/v1/events", json=event)
            assert answer.status_code == 202, answer.text
            return str(answer.json()["ticket"])

    return await asyncio.to_thread(send)


async def story_of(desk: WholeDesk, ticket: str, *, until: str) -> dict[str, Any]:
    """The ticket with its log, once it is in this status."""

    def read() -> dict[str, Any]:
        with desk.client(OWN) as client:
            answer = client.get(f"/v1/tickets/{ticket}")
            return answer.json() if answer.status_code == 200 else {"ticket": {"status": "unknown"}, "log": []}

    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            story = await asyncio.to_thread(read)
            if story["ticket"]["status"] == until:
                return story
            await asyncio.sleep(0.1)


def report(category: str) -> dict[str, Any]:
    return {
        "type": "problem_reported",
        "requester": {"party": "ann", "name": "Ann Example"},
        "title": "The printer on floor 3 prints stripes",
        "category": category,
    }


def printed(name: str, story: dict[str, Any]) -> str:
    text = io.StringIO()
    print_story(story, Console(file=text, width=150))
    return f"{name}\n{text.getvalue().rstrip()}"


def kinds(story: dict[str, Any]) -> list[str]:
    return [event["kind"] for event in story["log"]]


async def ask_for_facts(job: Job) -> None:
    if job.internal is not None and job.internal.missing_facts:
        await job.progress(
            "Asked on the phone.", contact="extension 4711", affected="Floor 3 prints nothing", urgency=2
        )


async def test_up_four_tiers_and_one_down_to_its_end(desk, tell):
    async def define(job: Job) -> None:
        await job.answer("I am looking into it.", steps_tried=["Turned it off and on"])
        await ask_for_facts(job)
        await job.escalate("cause_unclear", findings="Stripes on every page.")

    async def examine(job: Job) -> None:
        assert [tried.step for tried in job.steps_tried] == ["Turned it off and on"]
        await job.escalate("first_fix_failed", findings="Not the driver.", steps_tried=["Renewed the driver"])

    async def build(job: Job) -> None:
        if "Renewed the fuser" in [tried.step for tried in job.steps_tried]:
            await job.resolve("Print server restarted after the fuser was renewed.", root_cause="Worn fuser")
        else:
            await job.escalate("needs_vendor", findings="The queue is sound; it is the machine.")

    async def repair(job: Job) -> None:
        assert job.internal is None
        await job.pause("visit")
        await job.resume()
        await job.escalate("findings", findings="Fuser renewed.", steps_tried=["Renewed the fuser"], to_tier="l3")

    people = {
        "service-desk": ("ann", define),
        "workplace": ("ben", examine),
        "platform": ("cleo", build),
        "printers": ("dan", repair),
    }
    async with at_work(desk, people):
        ticket = await post(desk, report("printer"))
        await story_of(desk, ticket, until="resolved")
        await post(desk, {"type": "confirmed", "ticket": ticket, "comment": "Prints like new."})
        story = await story_of(desk, ticket, until="closed")
    tell(printed("L1 → L2 → L3 → L4 → L3 → closed", story))
    places = [(event["tier"], event["group"]) for event in story["log"] if event["kind"] == "offered"]
    assert places == [
        ("l1", "service-desk"), ("l2", "workplace"), ("l3", "platform"), ("l4", "printers"), ("l3", "platform")
    ]  # fmt: skip
    assert story["ticket"]["contact_owner"] == "ann"
    assert story["ticket"]["hand_offs"] == 4
    assert [tried["step"] for tried in story["ticket"]["steps_tried"]] == [
        "Turned it off and on", "Renewed the driver", "Renewed the fuser"
    ]  # fmt: skip


async def test_a_swarm_gathers_around_one_owner_and_the_ticket_does_not_move(desk, tell):
    async def own(job: Job) -> None:
        assert job.role is Role.OWNER
        await ask_for_facts(job)
        for group in ("workplace", "platform", "printers"):
            await job.invite(group, "What do you see on your side?")
        found = 0
        async for update in job.updates:
            found += update.contribution is not None and update.contribution.word == "contributed"
            if found == 3:
                break
        await job.resolve("The three findings together: the switch and the fuser.", root_cause="A loop in the switch")

    async def help_out(job: Job) -> None:
        assert job.role is Role.CONTRIBUTOR
        assert job.question == "What do you see on your side?"
        await job.contribute(f"{job.worker} sees nothing wrong here.")

    people = {"service-desk": ("ann", own)}
    people |= {group: (group[:3], help_out) for group in ("workplace", "platform", "printers")}
    async with at_work(desk, people):
        ticket = await post(desk, report("crisis"))
        story = await story_of(desk, ticket, until="resolved")
    tell(printed("A swarm", story))
    assert kinds(story).count("invited") == kinds(story).count("contributed") == 3
    assert kinds(story).count("offered") == 1
    assert (story["ticket"]["tier"], story["ticket"]["group"]) == ("l1", "service-desk")
    assert story["ticket"]["hand_offs"] == 0


async def test_a_carried_ticket_has_one_owner_from_l1_to_l4(desk, tell):
    async def own(job: Job) -> None:
        await ask_for_facts(job)
        for reason in ("cause_unclear", "beyond_scope", "needs_vendor"):
            await job.carry(reason, findings=f"Not solved: {reason}.")
        async for update in job.updates:
            if update.contribution is not None and update.contribution.word == "contributed":
                break
        await job.resolve("The vendor renewed the fuser.", root_cause="Worn fuser")

    async def repair(job: Job) -> None:
        await job.resolve("Fuser renewed.", root_cause="Worn")

    async with at_work(desk, {"service-desk": ("ann", own), "printers": ("dan", repair)}):
        ticket = await post(desk, report("board"))
        story = await story_of(desk, ticket, until="resolved")
    tell(printed("Carried through", story))
    assert [event["to_tier"] for event in story["log"] if event["kind"] == "carried"] == ["l2", "l3", "l4"]
    assert [event["worker"] for event in story["log"] if event["kind"] == "accepted"] == ["ann"]
    assert [event["group"] for event in story["log"] if event["kind"] == "offered"] == ["service-desk"]
    (resolved,) = [event for event in story["log"] if event["kind"] == "resolved"]
    assert resolved["actor"]["id"] == "ann"
    assert story["ticket"]["tier"] == "l4"
