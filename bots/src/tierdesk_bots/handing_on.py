"""How a bot ends a job, so that it ends it the same way when it is run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tierdesk_bots.journal import Journal
from tierdesk_contracts.vocabulary import EscalationReason, StepTried
from tierdesk_tier import Job


async def resolve(job: Job, journal: Journal, how: str, *, root_cause: str = "", steps: Sequence[StepTried]) -> None:
    """Say that it is solved, and how."""
    await _end(job, journal, "resolve", {"how": how, "root_cause": root_cause}, steps)


async def hand_on(
    job: Job, journal: Journal, reason: EscalationReason, findings: str, *, steps: Sequence[StepTried]
) -> None:
    """Let people have it, at the next tier, with what was tried."""
    await _end(job, journal, "escalate", {"reason": reason.value, "findings": findings}, steps)


async def end_again(job: Job, journal: Journal) -> bool:
    """Where the desk has refused the ending: say it again, without all that came before it. False if there was none."""
    ending = journal.get("ending") if job.refused is not None else None
    if ending is None:
        return False
    await _say(job, ending)
    return True


async def _end(job: Job, journal: Journal, step: str, words: dict[str, str], steps: Sequence[StepTried]) -> None:
    ending = {"step": step, "words": words, "steps_tried": [one.model_dump(exclude_none=True) for one in steps]}
    await _say(job, journal.note("ending", ending))


async def _say(job: Job, ending: dict[str, Any]) -> None:
    steps = [StepTried.model_validate(step) for step in ending["steps_tried"]]
    words = ending["words"]
    if ending["step"] == "resolve":
        await job.resolve(words["how"], root_cause=words["root_cause"], steps_tried=steps)
    else:
        # Also where the policy does not exempt the bot's tier: a bot asks for no facts.
        await job.escalate(
            words["reason"], findings=words["findings"], steps_tried=steps, override="A bot asks nobody for facts."
        )
