"""Which tickets are alike, and since when: decided from what the desk noted of tickets before.

Two titles are alike when at least half of the words that stand in either stand in both, whatever their case, order and
punctuation. A burst is the most tickets that lie in one window of time together with the new one.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_policy import OutageRule, Policy, RecurringRule, RepeatRule

ALIKE_FROM: Final = 0.5
"""The share of common words from which on two titles are about the same matter."""
RECURRING: Final = "recurring"
"""What decided, in the explanation of a ticket that went up because its kind recurs."""
_NAMED: Final = 10
_WORDS: Final = re.compile(r"\w+")
_ORDINALS: Final = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

Rule = RepeatRule | OutageRule | RecurringRule


@dataclass(frozen=True, slots=True)
class Subject:
    """What a new ticket is about, as far as others can be like it. `at` is when it was opened, in business time.

    `names_matter` is false where the title says nothing of the matter, as of a phone call.
    """

    ticket_id: UUID
    reference: str
    at: datetime
    requester_id: UUID
    title: str
    category: str
    department: str | None = None
    location: str | None = None
    asset: str | None = None
    names_category: bool = True
    names_matter: bool = True


@dataclass(frozen=True, slots=True)
class Noted:
    """What is kept of a ticket under a key. `problem` is the one that gathered it by that key."""

    ticket_id: UUID
    reference: str
    at: datetime
    words: frozenset[str] = frozenset()
    asset: str | None = None
    problem: UUID | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A key under which a ticket looks for others and is found by them, and the rule that asks for it."""

    key: str
    rule: Rule
    told: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Enough tickets that are alike: the others beside the new one, the oldest first.

    `problem` is what gathers them already; None where one is to be opened.
    """

    others: tuple[Noted, ...]
    problem: UUID | None = None


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Why a ticket goes to a tier at least as high as this: its kind recurs."""

    tier: str
    because: str


def words_of(title: str) -> frozenset[str]:
    """The words of a title: without case, punctuation and order."""
    return frozenset(_WORDS.findall(unicodedata.normalize("NFKC", title).casefold()))


def measure(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of the words of either that stand in both, from 0 to 1; 0 where there are no words."""
    return len(one & other) / len(one | other) if one and other else 0.0


def note(subject: Subject) -> Noted:
    """What to keep of a ticket."""
    return Noted(subject.ticket_id, subject.reference, subject.at, words_of(subject.title), _plain(subject.asset))


def lookups(subject: Subject, policy: Policy) -> Iterator[Lookup]:
    """Every key that the policy asks for. A rule that looks at what the ticket does not say is left out."""
    likeness = policy.likeness
    if likeness is None:
        return
    if likeness.repeat is not None and subject.names_matter:
        said = {"category": subject.category, "requester": str(subject.requester_id)}
        yield Lookup(_key("repeat", said), likeness.repeat, f"category {subject.category}")
    rules: tuple[OutageRule | RecurringRule, ...] = (*likeness.outage, *likeness.recurring)
    for rule in rules:
        given = {field.value: getattr(subject, field.value) for field in rule.by}
        if not subject.names_category and "category" in given:
            given["category"] = None  # the default of those that say nothing makes them no more alike
        said = {name: plain for name, value in given.items() if (plain := _plain(value)) is not None}
        if len(said) == len(given):
            kind = "outage" if isinstance(rule, OutageRule) else RECURRING
            told = ", ".join(f"{name} {value}" for name, value in given.items())
            yield Lookup(_key(kind, said), rule, told)


def find_repeated(new: Noted, known: Iterable[Noted], within: timedelta) -> list[Noted]:
    """The earlier tickets of the same requester that are about the same matter, the oldest first."""
    found = [
        one
        for one in known
        if new.at - within <= one.at <= new.at
        and measure(new.words, one.words) >= ALIKE_FROM
        and (new.asset is None or one.asset is None or new.asset == one.asset)
    ]
    return sorted(found, key=_age)


def find_burst(
    new: Noted, known: Sequence[Noted], within: timedelta, count: int, live: Collection[UUID]
) -> Burst | None:
    """Whether the new ticket makes a burst, or belongs to one that a problem which is still `live` gathers.

    Tickets that were gathered by a problem do not count towards another one.
    """
    near = [one for one in known if abs(one.at - new.at) <= within]
    gathered = [one for one in near if one.problem in live]
    if gathered:
        return Burst((), max(gathered, key=_age).problem)
    free = sorted((one for one in near if one.problem is None), key=_age)
    windows = (
        [one for one in free if start <= one.at <= start + within]
        for start in (*(one.at for one in free if one.at <= new.at), new.at)
    )
    most = max(windows, key=len)
    return Burst(tuple(most)) if len(most) + 1 >= count else None


def mark(known: Iterable[Noted], tickets: Collection[UUID], problem: UUID) -> list[Noted]:
    """The same, these tickets gathered by the problem."""
    return [replace(one, problem=problem) if one.ticket_id in tickets else one for one in known]


def tell_repeated(older: Noted, rule: RepeatRule, category: str) -> str:
    """Why merging is proposed."""
    return (
        f"The same requester told of the same matter (category {category}, a title with mostly the same words) "
        f"within {tell_span(rule.within_seconds)}: {older.reference}."
    )


def tell_outage(others: Sequence[Noted], rule: OutageRule, told: str) -> str:
    """Why an outage is suspected."""
    within = tell_span(rule.within_seconds)
    return f"{len(others) + 1} tickets with {told} within {within}, after {_references(others)}."


def tell_recurring(others: Sequence[Noted], rule: RecurringRule, told: str) -> str:
    """Why a problem is opened."""
    nth = len(others) + 1
    ordinal = _ORDINALS[nth - 2] if nth - 2 < len(_ORDINALS) else f"{nth}."
    return f"The {ordinal} of its kind ({told}) in {tell_span(rule.within_seconds)}: {_references(others)}."


def tell_joined(reference: str, told: str) -> str:
    """Why a ticket is linked to a problem that is open."""
    return f"Like the tickets that {reference} gathers: {told}."


def tell_span(seconds: int) -> str:
    """A duration as a policy writes it, but with the days in words."""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{days} day{'s' if days > 1 else ''}"] if days else []
    parts += [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if number]
    return " ".join(parts)


def _references(others: Sequence[Noted]) -> str:
    named = ", ".join(one.reference for one in others[-_NAMED:])
    more = len(others) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _plain(text: str | None) -> str | None:
    """A name as it is compared: without case and spare spaces."""
    return None if text is None else " ".join(unicodedata.normalize("NFKC", text).casefold().split()) or None


def _key(kind: str, said: dict[str, str]) -> str:
    """A short name for what was said, in any order."""
    text = json.dumps([kind, sorted(said.items())])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _age(one: Noted) -> tuple[datetime, str]:
    return one.at, one.reference
