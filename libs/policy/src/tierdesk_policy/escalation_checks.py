"""What must hold for the escalations of a policy, and what is worth a remark, looked at in the values of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tierdesk_policy.escalations import MOST_ESCALATIONS, MOST_STEPS, STEPS, TRIGGERS
from tierdesk_policy.view import Found, Path, View, listed


def find_escalation_faults(view: View) -> Iterator[Found]:
    """What makes an escalation unusable: it begins on nothing or on two things, or its steps make no chain."""
    for i, escalation in _escalations(view):
        trigger = escalation.get("on")
        if isinstance(trigger, Mapping):
            yield from _trigger(("escalations", i, "on"), trigger)
        yield from _steps(("escalations", i, "steps"), _steps_of(escalation), view)


def find_escalation_remarks(view: View) -> Iterator[Found]:
    """Steps that have no effect: waits for nothing, ways that the policy lacks."""
    for i, escalation in _escalations(view):
        steps = _steps_of(escalation)
        if steps and steps[-1].get("wait") is not None:
            yield ("escalations", i, "steps", len(steps) - 1), "waits for nothing: no step comes after it"
        tiers = listed(escalation.get("tiers")) or [tier["id"] for _, tier in view.items("tiers")]
        for word, up in (("next_tier", True), ("send_back", False)):
            for j, step in enumerate(steps):
                if step.get(word) and not any(_leads(view, tier, up=up) for tier in tiers):
                    where = "up" if up else "down"
                    yield ("escalations", i, "steps", j), f"has no effect: no edge leads {where} from these tiers"


def _trigger(path: Path, trigger: Mapping[str, Any]) -> Iterator[Found]:
    named = [word for word in TRIGGERS if trigger.get(word) is not None]
    if len(named) != 1:
        told = f"names {' and '.join(named)}" if named else "names nothing"
        yield path, f"{told}: exactly one of {', '.join(TRIGGERS)} is expected"
    elif trigger.get("word") is not None and named != ["clock"]:
        yield (*path, "word"), "only clocks say words"


def _steps(path: Path, steps: Sequence[Mapping[str, Any]], view: View) -> Iterator[Found]:
    repeats = [j for j, step in enumerate(steps) if step.get("repeat") is not None]
    for j, step in enumerate(steps):
        named = [word for word in STEPS if step.get(word) is not None]
        if len(named) != 1:
            told = f"is {' and '.join(named)} at once" if named else "says nothing"
            yield (*path, j), f"{told}: each step is exactly one of {', '.join(STEPS)}"
    for j in repeats[1:]:
        yield (*path, j), "a chain repeats once at most"
    for j in repeats[:1]:
        if not any(step.get("wait") is not None for step in steps[:j]):
            yield (*path, j), "repeats without any wait before it"
    names = view.document.get("priorities", (1, 2, 3, 4))
    for j, step in enumerate(steps):
        raised = step.get("raise_priority")
        if isinstance(names, list | tuple) and isinstance(raised, int) and raised >= max(len(names), 2):
            yield (*path, j, "raise_priority"), f"there are only {len(names)} priorities"


def _leads(view: View, tier: Any, *, up: bool) -> bool:
    heights = {item.get("id"): height for height, (_, item) in enumerate(view.items("tiers"))}
    return any(
        source == tier and to in heights and (heights[to] > heights[tier]) is up
        for source, to in view.edges()
        if tier in heights
    )


def _steps_of(escalation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One for each position; what is no mapping says nothing, and the model reports it."""
    steps = islice(listed(escalation.get("steps")), MOST_STEPS)
    return [step if isinstance(step, Mapping) else {} for step in steps]


def _escalations(view: View) -> Iterator[tuple[int, dict[str, Any]]]:
    return islice(view.items("escalations"), MOST_ESCALATIONS)
