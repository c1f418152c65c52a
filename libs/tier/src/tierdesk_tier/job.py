"""One piece of work, as the work function sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from tierdesk_contracts.knowledge import ArticleDraft
from tierdesk_contracts.outcome import (
    Outcome,
    WorkCarried,
    WorkContributed,
    WorkEscalated,
    WorkInvited,
    WorkPaused,
    WorkProgressed,
    WorkResolved,
    WorkResumed,
    WorkReturned,
    WorkTransferred,
)
from tierdesk_contracts.vocabulary import EscalationReason, Mode, OpenEnum, PauseParty, ReturnReason, Role, StepTried
from tierdesk_contracts.work import Case, Deadline, Internal, OutcomeRejected, WorkAssigned, WorkUpdated
from tierdesk_tier.errors import WorkLostError, WorkOverError
from tierdesk_tier.ledger import Ledger

ENDINGS: Final = (WorkResolved, WorkEscalated, WorkTransferred, WorkReturned, WorkContributed)
"""After one of these the work is no longer this worker's."""

Steps = Iterable[StepTried | str]
WordT = TypeVar("WordT", bound=OpenEnum)


class Job:
    """Work that this worker owns.

    Each step returns when the bus has confirmed it; while the bus is down it waits. What the desk makes of a step is
    not waited for: if the desk refuses the last step of a job, as where the policy has no such way, the work function
    is called again with `refused` set. If the work is taken away, the work function is cancelled where it awaits, and
    any further step raises `WorkLostError`, as `lost` does.
    """

    def __init__(
        self,
        assigned: WorkAssigned,
        ledger: Ledger,
        *,
        ticket: str,
        updates: Sequence[WorkUpdated],
        refused: OutcomeRejected | None,
    ) -> None:
        """Made by the consumer."""
        self._assigned = assigned
        self._ledger = ledger
        self._updates: asyncio.Queue[WorkUpdated] = asyncio.Queue()
        for update in updates:
            self._updates.put_nowait(update)
        self.ticket = ticket
        self.refused = refused
        self.lost: WorkLostError | None = None
        self.is_over = False

    @property
    def assignment_id(self) -> UUID:
        """The assignment; with its token and the worker it is the fence that every step passes."""
        return self._assigned.assignment_id

    @property
    def worker(self) -> str:
        """Who owns it."""
        return self._assigned.worker

    @property
    def case(self) -> Case:
        """What any party may know of the ticket."""
        return self._assigned.case

    @property
    def internal(self) -> Internal | None:
        """What parties in house know besides; None for a vendor."""
        return self._assigned.internal

    @property
    def role(self) -> Role:
        """Whether this worker owns the ticket, or contributes to the work of another who does."""
        return self._assigned.role

    @property
    def question(self) -> str:
        """What a contributor is asked; empty for an owner."""
        return self._assigned.question

    @property
    def mode(self) -> Mode:
        """How an owner may pass it on: `escalate` where it is tiered, `invite` in a swarm, `carry` where it is carried through."""
        return self._assigned.mode

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """The promises that hold for it."""
        return self._assigned.deadlines

    @property
    def steps_tried(self) -> tuple[StepTried, ...]:
        """What was tried before, by anybody."""
        return self._assigned.steps_tried

    @property
    def updates(self) -> AsyncIterator[WorkUpdated]:
        """What changes about the work: replies of the requester, an article, a priority. Waits for the next; has no end.

        A work function that is run again gets those of the earlier run again.
        """
        return _Updates(self._updates)

    async def progress(
        self,
        note: str = "",
        *,
        answer: str = "",
        steps_tried: Steps = (),
        impact: int | None = None,
        urgency: int | None = None,
        location: str | None = None,
        contact: str | None = None,
        affected: str | None = None,
        department: str | None = None,
    ) -> None:
        """Tell of progress: a note for the desk, an answer to the requester, steps tried, facts told or put right.

        Facts that `internal.missing_facts` names must be told before the ticket may go up. Vendors tell impact and
        urgency alone.
        """
        await self._step(
            WorkProgressed,
            note=note,
            answer=answer,
            steps_tried=_steps(steps_tried),
            impact=impact,
            urgency=urgency,
            location=location,
            contact=contact,
            affected=affected,
            department=department,
        )

    async def answer(self, text: str, *, steps_tried: Steps = ()) -> None:
        """Answer the requester. The first answer stops the clock of the first response."""
        await self.progress(answer=text, steps_tried=steps_tried)

    async def pause(self, party: PauseParty | str, note: str = "") -> None:
        """Wait for somebody: `requester`, `vendor`, `visit` or `change`. A reply of the requester resumes by itself."""
        await self._step(WorkPaused, party=_word(PauseParty, party), note=note)

    async def resume(self, note: str = "") -> None:
        """Go on."""
        await self._step(WorkResumed, note=note)

    async def resolve(
        self,
        how: str,
        *,
        root_cause: str = "",
        article_id: str | None = None,
        draft: ArticleDraft | None = None,
        waiver: str = "",
        steps_tried: Steps = (),
    ) -> None:
        """Say that it is solved, and how. Ends the job.

        Where the policy asks for it, name the article that says how, draft one, or waive it with the reason.
        """
        await self._step(
            WorkResolved,
            how=how,
            root_cause=root_cause,
            article_id=article_id,
            draft=draft,
            waiver=waiver,
            steps_tried=_steps(steps_tried),
        )

    async def escalate(
        self,
        reason: EscalationReason | str,
        *,
        findings: str = "",
        steps_tried: Steps = (),
        to_tier: str | None = None,
        to_group: str | None = None,
        override: str = "",
    ) -> None:
        """Hand on to another tier, by default the next one up. Ends the job.

        Upwards it is refused while the description lacks facts, unless `override` says why it must go all the same.
        """
        await self._step(
            WorkEscalated,
            reason=_word(EscalationReason, reason),
            findings=findings,
            steps_tried=_steps(steps_tried),
            to_tier=to_tier,
            to_group=to_group,
            override=override,
        )

    async def carry(
        self,
        reason: EscalationReason | str,
        *,
        findings: str = "",
        steps_tried: Steps = (),
        to_tier: str | None = None,
        override: str = "",
    ) -> None:
        """Carry it to another tier, by default the next one up, and stay its owner, where `mode` is `carry_through`."""
        await self._step(
            WorkCarried,
            reason=_word(EscalationReason, reason),
            findings=findings,
            steps_tried=_steps(steps_tried),
            to_tier=to_tier,
            override=override,
        )

    async def invite(self, to_group: str, question: str) -> None:
        """Ask another group, of any tier, to contribute. What becomes of it comes as `updates` with a `contribution`."""
        await self._step(WorkInvited, to_group=to_group, question=question)

    async def contribute(self, findings: str, *, steps_tried: Steps = ()) -> None:
        """Tell the owner what an invited worker found. Ends the job."""
        await self._step(WorkContributed, findings=findings, steps_tried=_steps(steps_tried))

    async def transfer(self, to_group: str, *, findings: str = "", steps_tried: Steps = ()) -> None:
        """Hand on to another group of the same tier. Ends the job."""
        await self._step(WorkTransferred, to_group=to_group, findings=findings, steps_tried=_steps(steps_tried))

    async def give_back(self, reason: ReturnReason | str, *, findings: str = "", steps_tried: Steps = ()) -> None:
        """Give it back to the group that sent it. Ends the job."""
        await self._step(
            WorkReturned, reason=_word(ReturnReason, reason), findings=findings, steps_tried=_steps(steps_tried)
        )

    def tell(self, update: WorkUpdated) -> None:
        """Called by the consumer."""
        self._updates.put_nowait(update)

    async def _step(self, model: type[Outcome], **fields: Any) -> None:
        if self.lost is not None:
            raise self.lost
        if self.is_over:
            raise WorkOverError(f"{model.__name__} after the job on {self.case.reference} has ended")

        def make(ordinal: int) -> Outcome:
            return model.model_validate(
                {
                    "assignment_id": self._assigned.assignment_id,
                    "token": self._assigned.token,
                    "worker": self._assigned.worker,
                    "ordinal": ordinal,
                    **fields,
                }
            )

        await self._ledger.say(make)
        self.is_over = model in ENDINGS


class _Updates(AsyncIterator[WorkUpdated]):
    def __init__(self, queue: asyncio.Queue[WorkUpdated]) -> None:
        self._queue = queue

    async def __anext__(self) -> WorkUpdated:
        return await self._queue.get()


def _steps(steps: Steps) -> tuple[StepTried, ...]:
    return tuple(StepTried(step=step) if isinstance(step, str) else step for step in steps)


def _word(words: type[WordT], word: WordT | str) -> WordT:
    """A writer's word must be known; only readers take any. Raises `ValueError`."""
    found = words(word)
    if found.value == "unknown":
        known = ", ".join(member.value for member in words if member.value != "unknown")
        raise ValueError(f"{word!r} is none of {known}")
    return found
