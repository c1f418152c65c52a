"""What pages show of articles, and how a form becomes one: pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tierdesk_desk.console.forms import Faults, Filled, FormError
from tierdesk_desk.console.views import Choice
from tierdesk_desk.console.words import WORDS
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows
from tierdesk_policy import Policy

LANGUAGES: Final = (
    "en",
    "de",
    "fr",
    "es",
    "it",
    "nl",
    "pt",
    "da",
    "fi",
    "hu",
    "no",
    "ro",
    "ru",
    "sv",
    "tr",
    "ar",
    "el",
    "ta",
)
"""Those whose stems the knowledge base knows, the most likely first."""
REQUESTERS: Final = "requester"
_LINK: Final = re.compile(r"https://[^\s\x00]{3,2000}")
_MOMENTS: Final = ("written_at", "review_at", "changed_at", "proposed_at", "at")
_FIELDS: Final = {
    "keywords": "keywords",
    "steps": "steps",
    "video": "video",
    "audience": "audience",
    "language": "language",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of a comparison: `kind` is `added`, `removed`, `place` (where in the text it stands) or empty."""

    kind: str
    text: str


def view_article(article: Mapping[str, Any]) -> dict[str, Any]:
    """What the knowledge base says of an article or of what was done about it, with moments as such."""
    seen: dict[str, Any] = {
        name: datetime.fromisoformat(value) if name in _MOMENTS and isinstance(value, str) else value
        for name, value in article.items()
    }
    if isinstance(seen.get("review"), Mapping):
        seen["review"] = view_article(seen["review"])
    if isinstance(seen.get("reviews"), Sequence):
        seen["reviews"] = [view_article(one) for one in seen["reviews"]]
    return seen


def steps_for(article: Mapping[str, Any], person: Person) -> tuple[str, ...]:
    """What this person may do with an article as it stands, in the order of a menu."""
    publishes = allows(person.grants, Verb.PUBLISH_ARTICLES)
    if article["state"] == "retired":
        return ()
    is_pending = article["newest_revision"] != article.get("published_revision")
    if not is_pending:
        return ("retire",) if publishes else ()
    reviewed = article.get("submitted_revision") is not None
    steps = ["withdraw"] if reviewed else ["submit"]
    if publishes:
        steps = [*(["publish", "send-back"] if reviewed else ["publish"]), *steps, "retire"]
    return tuple(steps)


def audiences_of(policy: Policy | None, chosen: str = "") -> list[Choice]:
    """For whom an article may be written, but for requesters: each tier, and whoever is `chosen` though no policy has them.

    Without that one, an article for a tier that is no more would be sent back as one for requesters.
    """
    tiers = [] if policy is None else [Choice(tier.id, tier.name) for tier in policy.tiers]
    is_known = chosen in {"", REQUESTERS} or any(chosen == one.value for one in tiers)
    return tiers if is_known else [*tiers, Choice(chosen, chosen)]


def fill(article: Mapping[str, Any]) -> Filled:
    """The form of an article as it was written."""
    values = {
        name: str(article.get(name) or "")
        for name in ("title", "body", "audience", "language", "kind", "video", "owner")
    }
    values["keywords"] = ", ".join(article.get("keywords") or ())
    values["steps"] = "\n".join(article.get("steps") or ())
    values["review_at"] = str(article.get("review_at") or "")[:10]
    values["based_on"] = str(article.get("newest_revision") or "")
    return Filled(values)


def read_text(filled: Filled, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The article that a form holds; what it has no field for stays as it was before. Raises `FormError`."""
    faults: Faults = {name: "required" for name in ("title", "body") if not filled[name]}
    faults |= {name: "character" for name, value in filled.values.items() if "\x00" in value}
    if filled["kind"] not in WORDS["kind"]:
        faults["kind"] = "choose"
    if filled["video"] and not _LINK.fullmatch(filled["video"]):
        faults["video"] = "link"
    if filled["kind"] == "video" and not filled["video"]:
        faults["video"] = "required"
    if faults:
        raise FormError(faults)
    return {
        "title": filled["title"],
        "body": filled["body"],
        "audience": filled["audience"] or REQUESTERS,
        "language": filled["language"] or "en",
        "kind": filled["kind"],
        "keywords": [word for word in (part.strip() for part in filled["keywords"].split(",")) if word],
        "steps": [step for step in (line.strip() for line in filled["steps"].split("\n")) if step],
        "video": filled["video"] or None,
        "attachments": list((before or {}).get("attachments") or ()),
    }


def read_care(filled: Filled) -> dict[str, Any]:
    """Who answers for an article, and until when somebody is to look at it again. Raises `FormError`."""
    if "\x00" in filled["owner"]:
        raise FormError({"owner": "character"})
    return {"owner": filled["owner"] or None, "review_at": _read_day(filled["review_at"])}


def _read_day(text: str) -> str | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise FormError({"review_at": "day"}) from None
    return f"{day.isoformat()}T00:00:00Z"


def faults_of_article(found: Mapping[str, str]) -> Faults:
    """What the knowledge base finds wrong, by the field of the form."""
    return {_FIELDS.get(path.partition(".")[0], path.partition(".")[0]): "not_this" for path in found}


def view_difference(unified: str) -> list[Difference]:
    """The lines of a unified difference, without those that name the two."""
    kinds = {"+": "added", "-": "removed", "@": "place", " ": ""}
    lines = [line for line in unified.splitlines() if not line.startswith(("--- ", "+++ "))]
    return [Difference(kinds.get(line[:1], ""), "" if line.startswith("@") else line[1:]) for line in lines]
