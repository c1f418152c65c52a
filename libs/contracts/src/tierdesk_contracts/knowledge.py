"""What a resolution leaves behind, so that a lower tier can solve the like next time."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints

from tierdesk_contracts.vocabulary import Contract, Identifier, Line, Name, StepTried, Text, refuse_nul

MAX_REASON: Final = 4_000
"""The longest reason of a waiver, in characters."""

Keyword = Annotated[str, StringConstraints(min_length=1, max_length=60), AfterValidator(refuse_nul)]
Waiver = Annotated[
    Text, Field(max_length=MAX_REASON, description="Why nobody needs an article on this; empty when none is waived.")
]


class ArticleDraft(Contract):
    """An article as whoever solved a ticket proposes it. No reader sees it before an author has published it."""

    title: Line
    body: Annotated[Text, Field(min_length=1, description="Markdown.")]
    keywords: Annotated[
        tuple[Keyword, ...],
        Field(max_length=50, description="Words that people use for it, beside those of the title."),
    ] = ()
    kind: Annotated[Identifier | None, Field(description="What kind of article it is.")] = None
    audience: Annotated[
        Identifier | None,
        Field(description="`requester`, or the tier it is for; left out, the tier that takes documented problems."),
    ] = None


class Dossier(Contract):
    """What a draft can be composed from beside how it was solved: what the ticket says, and what was tried."""

    title: Line
    text: Text = ""
    asset: Name | None = None
    affected: Text | None = None
    steps_tried: tuple[StepTried, ...] = ()
