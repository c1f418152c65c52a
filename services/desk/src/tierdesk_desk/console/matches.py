"""What may answer a ticket: articles of the knowledge base that fit it, and open tickets that are like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from tierdesk_desk.domain.people import Person, places_of
from tierdesk_desk.domain.roles import Verb, allows
from tierdesk_policy import Policy

LIMIT: Final = 5
_LONGEST: Final = 600
_SEARCH: Final = "/v1/articles/search"
_MOST_AUDIENCES: Final = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. `found` says that it is one of the words that were looked for."""

    text: str
    found: bool


@dataclass(frozen=True, slots=True)
class Match:
    """An article that may fit, with the words that were looked for."""

    id: UUID
    kind: str
    title: tuple[Piece, ...]
    body: tuple[Piece, ...]


def path_of_matches(question: str, audiences: Sequence[str], *, limit: int = LIMIT) -> str:
    """Where articles for these readers are searched for this."""
    named = [("audience", one) for one in audiences[:_MOST_AUDIENCES]]
    return f"{_SEARCH}?{urlencode([('q', question[:_LONGEST]), ('limit', str(limit)), *named])}"


def question_of(title: str, text: str) -> str:
    """What is searched for of a ticket: its title, and the beginning of what was said."""
    return f"{title} {text}".replace("\x00", " ").strip()[:_LONGEST]


def audiences_for(person: Person, policy: Policy) -> list[str]:
    """Whose articles this person reads: those for requesters, for the own tiers, and for the tiers below these.

    Whoever writes articles reads all.
    """
    tiers = [tier.id for tier in policy.tiers]
    if not allows(person.grants, Verb.WRITE_ARTICLES):
        own = {tier for tier, _ in places_of(person.grants, Verb.READ_BOARD, ((g.tier, g.id) for g in policy.groups))}
        highest = max((tiers.index(tier) for tier in own if tier in tiers), default=-1)
        tiers = tiers[: highest + 1]
    return ["requester", *tiers]


def view_matches(found: Mapping[str, Any] | None) -> list[Match]:
    """The hits of a search."""
    return [
        Match(
            id=UUID(one["id"]),
            kind=str(one["kind"]),
            title=_pieces(one["highlights"]["title"]) or (Piece(one["title"], False),),
            body=_pieces(one["highlights"]["body"]),
        )
        for one in (found or {}).get("articles") or ()
    ]


def _pieces(pieces: Sequence[Mapping[str, Any]]) -> tuple[Piece, ...]:
    return tuple(Piece(str(piece["text"]), bool(piece["found"])) for piece in pieces)
