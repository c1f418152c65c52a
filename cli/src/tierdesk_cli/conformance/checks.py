"""What a consumer must do, each with what to do where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tierdesk_cli.conformance.desk import PlayedDesk
from tierdesk_cli.conformance.visit import Visit
from tierdesk_contracts.outcome import WorkAccepted

QUIET_SECONDS: Final = 3.0
"""How long it is watched that nothing comes which should not; and before, how long a withdrawal may take to arrive."""


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Result:
    """`seen` says what the consumer did, `cure` what to do about it; empty for what is passed."""

    name: str
    verdict: Verdict
    seen: str = ""
    cure: str = ""


class FailedError(Exception):
    """The consumer did something else than it should; the text says what."""


class NotRunError(Exception):
    """The consumer's way of working gives this check nothing to look at; the text says why."""


@dataclass(slots=True)
class Trial:
    """A desk, a consumer, and what is known of the first piece of work."""

    desk: PlayedDesk
    patience_seconds: float
    quiet_seconds: float
    first: Visit | None = None

    async def see_through(self, visit: Visit) -> None:
        """Wait until the consumer has ended this work. Raises `FailedError` when it does not."""
        await self.see_accepted(visit)
        if not await self.desk.until(lambda: visit.is_ended, seconds=self.patience_seconds):
            raise FailedError(f"the work did not end in {self.patience_seconds:g} s, after ordinals {_ordinals(visit)}")

    async def see_accepted(self, visit: Visit) -> None:
        """Wait until something of this work took effect. Raises `FailedError` when nothing does."""
        if not await self.desk.until(lambda: visit.is_accepted, seconds=self.patience_seconds):
            heard = f"what came: ordinals {_ordinals(visit)}" if visit.heard else "nothing came"
            raise FailedError(f"not accepted within {self.patience_seconds:g} s; {heard}")


async def _accepts(trial: Trial) -> None:
    visit = trial.first = await trial.desk.offer("accept this")
    if not await trial.desk.until(lambda: bool(visit.heard), seconds=trial.patience_seconds):
        raise FailedError(f"the offer was not answered within {trial.patience_seconds:g} s")
    said = visit.heard[0].data
    if said.ordinal != 1:
        raise FailedError(f"the first outcome has ordinal {said.ordinal}")
    if not isinstance(said, WorkAccepted):
        raise FailedError(f"the first outcome is a {visit.heard[0].type}")
    if said.token != visit.token:
        raise FailedError(f"the acceptance has token {said.token}, the offer {visit.token}")


async def _ends(trial: Trial) -> None:
    await trial.see_through(_first(trial))


async def _counts(trial: Trial) -> None:
    visit = _first(trial)
    found = _ordinals(visit)
    if found != list(range(1, len(found) + 1)):
        raise FailedError(f"the ordinals were {found}")
    workers = sorted({envelope.data.worker for envelope in visit.heard})
    if len(workers) > 1:
        raise FailedError(f"one piece of work was answered by {', '.join(workers)}")


async def _takes_repeats(trial: Trial) -> None:
    visit = await trial.desk.offer_twice("offered and assigned twice")
    await trial.see_accepted(visit)
    await trial.desk.send(visit, visit.assignment())
    await trial.see_through(visit)
    await asyncio.sleep(trial.quiet_seconds)
    accepted = {envelope.id for envelope in visit.heard if isinstance(envelope.data, WorkAccepted)}
    if len(accepted) > 1:
        raise FailedError(f"it was accepted {len(accepted)} times, each under another id")
    _check_one_id_each(visit)


async def _says_again(trial: Trial) -> None:
    visit = await trial.desk.offer("assigned again when it has ended")
    await trial.see_through(visit)
    before = len(visit.heard)
    wanted = {envelope.id for envelope in visit.applied if envelope.data.ordinal > 1}
    await trial.desk.send(visit, visit.assignment())

    def again() -> set[object]:
        return {envelope.id for envelope in visit.heard[before:]}

    said = await trial.desk.until(lambda: wanted <= again(), seconds=trial.patience_seconds)
    _check_one_id_each(visit)
    if not said:
        raise FailedError(
            f"{len(wanted - again())} of {len(wanted)} outcomes were not said again under the id they had"
        )


async def _obeys_withdrawal(trial: Trial) -> None:
    early = await trial.desk.offer("withdrawn before it is assigned", assigns=False)
    await trial.see_accepted(early)
    await trial.desk.send(early, early.withdraw())
    running = await trial.desk.offer("withdrawn while it is worked on")
    await trial.see_accepted(running)
    await trial.desk.send(running, running.withdraw())
    await asyncio.sleep(trial.quiet_seconds)
    before = len(running.heard)
    await asyncio.sleep(trial.quiet_seconds)
    worked = [envelope.type for envelope in early.heard if not isinstance(envelope.data, WorkAccepted)]
    if worked:
        raise FailedError(f"work that was withdrawn and never assigned was answered with {worked[0]}")
    if len(running.heard) > before:
        raise FailedError(f"{running.heard[-1].type} came {trial.quiet_seconds:g} s and more after the withdrawal")


