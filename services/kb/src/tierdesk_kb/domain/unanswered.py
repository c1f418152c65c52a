"""Questions for which nothing was found, counted in memory until they are written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MOST_AT_ONCE: Final = 1_000
"""Different questions that are kept between two writings; what else is asked for the first time meanwhile is not counted."""
MOST_KEPT: Final = 5_000
"""Questions that are kept of a tenant: those asked most often, of several the last ones."""
KEPT_FOR: Final = timedelta(days=90)
"""A question that was not asked for so long is forgotten."""
LONGEST: Final = 200
"""Letters of a question that are kept."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """How often a question was searched for in vain, and how often nothing was suggested for it."""

    tenant: str
    question: str
    searches: int = 0
    suggestions: int = 0


class Tally:
    """Counts by tenant and question. For one thread."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Unanswered] = {}

    def note(self, tenant: str, question: str, *, typing: bool) -> None:
        """Count a question once; with `typing`, it was being typed. One without a word is no question."""
        cut = question[:LONGEST].rstrip()
        if cut:
            self._add(Unanswered(tenant, cut, searches=int(not typing), suggestions=int(typing)))

    def take(self) -> list[Unanswered]:
        """All counts, in order; it begins anew. Of what was being typed the beginnings of something longer are left out."""
        found = [self._counts[key] for key in sorted(self._counts)]
        self._counts = {}
        following: list[Unanswered | None] = [*found, None][1:]
        return [one for one, after in zip(found, following, strict=True) if not _is_beginning(one, after)]

    def put_back(self, counts: Iterable[Unanswered]) -> None:
        """Have these counts be taken again: they could not be written."""
        for one in counts:
            self._add(one)

    def _add(self, more: Unanswered) -> None:
        key = more.tenant, more.question
        before = self._counts.get(key)
        if before is not None:
            self._counts[key] = Unanswered(*key, before.searches + more.searches, before.suggestions + more.suggestions)
        elif len(self._counts) < MOST_AT_ONCE:
            self._counts[key] = more


def _is_beginning(one: Unanswered, after: Unanswered | None) -> bool:
    """Whether somebody was still typing it: of a sorted list, the next begins with it."""
    return (
        not one.searches
        and after is not None
        and after.tenant == one.tenant
        and after.question.startswith(one.question)
    )
