"""`/v1/synonyms`: terms that mean the same to a desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from tierdesk_kb.http.views import Language
from tierdesk_kb.publishing import Publisher
from tierdesk_kb.search.analysis import stems
from tierdesk_kb.store.synonyms import Groups, WrittenSynonyms, read_synonyms, write_synonyms
from tierdesk_runtime.http import Principal, json_body, require
from tierdesk_runtime.problems import FieldFault, ProblemError
from tierdesk_store import Database

Reader = Annotated[Principal, Depends(require("articles:read"))]
Writer = Annotated[Principal, Depends(require("articles:write"))]
MOST_WORDS = 5
_Term = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]
_Group = Annotated[tuple[_Term, ...], Field(min_length=2, max_length=20)]


class SynonymText(BaseModel):
    """All groups of terms of a desk, by the language that they are of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    based_on: Annotated[
        int, Field(ge=0, description="The version that these take the place of, as it was read; 0 for none.")
    ]
    languages: Annotated[
        Mapping[Language, Annotated[tuple[_Group, ...], Field(max_length=2_000)]],
        Field(max_length=20, description="By language, groups of two and more terms of up to five words each."),
    ]


class SynonymView(BaseModel):
    """The groups in force. Of a desk that never wrote any the version is 0."""

    version: int
    languages: dict[str, Groups]
    author: str | None
    written_at: AwareDatetime | None


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
    async def write(principal: Writer, text: Annotated[SynonymText, Depends(json_body(SynonymText))]) -> SynonymView:
        """Put these groups in the place of all others. Every replica searches by them within a second.

        When somebody else wrote some meanwhile, the answer is 409.
        """
        faults = _faults(text)
        if faults:
            raise ProblemError(422, "Invalid request", "See errors.", errors=faults)
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
        return _view(written)

    return router


def _faults(text: SynonymText) -> list[FieldFault]:
    """Terms that could never be found, up to 100 of them."""
    found: list[FieldFault] = []
    for language, groups in text.languages.items():
        for number, group in enumerate(groups):
            for place, term in enumerate(group):
                words = len(stems(language).analyze(term))
                if not 1 <= words <= MOST_WORDS and len(found) < 100:
                    message = "no word that is looked for" if not words else f"more than {MOST_WORDS} words"
                    found.append({"field": f"languages.{language}.{number}.{place}", "message": message})
    return found


def _view(written: WrittenSynonyms) -> SynonymView:
    return SynonymView(
        version=written.version,
        languages=dict(written.groups),
        author=written.author,
        written_at=written.written_at,
    )
