"""The best hits among those that meet a condition: written for somebody, of some kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tantivy import DocAddress, Document, Occur, Query, Schema, SchemaBuilder, Searcher

FIELDS: Final = ("audience", "kind")
"""What conditions are about."""
_MOST_LOOKED_THROUGH: Final = 100
"""Hits among which those that meet a condition are looked for, before all articles are: as many again as are wanted, and ten."""

Condition = str | Collection[str] | None
"""One value, any of several, or None for all."""
Place = tuple[float, DocAddress]
"""What a hit weighs, and where the index has it."""


class Conditions:
    """The values that the articles of one index have; each has a number, by which the engine finds it beside a hit."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[str, int]] = {field: {} for field in FIELDS}

    @staticmethod
    def declare(builder: SchemaBuilder) -> None:
        """Have the fields in the schema of the index."""
        for field in FIELDS:
            builder.add_text_field(field, stored=True, tokenizer_name="raw", index_option="basic")
            builder.add_unsigned_field(_number_of(field), fast=True)

    def describe(self, document: Document, values: Mapping[str, str]) -> None:
        """Write the values of an article, one of each field, into its document."""
        for field, value in values.items():
            numbers = self._numbers[field]
            document.add_text(field, value)
            document.add_unsigned(_number_of(field), numbers.setdefault(value, len(numbers)))

    def best(
        self, searcher: Searcher, schema: Schema, query: Query, limit: int, offset: int, wanted: Mapping[str, Condition]
    ) -> list[Place]:
        """The best hits of the query that have a wanted value in each field.

        With conditions, the engine reads all that has any of the words. Without, it reads what may come into the best hits
        alone; mostly enough of these meet the conditions, so they are looked through first.
        """
        asked = {field: _set_of(values) for field, values in wanted.items() if values is not None}
        if not asked:
            return searcher.search(query, limit, count=False, offset=offset).hits
        enough = offset + limit
        looked_through = 2 * enough + 10
        if looked_through <= _MOST_LOOKED_THROUGH:
            found = searcher.search(query, looked_through, count=False).hits
            meeting = self._meeting(searcher, found, asked)
            if len(meeting) >= enough or len(found) < looked_through:
                return meeting[offset:enough]
        clauses = [(Occur.Must, query)]
        for field, values in asked.items():
            condition = Query.term_set_query(schema, field, sorted(values))
            clauses.append((Occur.Must, Query.const_score_query(condition, 0.0)))
        return searcher.search(Query.boolean_query(clauses), limit, count=False, offset=offset).hits

    def _meeting(self, searcher: Searcher, found: list[Place], asked: Mapping[str, Collection[str]]) -> list[Place]:
        for field, values in asked.items():
            numbers = {self._numbers[field].get(value) for value in values} - {None}
            stored = searcher.fast_field_values(_number_of(field), [address for _, address in found])
            found = [hit for hit, number in zip(found, stored, strict=True) if number in numbers]
        return found


def _set_of(values: str | Collection[str]) -> set[str]:
    return {values} if isinstance(values, str) else {*values}


def _number_of(field: str) -> str:
    return f"{field}_number"
