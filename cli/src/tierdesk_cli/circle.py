"""What a demonstration shows of knowledge: one fault three times, solved lower each time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console

from tierdesk_cli.client import DeskClient
from tierdesk_cli.errors import CommandError
from tierdesk_cli.examples import SELF_SERVICE, Examples
from tierdesk_cli.tickets import clean
from tierdesk_cli.tour import FAULT, FAULT_REPORTERS
from tierdesk_cli.wording import quote, tell_group
from tierdesk_policy import Category, Mode, Policy

PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.1

Story = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a policy has the fault happen: `high` above those who take documented problems, `low` where self-service answers."""

    high: Category
    low: Category | None


def find_stage(policy: Policy) -> Stage | None:
    """The highest place in house where tickets enter above the tier of documented problems; None when there is none."""
    if policy.knowledge is None:
        return None
    floor = policy.height(policy.group(policy.knowledge.group).tier)
    above = [
        category
        for category in policy.categories
        if policy.height(category.tier) > floor
        and category.knowledge
        and category.mode is Mode.TIERED
        and policy.entry_group(category.id).vendor is None
    ]
    if not above:
        return None
    low = next((one for one in policy.categories if one.group == SELF_SERVICE and policy.height(one.tier) == 0), None)
    return Stage(max(above, key=lambda category: policy.height(category.tier)), low)


async def tell_circle(desk: DeskClient, policy: Policy, examples: Examples, console: Console) -> None:
    """Have the fault happen, be written down, and be solved lower twice. Raises `CommandError` when any of it does not come."""
    stage = find_stage(policy)
    if stage is None:
        console.print("Knowledge: this policy sends no documented problem down.", highlight=False)
        return
    circle = _Circle(desk, policy, console)
    circle.say("Knowledge: one fault three times, solved lower each time")
    await circle.solve_high(stage)
    examples.resting = stage.high.tier  # the desk looks a ticket up in a moment, and takes it from nobody who has it
    try:
        await circle.solve_lower(stage)
    finally:
        examples.resting = None
    if stage.low is None:
        circle.say("  The policy has no self-service, so that there is no lower to go.")
    else:
        await circle.solve_lowest(stage.low)
    await circle.tell_figure(stage)


