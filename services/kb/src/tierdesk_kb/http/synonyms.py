"""`/v1/synonyms`: terms that mean the same to a desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from tierdesk_kb.http.views import Language
from tierdesk_kb.search.synonyms import read_term
from tierdesk_kb.store.synonyms import Groups, WrittenSynonyms, read_synonyms, write_synonyms
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.publishing import Publisher
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("articles:read"))]
Writer = Annotated[Principal, Depends(require("articles:write"))]
_MOST_TOLD = 100
_Term = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]
_Group = Annotated[tuple[_Term, ...], Field(min_length=2, max_length=20)]


def _refuse_truth(value: object) -> object:
    """Pydantic would take false for 0."""
    if isinstance(value, bool):
        raise ValueError("a number is expected")  # noqa: TRY004 - what Pydantic tells as a fault of the field
    return value


class SynonymText(BaseModel):
    """All groups of terms of a desk, by the language that they are of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    based_on: Annotated[
        int,
        Field(ge=0, description="The version that these take the place of, as it was read; 0 for none."),
        BeforeValidator(_refuse_truth),
    ]
    languages: Annotated[
        Mapping[Language, Annotated[tuple[_Group, ...], Field(max_length=2_000)]],
        Field(
            max_length=20,
            description="By language, groups of two and more terms of up to five words each.",
            json_schema_extra={"additionalProperties": False},
        ),
    ]


class SynonymView(BaseModel):
    """The groups in force. Of a desk that never wrote any the version is 0."""

    version: int
    languages: dict[str, Groups]
    author: str | None
    written_at: AwareDatetime | None


class SynonymsWrittenView(SynonymView):
    """The groups in force, and up to 100 terms that no question finds: without a word that tells something, or of more than five."""

    ignored: tuple[str, ...]


def synonym_routes(database: Database, publisher: Publisher, poke: Callable[[], None]) -> APIRouter:
    """The endpoints. All of them see the tenant of the key alone."""
    router = APIRouter(prefix="/v1/synonyms", tags=["articles"])

    @router.get("")
    async def read(principal: Reader) -> SynonymView:
        """The terms that mean the same."""
        async with database.read() as connection:
            written = await read_synonyms(connection, principal.tenant)
        return SynonymView(version=0, languages={}, author=None, written_at=None) if written is None else _view(written)

    @router.put("")
    async def write(
        principal: Writer, text: Annotated[SynonymText, Depends(json_body(SynonymText))]
    ) -> SynonymsWrittenView:
        """Put these groups in the place of all others. Every replica searches by them within a second.

        When somebody else wrote some meanwhile, the answer is 409.
        """
        async with database.transaction() as tx:
            written = await write_synonyms(
                tx.connection,
                principal.tenant,
                text.languages,
                principal.label,
                publisher.now(),
                based_on=text.based_on,
            )
            if isinstance(written, int):
                raise ProblemError(
                    409, "Synonyms conflict", f"version {written} was written meanwhile: read it, then write the next"
                )
        poke()
        return SynonymsWrittenView(**_view(written).model_dump(), ignored=_ignored(text))

    return router


def _ignored(text: SynonymText) -> tuple[str, ...]:
    terms = (
        term
        for language, groups in text.languages.items()
        for group in groups
        for term in group
        if read_term(term, language) is None
    )
    return tuple(islice(terms, _MOST_TOLD))


def _view(written: WrittenSynonyms) -> SynonymView:
    return SynonymView(
        version=written.version,
        languages=dict(written.groups),
        author=written.author,
        written_at=written.written_at,
    )
