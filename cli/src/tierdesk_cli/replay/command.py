"""`tierdesk replay`, wired."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tierdesk_bus import Binding, Bus, Exchange, Queue, Topology
from tierdesk_bus import connect as connect_bus
from tierdesk_cli.client import DeskClient
from tierdesk_cli.desk import Ground, running, stand_up
from tierdesk_cli.errors import CommandError
from tierdesk_cli.examples import NOBODY
from tierdesk_cli.explanation import explain_ticket
from tierdesk_cli.home import Home, temporary_folder
from tierdesk_cli.replay.case import Case, choose_roads
from tierdesk_cli.replay.director import Director
from tierdesk_cli.replay.export import Incident, read_export
from tierdesk_cli.replay.posting import Mailbox
from tierdesk_cli.replay.report import Verdict, compare, print_report
from tierdesk_cli.replay.script import write_script
from tierdesk_cli.replay.tiers import map_groups, replay_policy
from tierdesk_contracts.names import EVENTS, event_key, work_queue
from tierdesk_policy import Policy
from tierdesk_runtime.clock import DrivenClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing

SETTLE_SECONDS = 120.0
LAST_OUTCOME_SECONDS = 10.0


async def run(
    file: Path, format_: str, *, limit: int | None, data: Path | None, window: int, explains: bool, console: Console
) -> None:
    """Replay an export on a desk of its own. Raises `CommandError` when the outcome differs from the export.

    With `explains`, tickets of different roads are explained, as `tierdesk policy explain` does.
    """
    if format_ != "servicenow":
        raise CommandError(f"format {format_!r} is not known; there is servicenow", exit_code=2)
    chosen, tiers, total = await asyncio.to_thread(_read, file, limit)
    console.print(f"{total:,} incidents read, {len(chosen):,} to be replayed.", highlight=False)
    # What was read stays to the end: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    # A tenant of its own: a replay may share database and broker with other desks and other replays.
    tenant = f"replay-{secrets.token_hex(4)}"
    clock = DrivenClock(chosen[0].opened_at)
    cases = [Case(incident, write_script(incident, tiers)) for incident in chosen]
    with contextlib.nullcontext(data) if data is not None else temporary_folder("replay-") as folder:
        async with stand_up(Home(folder), http_port=0) as ground:
            scopes = ("events:write", "tickets:read", "clocks:read", "policy:write")
            key = KeyRing(ground.secrets).mint("replay", tenant, scopes)
            async with running(ground, clock=clock, worked=NOBODY) as url, DeskClient(url, key) as desk:
                await _replay(
                    cases, desk, ground, clock, tiers, tenant=tenant, window=window, explains=explains, console=console
                )


def _read(file: Path, limit: int | None) -> tuple[list[Incident], dict[str, str], int]:
    """The incidents to replay, the tiers of all groups of the file, and how many incidents it has."""
    incidents = read_export(file)
    return incidents[:limit], map_groups(incidents), len(incidents)


async def _replay(
    cases: list[Case],
    desk: DeskClient,
    ground: Ground,
    clock: DrivenClock,
    tiers: dict[str, str],
    *,
    tenant: str,
    window: int,
    explains: bool,
    console: Console,
) -> None:
    policy = replay_policy(tiers)
    await desk.request("PUT", "/v1/policy", json=policy.document())
    bus = await connect_bus(ground.settings.bus, name="replay")
    mailbox = Mailbox(desk, tenant)
    started = time.monotonic()
    try:
        with _progress(console) as progress:
            bar = progress.add_task("incidents closed", total=len(cases))
            director = Director(
                cases,
                bus=bus,
                mailbox=mailbox,
                clock=clock,
                identifiers=Identifiers(),
                tenant=tenant,
                window=window,
                on_done=lambda: progress.advance(bar),
            )
            await director.run(_queues(tenant, policy), await _declare_events(bus, tenant))
        seconds = time.monotonic() - started
        verdict = await _compare(desk, cases)
        clocks = await _settled_clocks(desk, rests=all(case.ending == "closed" for case in cases))
    finally:
        await bus.close()
    for case in choose_roads(cases) if explains else ():
        await explain_ticket(desk, case.reference, console)
        console.print()
    print_report(console, verdict, clocks, seconds=seconds, acts=director.acts, tiers=tiers)
    if not verdict.holds:
        raise CommandError("the desk's tickets differ from the export")


def _queues(tenant: str, policy: Policy) -> list[str]:
    return [work_queue(tenant, group.tier, group.id) for group in policy.groups]


async def _declare_events(bus: Bus, tenant: str) -> str:
    queue = f"{tenant}.events"
    binding = Binding(queue, EVENTS, event_key(tenant, "ticket.changed.v1"))
    await bus.declare(Topology((Exchange(EVENTS),), (Queue(queue),), (binding,)))
    return queue


async def _compare(desk: DeskClient, cases: list[Case]) -> Verdict:
    """The verdict; of tickets that stay open, the last outcome may be on its way yet."""
    stay_open = any(case.ending not in {"resolved", "closed"} for case in cases)
    until = time.monotonic() + (LAST_OUTCOME_SECONDS if stay_open else 0.0)
    while not (verdict := await compare(desk, cases)).holds and time.monotonic() < until:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.5)
    return verdict


async def _settled_clocks(desk: DeskClient, *, rests: bool) -> list[dict[str, Any]]:
    """The counts of clocks once the watcher has followed to the end: they rest, and where all is closed none runs."""
    until = time.monotonic() + SETTLE_SECONDS
    last: list[dict[str, Any]] | None = None
    same = 0
    while time.monotonic() < until:
        kinds: list[dict[str, Any]] = (await desk.get("/v1/clocks/summary"))["kinds"]
        same = same + 1 if kinds == last else 0
        runs = any(kind["running"] or kind["paused"] for kind in kinds)
        if kinds and same >= (1 if rests else 4) and not (rests and runs):
            return kinds
        last = kinds
        await asyncio.sleep(0.5)
    raise CommandError("the watcher did not follow to the end")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
