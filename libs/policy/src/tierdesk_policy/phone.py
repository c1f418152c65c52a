"""What a company says of its telephone: when callers are sent on instead of waiting, how they are called back, and how long
those who answer may be away from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from tierdesk_policy.parts import Count, Identifier, Part, Title
from tierdesk_policy.units import Seconds
from tierdesk_policy.view import Found, View, listed

MOST_OVERFLOWS: Final = 20
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class Overflow(StrEnum):
    """Where a caller goes instead of waiting on."""

    L2 = "l2"
    """To the next tier, whose people are interrupted by it."""
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    """The caller is called back, and hangs up."""


class CallKept(StrEnum):
    """Which calls that reached nobody are called back though nothing was promised."""

    VOICEMAIL = "voicemail"
    MISSED = "missed"


class OverflowRule(Part):
    """Callers of these queues go `to` somewhere else once everything holds that the rule names: one has waited for so many
    elapsed seconds, so many callers wait, so many calls are talked.
    """

    to: Overflow
    waiting_seconds: Annotated[Seconds | None, Field(alias="waiting")] = None
    callers: Count | None = None
    talking: Count | None = None
    queues: Annotated[tuple[Title, ...] | None, Field(min_length=1)] = None

    def matches(self, *, queue: str | None, waited_seconds: float, callers: int, talking: int) -> bool:
        """Whether a caller who has waited so long goes there; `callers` counts this one too."""
        return (
            (self.queues is None or queue in self.queues)
            and (self.waiting_seconds is None or waited_seconds >= self.waiting_seconds)
            and (self.callers is None or callers >= self.callers)
            and (self.talking is None or talking >= self.talking)
        )


class CallbackRule(Part):
    """How callers are called back, and by which group; without `group` by the first that people work.

    By when, the target of the kind `callback` says. After an attempt that reached nobody, the next is due `spacing_seconds`
    of the default calendar later; after `attempts` of them nobody tries again. Who claims one has `claim_seconds` of
    elapsed time to say what came of it.
    """

    group: Identifier | None = None
    attempts: Count = 3
    spacing_seconds: Annotated[Seconds, Field(alias="spacing")] = 1_800
    claim_seconds: Annotated[Seconds, Field(alias="claim")] = 1_800
    after: tuple[CallKept, ...] = (CallKept.VOICEMAIL, CallKept.MISSED)


class CallGuard(Part):
    """How long somebody who answers calls may be away from the telephone before being asked for it, in elapsed seconds: first
    reminded, then offered to hand on what keeps them or to promise a callback.
    """

    remind_seconds: Annotated[Seconds, Field(alias="remind")] = 900
    offer_seconds: Annotated[Seconds, Field(alias="offer")] = 1_800


class Phone(Part):
    """The telephone. `country` is that of numbers that name none."""

    country: Country | None = None
    overflow: Annotated[tuple[OverflowRule, ...], Field(max_length=MOST_OVERFLOWS)] = ()
    """The first that matches sends a caller on; without one, the caller waits."""
    callbacks: CallbackRule = CallbackRule()
    guard: CallGuard | None = None
    """Left out, nobody is watched."""


def find_phone_faults(view: View) -> Iterator[Found]:
    """A group that is not there or is a vendor's, rules that ask for nothing, an offer before its reminder."""
    phone = view.document.get("phone")
    if not isinstance(phone, dict):
        return
    callbacks = phone.get("callbacks")
    if isinstance(callbacks, dict):
        name = callbacks.get("group")
        path = ("phone", "callbacks", "group")
        message = view.unknown("groups", name)
        group = view.find("groups", name)
        if message:
            yield path, message
        elif group is not None and group.get("vendor") is not None:
            yield path, f"the group {name!r} is a vendor's, and nobody of the desk"
    for i, rule in enumerate(listed(phone.get("overflow"))):
        if isinstance(rule, dict) and all(rule.get(field) is None for field in ("waiting", "callers", "talking")):
            yield ("phone", "overflow", i), "asks for nothing: say `waiting`, `callers` or `talking`"
    guard = phone.get("guard")
    if isinstance(guard, dict):
        yield from _guard_faults(guard)


def _guard_faults(guard: dict[str, object]) -> Iterator[Found]:
    try:
        read = CallGuard.model_validate(guard)
    except ValueError:
        return  # the model reports it
    if read.offer_seconds < read.remind_seconds:
        yield ("phone", "guard", "offer"), "comes before the reminder"
