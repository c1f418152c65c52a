"""`tierdesk policy explain`: where a ticket goes, and why not elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

from rich.console import Console

from tierdesk_cli.client import DeskClient, connect
from tierdesk_cli.decision import Decision, print_decision, print_section, tell_turns
from tierdesk_cli.errors import CommandError
from tierdesk_cli.policy import read_policy
from tierdesk_cli.road import read_log, tell_now, tell_road
from tierdesk_cli.tickets import clean
from tierdesk_contracts import ticket as events
from tierdesk_contracts.event import TicketEvent
from tierdesk_intake.domain.events import PostedAlert, PostedProblem, as_message, read_event
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_policy import Policy
from tierdesk_router.domain.lifecycle import open_ticket
from tierdesk_router.domain.requests import Opening, open_by, subject_of
from tierdesk_router.domain.ticket import Ticket
from tierdesk_router.domain.triage import facts_of, triage

MOST_BYTES: Final = 1_048_576
_NOBODY: Final = uuid.UUID(int=0)


async def explain(
    subject: str, policy_file: Path | None, data: Path, url: str | None, key: str | None, console: Console
) -> None:
    """Explain an event in a file, or a ticket of a desk that runs, which is explained by its own version of the policy.

    An event is decided by `policy_file`, or by the policy in force of the desk. A ticket's decision is told as it is
    recorded, and then its road; by `policy_file` it is decided anew, which says nothing of its road.
    """
    given = None if policy_file is None else read_policy(policy_file)
    file = _as_file(subject)
    if file is not None:
        event = _read_event(file)
        if given is None:
            async with connect(data, url, key) as desk:
                given = await _fetch(desk, "/v1/policy")
        _tell_event(event, given, console)
        return
    async with connect(data, url, key) as desk:
        await explain_ticket(desk, subject, console, given)


async def explain_ticket(desk: DeskClient, name: str, console: Console, given: Policy | None = None) -> None:
    """Tell the decision and the road of a ticket of this desk; `given` a policy, the decision that it would make."""
    story = await desk.get(f"/v1/tickets/{quote(name, safe='')}")
    version = story["ticket"]["policy_version"]
    policy = given or await _fetch(desk, f"/v1/policy/versions/{quote(version, safe='')}")
    _tell_ticket(Ticket.model_validate(story["ticket"], extra="ignore"), read_log(story), policy, console)


def _as_file(subject: str) -> Path | None:
    file = Path(subject)
    return file if subject.endswith(".json") or file.is_file() else None


async def _fetch(desk: DeskClient, path: str) -> Policy:
    """A policy of the desk."""
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


def _tell_event(message: Opening, policy: Policy, console: Console) -> None:
    now = datetime.now(UTC)
    draft = open_by(
        message, tenant="", ticket_id=_NOBODY, requester_id=_NOBODY, at=now, policy=policy, new_id=uuid.uuid4
    )
    opened = cast("events.Opened", draft.events[0])
    verdict = triage(draft.before, policy, vip=opened.vip)
    console.print(f"[bold]{clean(opened.title)}[/bold]", highlight=False, soft_wrap=True)
    print_decision(Decision.of(verdict), facts_of(draft.before, policy, vip=opened.vip), policy, console)
    subject = subject_of(message, ticket_id=_NOBODY, requester_id=_NOBODY, at=now, policy=policy)
    turns = tell_turns(verdict, subject, policy)
    if turns:
        print_section("What could still send it elsewhere", turns, console)
    _tell_policy("By", policy, console)


def _tell_ticket(ticket: Ticket, log: Sequence[TicketEvent], policy: Policy, console: Console) -> None:
    opened = cast("events.Opened", log[0])
    before = open_ticket(
        opened, tenant="", ticket_id=_NOBODY, reference=ticket.reference, policy_version=policy.version
    )
    console.print(f"[bold]{ticket.reference}[/bold]  {clean(ticket.title)}", highlight=False, soft_wrap=True)
    facts = facts_of(before, policy, vip=opened.vip)
    if policy.version == ticket.policy_version:
        recorded = next(event for event in log if isinstance(event, events.Triaged))
        print_decision(Decision.recorded(recorded), facts, policy, console, verb="Went first")
        print_section("Its road (times in UTC)", tell_road(log, policy), console)
        print_section("Now", tell_now(ticket, policy), console)
        _tell_policy("Opened under", policy, console)
    else:
        console.print("Decided anew, by another policy than the ticket's own.", highlight=False)
        print_decision(Decision.of(triage(before, policy, vip=opened.vip)), facts, policy, console)
        _tell_policy("By", policy, console)


def _tell_policy(how: str, policy: Policy, console: Console) -> None:
    console.print(f"\n{how} the policy {clean(policy.name)}, {policy.version}", highlight=False, soft_wrap=True)
