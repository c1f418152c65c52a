"""Many rows in one statement: the rows travel as one JSON value and PostgreSQL takes them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Table, TextClause, text


def upsert(table: Table) -> TextClause:
    """INSERT `:rows`, or overwrite the rows that are there under the same key."""
    changes = ", ".join(f"{column.name} = excluded.{column.name}" for column in table.c if not column.primary_key)
    key = ", ".join(column.name for column in table.primary_key)
    return text(f"{_insert(table)} ON CONFLICT ({key}) DO UPDATE SET {changes}")


def insert_new(table: Table) -> TextClause:
    """INSERT `:rows` but for those whose key is there, and answer the keys inserted."""
    key = ", ".join(column.name for column in table.primary_key)
    return text(f"{_insert(table)} ON CONFLICT DO NOTHING RETURNING {key}")


def as_rows(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The parameter `:rows`. The driver's own kind of UUID is written by `str`."""
    return {"rows": orjson.dumps(rows, default=str).decode()}


def _insert(table: Table) -> str:
    names = ", ".join(column.name for column in table.c)
    return (
        f"INSERT INTO {table.fullname} ({names}) "  # noqa: S608 - names of our own tables and columns
        f"SELECT {names} FROM json_populate_recordset(NULL::{table.fullname}, CAST(:rows AS json))"
    )
