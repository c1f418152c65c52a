"""The diagnostics bot: asks the requester to run a small program on the device, and reads what it sees."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tierdesk_bots.advice import BUILT_IN, Rules, judge
from tierdesk_bots.codes import derive_token
from tierdesk_bots.diagnosis import Diagnosis, describe
from tierdesk_bots.handing_on import end_again, hand_on, resolve
from tierdesk_bots.journal import Journal, Journals
from tierdesk_bots.replies import Meaning, read_reply
from tierdesk_contracts.vocabulary import EscalationReason, PauseParty, StepTried
from tierdesk_tier import Job

ASKED: Final = "Asked the requester to run the diagnosis on the device"
_STILL: Final = "Still waits for the diagnosis."
_RESULT_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """The work function, `work`, and what it stands on."""

    secret: bytes
    """Of this bot alone; tokens are derived from it."""
    journals: Journals
    public_url: str
    """Where the requester's device reaches the listener."""
    rules: Rules = BUILT_IN
    wait_seconds: float = 3_600.0
    """How long a result is waited for."""
    categories: frozenset[str] | None = None
    """None: whatever its group is offered."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def work(self, job: Job) -> None:
        """See one ticket through."""
        journal = self.journals.open(job.assignment_id)
        try:
            if not await end_again(job, journal):
                await self._diagnose(job, journal)
        except asyncio.CancelledError:
            if job.lost is not None:
                journal.note("lost", job.lost.reason.value)  # its link is over
            raise
        finally:
            self.journals.close(job.assignment_id)

    async def _diagnose(self, job: Job, journal: Journal) -> None:
        if self.categories is not None and job.case.category not in self.categories:
            findings = f"This bot diagnoses devices; {job.case.category} is none of its kinds."
            await hand_on(job, journal, EscalationReason.BEYOND_SCOPE, findings, steps=())
            return
        until = (self.now() + timedelta(seconds=self.wait_seconds)).isoformat()
        asked = journal.note("asked", {"reference": job.case.reference, "until": until})
        link = f"{self.public_url}/v1/diagnoses/{derive_token(self.secret, job.assignment_id)}"
        await job.answer(
            "To see what is wrong, please run this on the device that has the problem:\n\n"
            f"    python3 diagnose.py {link}\n\n"
            "It shows what it has found, and sends it only if you say yes. The link works once. "
            "Reply “no” if you would rather speak to somebody. We never ask for a password."
        )
        await job.pause(PauseParty.REQUESTER, "Waits for the diagnosis.")
        diagnosis = await self._wait(job, journal, datetime.fromisoformat(asked["until"]))
        if isinstance(diagnosis, str):
            step = StepTried(step=ASKED, result=diagnosis)
            await hand_on(job, journal, EscalationReason.BEYOND_SCOPE, f"No diagnosis: {diagnosis}", steps=[step])
            return
        await self._report(job, journal, diagnosis)

    async def _wait(self, job: Job, journal: Journal, until: datetime) -> Diagnosis | str:
        """The diagnosis, or why there is none. Whichever of them was first stays so when this is run again."""
        for _ in itertools.takewhile(lambda number: journal.get(f"reply {number}"), itertools.count(1)):
            await job.pause(PauseParty.REQUESTER, _STILL)
        refused = asyncio.create_task(self._read_replies(job, journal))
        try:
            while journal.get("diagnosis") is None and journal.get("none") is None:
                journal.changed.clear()
                changed = asyncio.create_task(journal.changed.wait())
                left = max((until - self.now()).total_seconds(), 0.0)
                await asyncio.wait([refused, changed], timeout=left, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if journal.get("diagnosis") is not None:
                    break
                if refused.done():
                    refused.result()
                    journal.note("none", "The requester refused.")
                elif until <= self.now():
                    journal.note("none", f"None came within {self.wait_seconds / 60:g} minutes.")
        finally:
            refused.cancel()
            await asyncio.gather(refused, return_exceptions=True)
        none: str | None = journal.get("none")
        if none is not None:
            return none
        diagnosis = Diagnosis.model_validate(journal.get("diagnosis"))
        return "The requester looked at the results and did not send them." if diagnosis.refused else diagnosis

    async def _read_replies(self, job: Job, journal: Journal) -> None:
        """Returns when one is a refusal. Any other resumes the work, which yet waits for the device: it is paused again."""
        number = 0
        async for update in job.updates:
            if update.reply is None:
                continue
            if read_reply(update.reply).meaning is Meaning.REFUSAL:
                return
            number += 1
            if journal.get(f"reply {number}") is None:
                journal.note(f"reply {number}", entry=True)
                await job.pause(PauseParty.REQUESTER, _STILL)

    async def _report(self, job: Job, journal: Journal, diagnosis: Diagnosis) -> None:
        seen = [describe(result) for result in diagnosis.results]
        steps = [StepTried(step=what[:300], result=found[:_RESULT_LENGTH]) for what, found in seen]
        verdict = judge(self.rules, diagnosis.results)
        lines = "\n".join(f"- {step.step}: {step.result}" for step in steps)
        because = " ".join(verdict.because) or "No rule fits what was found."
        await job.progress(f"Diagnosis of the requester's device:\n{lines}\n{because}")
        if verdict.advice:
            advice = " ".join(verdict.advice)
            await job.answer(f"{advice} If that does not help, tell us, and a colleague takes over.")
            await resolve(job, journal, f"{because} Advised: {advice}", root_cause=because, steps=steps)
        else:
            await hand_on(job, journal, EscalationReason.BEYOND_SCOPE, because, steps=steps)
