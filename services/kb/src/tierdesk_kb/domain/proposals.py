"""Articles that resolutions propose: what is written, and when a draft is revised or withdrawn again.

A ticket proposes one article. While nobody has touched its draft, a later resolution of the ticket, after it was
reopened, writes the draft anew, or withdraws it: the first did not hold. Once an author has touched it, it is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tierdesk_contracts.knowledge import ArticleDraft, Dossier
from tierdesk_contracts.ticket import Resolved
from tierdesk_contracts.vocabulary import MAX_TEXT
from tierdesk_kb.domain.articles import Article, ArticleState, Content, Kind

_LONGEST_SHARE: Final = 20_000
"""So many characters of what a ticket says, and of how it was solved, go into a draft that is composed."""
_LONGEST_LINE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a ticket has proposed. `sequence` is that of the resolution that was last looked at.

    `article_id` and `revision` name the draft as it was written for the ticket; None when there is none, or it was withdrawn.
    """

    tenant: str
    ticket: UUID
    reference: str
    tier: str
    category: str
    sequence: int
    article_id: UUID | None
    revision: int
    proposed_at: datetime


class Step(StrEnum):
    """What a resolution does to the draft of its ticket."""

    NONE = "none"
    WRITE = "write"
    REVISE = "revise"
    WITHDRAW = "withdraw"


def is_untouched(proposal: Proposal, article: Article | None) -> bool:
    """Whether the draft is still as it was written for the ticket, and nobody has taken it up."""
    return article is not None and article.state is ArticleState.DRAFT and article.revision == proposal.revision


def decide_step(
    proposal: Proposal | None, article: Article | None, *, sequence: int, wanted: bool, declined: bool
) -> Step:
    """What a resolution does that should have a draft (`wanted`), or for which none is needed (`declined`), or neither.

    `article` is the proposal's, as it is. A resolution that was looked at before does nothing.
    """
    if proposal is not None and sequence <= proposal.sequence:
        return Step.NONE
    if proposal is None or proposal.article_id is None:
        return Step.WRITE if wanted else Step.NONE
    if not is_untouched(proposal, article):
        return Step.NONE
    if wanted:
        return Step.REVISE
    return Step.WITHDRAW if declined else Step.NONE


def content_of(resolved: Resolved, *, audience: str) -> Content | None:
    """The draft that a resolution gives, or one composed from its dossier, for `audience` where it names none; None without both."""
    if resolved.draft is not None:
        return _given(resolved.draft, audience)
    if resolved.dossier is not None:
        return _composed(resolved, resolved.dossier, audience)
    return None


def _given(draft: ArticleDraft, audience: str) -> Content:
    return Content(draft.title, draft.body, draft.audience or audience, draft.keywords, kind=_kind(draft.kind))


def _kind(name: str | None) -> Kind:
    """The kind of this name; of one that is unknown here, or cannot be told without a link, that of most articles."""
    return Kind(name) if name in {kind.value for kind in Kind} - {Kind.VIDEO.value} else Kind.FAQ


def _composed(resolved: Resolved, dossier: Dossier, audience: str) -> Content:
    """What the ticket says stands as a quotation, so that markup in it ends with it."""
    parts = ["## Symptom", _quoted(dossier.text.strip() or dossier.title)]
    facts = [f"- {name}: {_line(value)}" for name, value in _facts(dossier) if value]
    if facts:
        parts.append("\n".join(facts))
    if resolved.root_cause:
        parts += ["## Cause", resolved.root_cause[:_LONGEST_SHARE]]
    parts += ["## Solution", resolved.how[:_LONGEST_SHARE]]
    if dossier.steps_tried:
        parts += ["## Tried on the way", "\n".join(_tried(step.step, step.result) for step in dossier.steps_tried)]
    return Content(dossier.title, "\n\n".join(parts)[:MAX_TEXT], audience)


def _facts(dossier: Dossier) -> tuple[tuple[str, str | None], ...]:
    return ("Asset", dossier.asset), ("Affected", dossier.affected)


def _tried(step: str, result: str) -> str:
    return f"- {_line(step)}{f': {_line(result)}' if result else ''}"


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_LINE]


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text[:_LONGEST_SHARE].splitlines())