class _Circle:
    """The steps, each told when it has happened."""

    def __init__(self, desk: DeskClient, policy: Policy, console: Console) -> None:
        self._desk = desk
        self._policy = policy
        self._console = console
        self._article = ""

    def say(self, text: str) -> None:
        self._console.print(clean(text), style="bold", highlight=False, soft_wrap=True)

    async def solve_high(self, stage: Stage) -> None:
        """It is solved high up, and an author publishes what was drafted of it."""
        ticket = await self._post(0, stage.high)
        story = await self._until(ticket, lambda story: story["ticket"]["status"] == "resolved")
        self.say(f"  1. {_reference(story)} {FAULT['title']}: {self._solver(story)} solves it and drafts an article.")
        proposed = await self._wait_for(lambda: self._proposed(ticket), "the draft")
        self._article = proposed["id"]
        draft = await self._desk.get(f"/v1/articles/{self._article}")
        await self._desk.request("POST", f"/v1/articles/{self._article}/publish")
        await self._wait_for(self._can_be_found, "the article")
        self.say(f"     An author reads the draft and publishes it: {quote(draft['title'])} {quote(draft['body'])}")
        await self._confirm(ticket)

    async def solve_lower(self, stage: Stage) -> None:
        """The next like ticket goes down with the article."""
        ticket = await self._post(1, stage.high)
        story = await self._until(ticket, lambda story: story["ticket"]["status"] == "resolved")
        offers = [event for event in story["log"] if event["kind"] == "offered"]
        self._check(offers[-1]["reason"] == "knowledge" and _resolution(story)["article_id"] == self._article, story)
        self.say(
            f"  2. {_reference(story)} the same fault again: offered to {tell_group(offers[0]['group'], self._policy)}, and sent "
            f"down at once, with the article, to {tell_group(offers[-1]['group'], self._policy)}, where "
            f"{self._solver(story)} solves it by the article."
        )
        await self._confirm(ticket)

    async def solve_lowest(self, low: Category) -> None:
        """Who asks before it hurts is answered by the knowledge base, and is shown the article as they type."""
        ticket = await self._post(2, low)
        await self._until(ticket, lambda story: story["ticket"]["paused_for"] == "requester")
        event = {"type": "requester_replied", "ticket": ticket, "text": "Yes, it works now."}
        await self._desk.request("POST", "/v1/events", json=event)
        story = await self._until(ticket, lambda story: story["ticket"]["status"] == "resolved")
        self._check(_resolution(story)["article_id"] == self._article, story)
        self.say(
            f"  3. {_reference(story)} asked as {quote(low.name)}: the knowledge base answers with the article, the requester "
            f"replies {quote(event['text'])}, and it is solved at tier {low.tier}. Nobody was called."
        )
        await self._confirm(ticket)
        found = await self._desk.get("/v1/suggest", q=FAULT["title"])
        if any(one["id"] == self._article for one in found["suggestions"]):
            self.say("     Whoever types it into the portal now is shown the article before there is a ticket.")

    async def tell_figure(self, stage: Stage) -> None:
        """What those below could close now of what was resolved up there."""

        async def count() -> dict[str, Any] | None:
            report = await self._desk.get("/v1/insight/shift-left")
            here = (stage.high.tier, stage.high.id)
            found = [one for one in report["shares"] if (one["tier"], one["category"]) == here and one["documented"]]
            return found[0] if found else None

        share = await self._wait_for(count, "the shift-left figure")
        self.say(
            f"  Of {share['resolved']} tickets on {stage.high.name} that tier {stage.high.tier} resolved, a lower tier could now "
            f"close {share['documented']}."
        )

    async def _post(self, number: int, category: Category) -> str:
        event = {"type": "problem_reported", "category": category.id, "requester": FAULT_REPORTERS[number], **FAULT}
        answer: Story = (await self._desk.request("POST", "/v1/events", json=event)).json()
        return str(answer["ticket"])

    async def _confirm(self, ticket: str) -> None:
        await self._desk.request("POST", "/v1/events", json={"type": "confirmed", "ticket": ticket})
        await self._until(ticket, lambda story: story["ticket"]["status"] == "closed")

    async def _proposed(self, ticket: str) -> dict[str, Any] | None:
        page = await self._desk.get("/v1/articles/proposed")
        return next((one for one in page["articles"] if one["origin"]["ticket"] == ticket), None)

    async def _can_be_found(self) -> bool:
        found = await self._desk.get("/v1/articles/search", q=FAULT["title"])
        return any(one["id"] == self._article for one in found["articles"])

    async def _until(self, ticket: str, reached: Callable[[Story], bool]) -> Story:
        async def read() -> Story | None:
            try:
                story: Story = await self._desk.get(f"/v1/tickets/{ticket}")
            except CommandError:  # not opened yet
                return None
            return story if reached(story) else None

        found: Story = await self._wait_for(read, f"ticket {ticket}")
        return found

    @staticmethod
    async def _wait_for(look: Callable[[], Awaitable[Any]], what: str) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            found = await look()
            if found:
                return found
            await asyncio.sleep(_LOOK_SECONDS)
        raise CommandError(f"{what} did not come so far within {PATIENCE_SECONDS:.0f} s")

    @staticmethod
    def _check(holds: bool, story: Story) -> None:
        if not holds:
            raise CommandError(f"{_reference(story)} was not solved by the article")

    def _solver(self, story: Story) -> str:
        return f"{_resolution(story)['actor']['id']} of {tell_group(story['ticket']['group'], self._policy)}"


def _reference(story: Story) -> str:
    return str(story["ticket"]["reference"])


def _resolution(story: Story) -> dict[str, Any]:
    found: dict[str, Any] = next(event for event in reversed(story["log"]) if event["kind"] == "resolved")
    return found
