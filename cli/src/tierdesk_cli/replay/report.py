"""What a replay came to: the desk's tickets held against the export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tierdesk_cli.client import DeskClient
from tierdesk_cli.replay.case import Case
from tierdesk_cli.replay.script import count_hand_offs
from tierdesk_cli.replay.tiers import RULE, UNASSIGNED, group_name
from tierdesk_cli.tickets import clean


@dataclass(slots=True)
class Verdict:
    """Counts, and the first few differences in words."""

    tickets: int = 0
    lost: int = 0
    hand_offs: int = 0
    hand_offs_in_export: int = 0
    differing: list[str] = field(default_factory=list)
    per_tier: Counter[str] = field(default_factory=Counter)
    pairs: int = 0

    @property
    def holds(self) -> bool:
        """Whether the desk's tickets equal the export's."""
        return not self.lost and not self.differing and self.hand_offs == self.hand_offs_in_export


async def compare(desk: DeskClient, cases: Sequence[Case]) -> Verdict:
    """Read every ticket back and hold it against its incident."""
    found: dict[str, dict[str, Any]] = {}
    after = None
    while True:
        page = await desk.get("/v1/tickets", limit=500, after=after)
        found |= {ticket["id"]: ticket for ticket in page["tickets"]}
        after = page.get("next")
        if after is None:
            break
    verdict = Verdict(tickets=len(cases))
    pairs = set()
    for case in cases:
        ticket = found.get(case.ticket_id or "")
        expected = count_hand_offs(case.incident)
        verdict.hand_offs_in_export += expected
        if ticket is None:
            verdict.lost += 1
            continue
        last = case.incident.updates[-1]
        pairs.add((last.impact, last.urgency))
        verdict.hand_offs += ticket["hand_offs"]
        verdict.per_tier[ticket["tier"]] += 1
        wanted = {
            "status": last.state.lower() if last.state.lower() in {"resolved", "closed"} else case.ending,
            "group": group_name(last.group),
            "priority": last.priority,
            "hand_offs": expected,
        }
        verdict.differing += [
            f"{case.incident.number} ({ticket['reference']}): {name} is {ticket[name]}, the export says {value}"
            for name, value in wanted.items()
            if ticket[name] != value
        ]
    verdict.pairs = len(pairs)
    return verdict


def print_report(
    console: Console,
    verdict: Verdict,
    clocks: list[dict[str, Any]],
    *,
    seconds: float,
    acts: int,
    tiers: dict[str, str],
) -> None:
    """The closing table."""
    console.print(
        f"\nGroups: {len(tiers) - 1} of the export and {UNASSIGNED!r}; {RULE}.", highlight=False, markup=False
    )
    table = Table(title="Tickets by the tier that resolved them", title_justify="left")
    table.add_column("tier")
    table.add_column("tickets", justify="right")
    for tier, number in sorted(verdict.per_tier.items()):
        table.add_row(tier, f"{number:,}")
    console.print(table)
    table = Table(title="Clocks", title_justify="left")
    for heading in ("clock", "met", "missed", "void"):
        table.add_column(heading, justify="left" if heading == "clock" else "right")
    for kind in clocks:
        table.add_row(kind["kind"], *(f"{kind[state]:,}" for state in ("met", "missed", "void")))
    console.print(table)
    for line in verdict.differing[:10]:
        console.print(f"differs: {clean(line)}", highlight=False)
    console.print(
        f"{verdict.tickets:,} incidents in {seconds:.1f} s: {verdict.tickets / seconds:.0f} tickets/s, "
        f"{acts / seconds:.0f} outcomes/s; priorities of {verdict.pairs} pairs of impact and urgency",
        highlight=False,
    )
    console.print(
        f"hand-offs {verdict.hand_offs:,}, in the export {verdict.hand_offs_in_export:,} · "
        f"differing {len(verdict.differing)} · lost {verdict.lost}",
        highlight=False,
    )
