"""Statements over many rows at once, by arrays: one round trip and one plan, however many rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Column, Insert, Select, Table, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.selectable import TableValuedAlias


def _rows_of(columns: Sequence[Column[Any]]) -> TableValuedAlias:
    arrays = [bindparam(column.name, type_=ARRAY(column.type)) for column in columns]
    values = [Column(column.name, column.type) for column in columns]
    return func.unnest(*arrays).table_valued(*values, name="given").render_derived()


@cache
def insert_rows(table: Table, *, skip_conflicts: bool = False) -> Insert:
    """Insert rows in the order given. With `skip_conflicts`, those whose key is taken are left out: count the rest."""
    given = _rows_of(tuple(table.columns))
    statement = insert(table).from_select([column.name for column in table.columns], select(*given.columns))
    return statement.on_conflict_do_nothing() if skip_conflicts else statement


@cache
def find_rows(table: Table, *, lock: bool = False) -> Select[Any]:
    """Read the rows with the primary keys given; with `lock`, lock them in the order given.

    One probe of the index per key, whatever the planner knows of the table: it stays as quick when the table grows.
    """
    keys = tuple(table.primary_key.columns)
    given = _rows_of(keys)
    probe = select(table).where(*(column == given.c[column.name] for column in keys)).limit(1)
    found = (probe.with_for_update() if lock else probe).lateral("found")
    return select(*found.columns).select_from(given.join(found, true()))


def arrays(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """The parameters of these statements: under the name of each column, what stands in it, row by row."""
    return {name: [row[at] for row in rows] for at, name in enumerate(columns)}


def columns_of(table: Table) -> list[str]:
    """The names of a table's columns, as `insert_rows` expects them."""
    return [column.name for column in table.columns]


def keys_of(table: Table) -> list[str]:
    """The names of its primary key, as `find_rows` expects them."""
    return [column.name for column in table.primary_key.columns]