async def _ignores_unknown(trial: Trial) -> None:
    visit = await trial.desk.offer("with fields of a later release", x_of_a_later_release={"deep": [1]})
    await trial.desk.send_unknown(visit, "work.of_a_later_release.v1")
    await trial.see_through(visit)
    after = await trial.desk.offer("after a type of a later release")
    await trial.see_through(after)


async def _mends_gap(trial: Trial) -> None:
    if len(_first(trial).applied) < 3:
        raise NotRunError("its work has no step between acceptance and end, so there can be no gap")
    visit = await trial.desk.offer("its second outcome is lost", loses=2)
    await trial.see_accepted(visit)
    if not await trial.desk.until(lambda: visit.gap is not None, seconds=trial.patience_seconds):
        raise FailedError("after the lost outcome nothing came that could be refused")
    if await trial.desk.until(lambda: visit.is_ended, seconds=trial.patience_seconds):
        return
    assert visit.gap is not None
    if visit.last_ordinal < visit.gap.ordinal - 1:
        raise FailedError("the outcome that was missing did not come again")
    again = [envelope.id for envelope in visit.heard if envelope.data.ordinal == visit.gap.ordinal]
    if len(again) > 1 and set(again) == {visit.gap.outcome_id}:
        raise FailedError("what was refused came again under the id that was refused, and so met silence")
    raise FailedError(f"what was refused did not come again; applied are {visit.last_ordinal} outcomes")


async def _writes_envelopes(trial: Trial) -> None:
    if trial.desk.faults:
        more = f", and {len(trial.desk.faults) - 1} more" if len(trial.desk.faults) > 1 else ""
        raise FailedError(f"{trial.desk.faults[0]}{more}")


@dataclass(frozen=True, slots=True)
class Check:
    """A name for people, what is done, and the cure. One that `sends` needs a consumer that accepts."""

    name: str
    run: Callable[[Trial], Awaitable[None]]
    cure: str
    sends: bool = True


CHECKS: Final = (
    Check(
        "accepts with ordinal 1",
        _accepts,
        "answer work.offered.v1 with outcome.accepted.v1: its assignment_id and token, your worker, ordinal 1",
    ),
    Check(
        "ends the work",
        _ends,
        "end each work with resolved, escalated, transferred or returned; give --patience where it takes long",
    ),
    Check(
        "counts without gaps",
        _counts,
        "number the outcomes of one assignment 1, 2, 3 …, and keep the worker that accepted",
    ),
    Check(
        "takes repeats for what they are",
        _takes_repeats,
        "know an offer and an assignment by (assignment_id, token): accept and work once, however often they come",
    ),
    Check(
        "says the same again under the same id",
        _says_again,
        "when an assignment comes again, publish your outcomes after its last_ordinal again; make each id from the content",
    ),
    Check(
        "obeys a withdrawal",
        _obeys_withdrawal,
        "begin on work.assigned.v1, not before; on work.withdrawn.v1 stop, and say nothing more",
    ),
    Check(
        "ignores what it does not know",
        _ignores_unknown,
        "acknowledge and leave aside messages of unknown types; ignore unknown fields",
    ),
    Check(
        "mends a gap",
        _mends_gap,
        "on work.rejected.v1 with gap publish again all after last_ordinal; the refused one under a new id",
    ),
    Check(
        "writes valid messages",
        _writes_envelopes,
        "send the envelope of the schemas, content type application/cloudevents+json, message_id = the envelope's id, "
        "subject and tenant as in the offer",
        sends=False,
    ),
)


async def run_checks(
    desk: PlayedDesk,
    *,
    patience_seconds: float,
    quiet_seconds: float = QUIET_SECONDS,
    checks: Sequence[Check] = CHECKS,
) -> list[Result]:
    """These checks, in order, the first of all first. Where it fails, the others have nothing to look at."""
    trial = Trial(desk, patience_seconds, quiet_seconds)
    results: list[Result] = []
    for check in checks:
        if check.sends and results and results[0].verdict is Verdict.FAILED:
            result = Result(check.name, Verdict.NOT_RUN, "offers are not accepted as they should be")
        else:
            result = await _run(check, trial)
        results.append(result)
    return results


async def _run(check: Check, trial: Trial) -> Result:
    try:
        await check.run(trial)
    except FailedError as error:
        return Result(check.name, Verdict.FAILED, str(error), check.cure)
    except NotRunError as error:
        return Result(check.name, Verdict.NOT_RUN, str(error))
    return Result(check.name, Verdict.PASSED)


def _first(trial: Trial) -> Visit:
    assert trial.first is not None
    return trial.first


def _ordinals(visit: Visit) -> list[int]:
    """Of what was said, each id once, in the order of its first coming."""
    return list({envelope.id: envelope.data.ordinal for envelope in visit.heard}.values())


def _check_one_id_each(visit: Visit) -> None:
    """Raises `FailedError` when the same was said under two ids, or two things under one ordinal."""
    ids: dict[int, set[object]] = {}
    for envelope in visit.heard:
        ids.setdefault(envelope.data.ordinal, set()).add(envelope.id)
    for ordinal, known in ids.items():
        if len(known) > 1:
            raise FailedError(f"ordinal {ordinal} came under {len(known)} ids")
