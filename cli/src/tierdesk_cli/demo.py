"""`tierdesk demo`: a finite tour."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from tierdesk_cli.circle import tell_circle
from tierdesk_cli.client import DeskClient
from tierdesk_cli.desk import load_sample_articles, running, stand_up
from tierdesk_cli.errors import CommandError
from tierdesk_cli.examples import BOT, NOBODY, Examples, sample_policy
from tierdesk_cli.home import Home, temporary_folder
from tierdesk_cli.policy import read_policy
from tierdesk_cli.road import read_log
from tierdesk_cli.tickets import clean, print_story
from tierdesk_cli.together import tell_together
from tierdesk_cli.tour import ALERT, CALLS, PORTAL
from tierdesk_policy import Policy
from tierdesk_runtime.clock import FastClock
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.signatures import sign

RATE: Final = 60.0
"""Business seconds per second: a minute of the desk's time passes each second."""
PATIENCE_SECONDS: Final = 120.0
SOURCE: Final = "demo-pbx"


async def run(policy_file: Path | None, console: Console) -> None:
    """Start a desk, let things happen, tell each ticket's journey, stop. Raises `CommandError` if any does not end."""
    policy = read_policy(policy_file or sample_policy())
    clock = FastClock.starting(datetime.now(UTC), rate=RATE)
    console.print(f"A desk with the policy {policy.name!r}, on a clock that runs {RATE:.0f} times as fast …")
    with temporary_folder("demo-") as folder:
        async with stand_up(Home(folder), http_port=0) as ground:
            tenant = f"demo-{uuid.uuid4().hex[:8]}"
            key = KeyRing(ground.secrets).mint(
                "demo",
                tenant,
                ("events:write", "tickets:read", "clocks:read", "policy:write", "articles:read", "articles:write"),
            )
            secret = ground.secrets.add_webhook_secret(tenant, SOURCE)
            await load_sample_articles(ground, tenant, clock)
            async with running(ground, clock=clock, worked=NOBODY) as url, DeskClient(url, key) as desk:
                examples = Examples(
                    ground.settings.bus, policy, ground.settings.namespace_prefix, folder / "bot", tenant=tenant,
                    now=clock.now, pace=RATE,
                )  # fmt: skip
                await _tour(desk, policy, examples, secret=secret, console=console)


async def _tour(desk: DeskClient, policy: Policy, examples: Examples, *, secret: str, console: Console) -> None:
    await desk.request("PUT", "/v1/policy", json=policy.document())
    stop = asyncio.Event()
    people = asyncio.create_task(examples.run(stop))
    try:
        tickets = await _post_all(desk, policy, secret, console)
        for ticket in tickets:
            story = await _follow(desk, ticket, examples, people)
            print_story(story, console)
            for sentence in tell_together(read_log(story), policy):
                console.print(clean(sentence), style="bold", highlight=False, soft_wrap=True)
            console.print()
        await tell_circle(desk, policy, examples, console)
    finally:
        stop.set()
        await asyncio.gather(people, return_exceptions=True)
    console.print(f"{len(tickets)} tickets, each seen through to its end.", highlight=False)


async def _post_all(desk: DeskClient, policy: Policy, secret: str, console: Console) -> list[str]:
    """Post everything; the tickets that came of it."""
    known = {category.id for category in policy.categories}
    events = [{"type": "problem_reported", **report} for report in PORTAL] + [ALERT]
    tickets = []
    for event in events:
        told = event if event["category"] in known else {name: event[name] for name in event if name != "category"}
        answer = (await desk.request("POST", "/v1/events", json=told)).json()
        console.print(f"posted   {answer['reference']}  {event['title']}", highlight=False, markup=False)
        tickets.append(answer["ticket"])
    for call in CALLS:
        order = (*reversed(call), *call) if len(call) == 2 else call
        ticket = None
        for event in order:
            ticket = (await _post_call(desk, event, secret)) or ticket
        assert ticket is not None
        console.print(f"phoned   {call[0]['from']}: {', '.join(event['event'] for event in order)}", highlight=False)
        tickets.append(ticket)
    console.print()
    return tickets


async def _post_call(desk: DeskClient, event: dict[str, str], secret: str) -> str | None:
    body = json.dumps(event).encode()
    headers = sign(secret, f"demo-{uuid.uuid4().hex}", datetime.now(UTC), body)
    headers |= {"Tierdesk-Source": SOURCE, "Content-Type": "application/json"}
    answer: dict[str, Any] = (await desk.request("POST", "/v1/phone/generic", content=body, headers=headers)).json()
    ticket: str | None = answer.get("ticket")
    return ticket


async def _follow(desk: DeskClient, ticket: str, examples: Examples, people: asyncio.Task[None]) -> dict[str, Any]:
    """Wait until the ticket is resolved, confirm it as its requester, and answer its whole story.

    A code that the requester is asked for stands in their mail.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    confirmed, replied, status = False, False, "not opened"
    while time.monotonic() < end:
        if people.done():
            await people
        try:
            story: dict[str, Any] = await desk.get(f"/v1/tickets/{ticket}")
        except CommandError:  # not opened yet
            await asyncio.sleep(0.1)
            continue
        status = story["ticket"]["status"]
        if status == "closed":
            return story
        waits = status == "paused" and story["ticket"]["paused_for"] == "requester"
        if waits and story["ticket"]["group"] == BOT:
            code = examples.code_for(story["ticket"]["reference"])
            if code is not None and not replied:
                event = {"type": "requester_replied", "ticket": ticket, "text": f"The code is {code}."}
                await desk.request("POST", "/v1/events", json=event)
                replied = True
        elif not confirmed and (status == "resolved" or waits):
            event = {"type": "confirmed", "ticket": ticket, "comment": "Thank you, it works."}
            await desk.request("POST", "/v1/events", json=event)
            confirmed = True
        await asyncio.sleep(0.1)
    raise CommandError(f"ticket {ticket} did not end within {PATIENCE_SECONDS:.0f} s: it is {status}")
