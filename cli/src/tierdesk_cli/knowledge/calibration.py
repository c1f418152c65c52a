"""Judged questions as examples of what the match score is to predict, and what it predicts of questions it was not fitted to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tierdesk_cli.knowledge.fitting import fit
from tierdesk_cli.knowledge.judged import Collection
from tierdesk_cli.knowledge.reliability import Judged, Routed, choose_threshold, merge, route, step_up
from tierdesk_kb.domain.evidence import Evidence
from tierdesk_kb.domain.matching import COEFFICIENTS, Coefficients
from tierdesk_kb.samples import read_samples
from tierdesk_kb.samples.tickets import read_tickets
from tierdesk_kb.search.index import ArticleIndex, IndexedArticle

if TYPE_CHECKING:
    from tierdesk_kb.search.vectors import Vectors

PARTS: Final = 50
"""Into so many parts the questions are dealt; each part is predicted by what was fitted to the others."""
DEALS: Final = 10
"""So often they are dealt anew, to see what the deal does."""
PENALTY: Final = 1.0
STRANGE: Final = 0.2
"""What a question counts that is asked of another set's documents, where nothing answers it: tickets on what nobody wrote about come too."""
MADE_UP: Final = 0.5
"""What one of the samples' tickets counts: its author knew the articles."""
_AUDIENCE: Final = "requester"


@dataclass(frozen=True, slots=True)
class Example:
    """A question, what speaks for its match, and whether that answers it. Without a match there is no evidence."""

    name: str
    evidence: Evidence | None
    is_right: bool
    weight: float = 1.0

    def part(self, deal: int) -> int:
        """The part to which it is dealt, by its name alone; another deal, another part."""
        return int.from_bytes(hashlib.sha256(f"{deal} {self.name}".encode()).digest()[:4]) % PARTS


def make_index(collection: Collection, vectors: Vectors | None = None) -> ArticleIndex:
    """The documents, as articles for everybody; ranked by meaning too where there are `vectors` for it."""
    index = ArticleIndex(vectors=vectors)
    index.apply(IndexedArticle(name, one.title, (), one.text, _AUDIENCE) for name, one in collection.documents.items())
    return index


def examine(collection: Collection, index: ArticleIndex) -> list[Example]:
    """Each question with its match, which is right when it was judged relevant. Where nothing is relevant, every match is wrong."""
    found = []
    for name, question in collection.questions.items():
        match = index.match("", question.wording.question)
        relevant = collection.judgments.get(name, {})
        is_right = match is not None and relevant.get(match.article_id, 0) > 0
        found.append(Example(name, None if match is None else match.evidence, is_right))
    return found


def ask_strangers(collections: Mapping[str, Collection], indexes: Mapping[str, ArticleIndex]) -> list[Example]:
    """Each set's questions, asked of the documents of each other set."""
    weight = STRANGE / max(1, len(collections) - 1)
    return [
        Example(name, None if match is None else match.evidence, is_right=False, weight=weight)
        for asked, collection in collections.items()
        for other, index in indexes.items()
        if other != asked
        for name, question in collection.questions.items()
        for match in [index.match("", question.wording.question)]
    ]


def examine_samples() -> list[Example]:
    """The made-up tickets and the sample articles: what few articles look like."""
    index = ArticleIndex()
    index.apply(
        IndexedArticle(name, one.title, one.keywords, one.body, one.audience) for name, one in read_samples().items()
    )
    found = []
    for ticket in read_tickets():
        match = index.match(ticket.title, ticket.text)
        is_right = match is not None and match.article_id == ticket.article
        found.append(Example(ticket.title, None if match is None else match.evidence, is_right, MADE_UP))
    return found


def fit_to(examples: Sequence[Example]) -> Coefficients:
    """The coefficients that make the examples likeliest. Raises `ValueError` when all matches are right, or none."""
    known = [(one.evidence, one) for one in examples if one.evidence is not None]
    if len({one.is_right for _, one in known}) < 2:
        raise ValueError("there must be right matches and wrong ones")
    rows = [_features(evidence) for evidence, _ in known]
    found = fit(rows, [one.is_right for _, one in known], [one.weight for _, one in known], penalty=PENALTY)
    return Coefficients(*found)


def predict(examples: Sequence[Example], coefficients: Coefficients = COEFFICIENTS) -> list[Judged]:
    """What the coefficients say of each."""
    return [
        Judged(0.0 if one.evidence is None else coefficients.probability(one.evidence), one.is_right)
        for one in examples
    ]


@dataclass(frozen=True, slots=True)
class Unseen:
    """What was predicted of questions by coefficients fitted to others, and what a threshold chosen on these others routed."""

    judged: list[Judged]
    routed: Routed
    thresholds: list[float]


def choose_step(examples: Sequence[Example], coefficients: Coefficients) -> float | None:
    """The threshold that a policy would get from these examples: at most 5 % of them wrong from there on, in steps, upwards."""
    threshold = choose_threshold(predict(examples, coefficients))
    return None if threshold is None else step_up(threshold)


def cross_validate(
    sets: Mapping[str, Sequence[Example]], beside: Sequence[Example], *, deal: int = 0
) -> dict[str, Unseen]:
    """By set: each part of the questions, judged by what was fitted to all other parts of all sets, and to `beside` but for
    the same questions. The threshold too is chosen on the other parts. Raises `ValueError` as `fit_to`.
    """
    found = {name: Unseen([], merge(()), []) for name in sets}
    for part in range(PARTS):
        held = {name: [one for one in examples if one.part(deal) == part] for name, examples in sets.items()}
        if any(held.values()):
            seen = [one for examples in sets.values() for one in examples if one.part(deal) != part]
            coefficients = fit_to([*seen, *(one for one in beside if one.part(deal) != part)])
            threshold = choose_step(seen, coefficients)
            for name, examples in held.items():
                found[name] = _add(found[name], predict(examples, coefficients), threshold)
    return found


def leave_out(sets: Mapping[str, Sequence[Example]], beside: Sequence[Example]) -> Iterator[tuple[str, Unseen]]:
    """Each set, judged by what was fitted to the others alone: what a knowledge base may expect that nobody has judged."""
    for name, examples in sets.items():
        others = [one for other, found in sets.items() if other != name for one in found]
        if others:
            coefficients = fit_to([*others, *beside])
            threshold = choose_step(others, coefficients)
            yield name, _add(Unseen([], merge(()), []), predict(examples, coefficients), threshold)


def pool(unseen: Mapping[str, Unseen]) -> Unseen:
    """All sets together."""
    found = list(unseen.values())
    return Unseen(
        [one for each in found for one in each.judged],
        merge(each.routed for each in found),
        [one for each in found for one in each.thresholds],
    )


def _add(found: Unseen, judged: list[Judged], threshold: float | None) -> Unseen:
    thresholds = found.thresholds if threshold is None else [*found.thresholds, threshold]
    return Unseen([*found.judged, *judged], merge((found.routed, route(judged, threshold))), thresholds)


def _features(evidence: Evidence) -> tuple[float, ...]:
    """As `Coefficients` has them, each so that more speaks for the match."""
    return evidence.strongest, evidence.order, evidence.lead, -evidence.unknown
