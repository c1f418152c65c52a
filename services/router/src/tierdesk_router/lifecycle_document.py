"""`docs/lifecycle.md`: the lifecycle as a picture and a table, rendered from `MOVES`.

Run it with `--write` after a change of the table; with `--check` it exits with 1 when the document tells another one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Status
from tierdesk_router.domain.lifecycle import MOVES, TERMINAL

DOCUMENT: Final = Path("docs/lifecycle.md")
_REPOSITORY: Final = Path(__file__).parents[4]
_HEAD: Final = """\
# The lifecycle of a ticket

Rendered from the table in `services/router/src/tierdesk_router/domain/lifecycle.py` by `python -m tierdesk_router.lifecycle_document --write`; the checks refuse a document that tells
another table. A move that is not here is refused, and who asked for it is told why. Every event stands in the ticket's log with who, when and why; the row is its log, folded.
"""
_WORDS: Final = {
    Status.NEW: "it exists, and nothing is decided yet",
    Status.TRIAGED: "category, priority and group are decided; nobody has it",
    Status.OFFERED: "a group is asked whether it takes it",
    Status.ACCEPTED: "one worker owns it",
    Status.PAUSED: "its owner waits for the requester, a vendor, a visit or a change",
    Status.RESOLVED: "solved, as its last owner says; its requester may confirm or reopen",
    Status.CLOSED: "confirmed, or nobody objected in time; may be reopened for a while",
    Status.CANCELLED: "its requester needs it no more; final",
    Status.MERGED: "it goes on in another ticket; final",
}


def render() -> str:
    """The whole document."""
    return "\n".join([_HEAD, "```mermaid", *_diagram(), "```", "", *_statuses(), "", *_events()]) + "\n"


def _diagram() -> list[str]:
    """Moves between two statuses as one arrow; what leaves a ticket where it is stands in the table alone."""
    arrows: dict[tuple[Status, Status], list[str]] = {}
    for (before, kind), after in MOVES.items():
        if before is not after:
            arrows.setdefault((before, after), []).append(kind)
    lines = ["stateDiagram-v2", f"    [*] --> {Status.NEW.value}: opened"]
    lines += [f"    {before.value} --> {after.value}: {', '.join(kinds)}" for (before, after), kinds in arrows.items()]
    reached = {after for _, after in arrows}
    return [*lines, *(f"    {status.value} --> [*]" for status in Status if status in TERMINAL and status in reached)]


def _statuses() -> list[str]:
    lines = ["| status | means |", "|---|---|"]
    for status, words in _WORDS.items():
        lines.append(f"| {status.value} | {words}{'' if _is_reached(status) else '; no move leads here yet'} |")
    return lines


def _is_reached(status: Status) -> bool:
    return status is Status.NEW or any(after is status is not before for (before, _), after in MOVES.items())


def _events() -> list[str]:
    """A row for each kind of event: what it says, and where it may happen."""
    lines = ["| event | says | leads |", "|---|---|---|", f"| opened | {_says('opened')} | to new |"]
    for kind in dict.fromkeys(kind for _, kind in MOVES):
        moves = {before: after for (before, other), after in MOVES.items() if other == kind}
        stays = [before.value for before, after in moves.items() if before is after]
        ways = [f"{before.value} → {after.value}" for before, after in moves.items() if before is not after]
        ways += [f"stays {', '.join(stays)}"] if stays else []
        lines.append(f"| {kind} | {_says(kind)} | {'; '.join(ways)} |")
    return lines


def _says(kind: str) -> str:
    """The first sentence of the contract."""
    return (_CONTRACTS[kind].__doc__ or "").split("\n", 1)[0].rstrip(".")


_CONTRACTS: Final[dict[str, Any]] = {
    model.model_fields["kind"].default: model
    for model in vars(events).values()
    if isinstance(model, type) and issubclass(model, events.TicketEvent) and "kind" in model.model_fields
}


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when it is written or agrees, 1 when `--check` finds that it does not."""
    parser = argparse.ArgumentParser(prog="python -m tierdesk_router.lifecycle_document", description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the document")
    mode.add_argument("--check", action="store_true", help="say whether it agrees with the table")
    parser.add_argument("--root", type=Path, default=_REPOSITORY, help="the repository")
    options = parser.parse_args(arguments)
    file = options.root / DOCUMENT
    if options.write:
        file.write_text(render(), encoding="utf-8")
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == render():
        return 0
    sys.stdout.write(f"{DOCUMENT}: tells another table; python -m tierdesk_router.lifecycle_document --write\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
