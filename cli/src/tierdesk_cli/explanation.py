"""`tierdesk policy explain`: where a ticket goes, and why not elsewhere."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from tierdesk_cli.client import connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.policy import read_policy
from tierdesk_cli.tickets import clean
from tierdesk_contracts import ticket as events
from tierdesk_intake.domain.events import PostedAlert, PostedProblem, as_message, read_event
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_policy import Policy
from tierdesk_router.domain.lifecycle import open_ticket
from tierdesk_router.domain.likeness import RECURRING
from tierdesk_router.domain.requests import Opening, open_by
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.domain.triage import facts_of, triage

MOST_BYTES: Final = 1_048_576
_NOBODY: Final = uuid.UUID(int=0)


async def explain(
    subject: str, policy_file: Path | None, data: Path, url: str | None, key: str | None, console: Console
) -> None:
    """Explain an event in a file, or a ticket of a desk that runs, which is explained by its own version of the policy.

    An event is decided by `policy_file`, or by the policy in force of the desk.
    """
    given = None if policy_file is None else read_policy(policy_file)
    file = _as_file(subject)
    if file is not None:
        event = _read_event(file)
        _tell(*_open(event, given or await _fetch(data, url, key, "/v1/policy")), console)
        return
    async with connect(data, url, key) as desk:
        story = await desk.get(f"/v1/tickets/{quote(subject, safe='')}")
    version = story["ticket"]["policy_version"]
    policy = given or await _fetch(data, url, key, f"/v1/policy/versions/{quote(version, safe='')}")
    if policy.version != version:
        console.print("Decided anew, by another policy than the ticket's own.", highlight=False)
    opened = events.Opened.model_validate(story["log"][0])
    ticket = open_ticket(
        opened, tenant="", ticket_id=_NOBODY, reference=story["ticket"]["reference"], policy_version=policy.version
    )
    _tell(ticket, opened, policy, console)
    for event in story["log"]:
        if event["kind"] == "triaged" and event["explanation"]["rule"] == RECURRING:
            sentence = clean(event["explanation"]["because"][-1])
            console.print(
                f"By the tickets before it, {event['tier']}/{event['group']}: {sentence}",
                highlight=False,
                soft_wrap=True,
            )


def _as_file(subject: str) -> Path | None:
    file = Path(subject)
    return file if subject.endswith(".json") or file.is_file() else None


async def _fetch(data: Path, url: str | None, key: str | None, path: str) -> Policy:
    """A policy of the desk."""
    async with connect(data, url, key) as desk:
        return Policy.from_document((await desk.get(path))["document"])


def _read_event(file: Path) -> Opening:
    """The event as a client would post it, and as the desk would see it. Raises `CommandError` with the field at fault."""
    try:
        with file.open("rb") as source:
            body = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", exit_code=2) from error
    if len(body) > MOST_BYTES:
        raise CommandError(f"{file}: longer than {MOST_BYTES} bytes", exit_code=2)
    try:
        event = read_event(body, now=datetime.now(UTC))
    except RefusedError as refused:
        faults = [" ".join(f"{file}: {fault.field}: {fault.message}".splitlines()) for fault in refused.faults]
        raise CommandError("\n".join(faults) or f"{file}: {refused}", exit_code=2) from refused
    if not isinstance(event, PostedProblem | PostedAlert):
        raise CommandError(f"{file}: type: {event.type} opens no ticket, so nothing is decided", exit_code=2)
    return cast("Opening", as_message(event, reference="TD-0000-0000"))


def _open(message: Opening, policy: Policy) -> tuple[Ticket, events.Opened, Policy]:
    """The ticket as it is before triage, and what opened it."""
    draft = open_by(
        message,
        tenant="",
        ticket_id=_NOBODY,
        requester_id=_NOBODY,
        at=datetime.now(UTC),
        policy=policy,
        new_id=uuid.uuid4,
    )
    return draft.before, cast("events.Opened", draft.events[0]), policy


def _tell(ticket: Ticket, opened: events.Opened, policy: Policy, console: Console) -> None:
    verdict = triage(ticket, policy, vip=opened.vip)
    named = policy.priority_name(verdict.priority)
    console.print(f"[bold]{clean(ticket.title)}[/bold]", highlight=False)
    console.print(
        f"goes to tier {verdict.group.tier}, group {verdict.group.id}, with priority {verdict.priority} ({clean(named)}), "
        f"as {verdict.category.id}: decided by {verdict.rule}.",
        highlight=False,
        soft_wrap=True,
    )
    for sentence in verdict.because:
        console.print(f"  {clean(sentence)}", highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    for judged in policy.rule_table.judge(facts_of(ticket, policy, vip=opened.vip)):
        decides = f"decides the {' and the '.join(judged.decides)}" if judged.decides else "does not decide"
        table.add_row(f"rule {judged.rule.id}", decides, clean(judged.why))
    console.print(table if policy.rules else "The policy has no rules.")
    console.print(f"Policy {clean(policy.name)}, {policy.version}", highlight=False, soft_wrap=True)
