"""Whether a schema may take another's place within one major version.

Releases run mixed, so both directions must hold: a newer reader takes what an older writer sends, and an older reader
what a newer writer sends. Allowed are a new optional field, a new word of an open enumeration, and a new kind of event
beside the branch for unknown ones. All else needs a new type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tierdesk_contracts.schemas import KNOWN_VALUES, JsonSchema

_LIMITS: Final = (
    "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip


def breaking_changes(old: JsonSchema, new: JsonSchema) -> list[str]:
    """Every change that breaks a reader or a writer, as `path: what`; empty when `new` is compatible.

    Both are whole schemas as `schemas.schema_of` makes them.
    """
    return list(_Comparison(old, new).walk("message", old, new))


class _Comparison:
    def __init__(self, old_root: JsonSchema, new_root: JsonSchema) -> None:
        self._old_root = old_root
        self._new_root = new_root
        self._seen: set[tuple[str, str]] = set()

    def walk(self, path: str, old: JsonSchema, new: JsonSchema) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, old_nullable = _without_null(_resolve(old, self._old_root))
        new, new_nullable = _without_null(_resolve(new, self._new_root))
        old, new = _resolve(old, self._old_root), _resolve(new, self._new_root)
        if old_nullable != new_nullable:
            yield f"{path}: {'no longer takes' if old_nullable else 'takes'} null"
        if old.get("type") != new.get("type"):
            yield f"{path}: type was {old.get('type')}, is {new.get('type')}"
            return
        yield from self._values(path, old, new)
        for limit in _LIMITS:
            if old.get(limit) != new.get(limit):
                yield f"{path}: {limit} was {old.get(limit)}, is {new.get(limit)}"
        yield from self._fields(path, old, new)
        yield from self._parts(path, old, new)
        yield from self._branches(path, old, new)

    def _values(self, path: str, old: JsonSchema, new: JsonSchema) -> Iterator[str]:
        for closed in ("const", "enum"):
            if old.get(closed) != new.get(closed):
                yield f"{path}: {closed} was {old.get(closed)}, is {new.get(closed)}"
        if (KNOWN_VALUES in old) != (KNOWN_VALUES in new):
            yield f"{path}: {'no longer' if KNOWN_VALUES in old else 'now'} an open enumeration"
        elif gone := [word for word in old.get(KNOWN_VALUES, ()) if word not in new[KNOWN_VALUES]]:
            yield f"{path}: no longer knows {', '.join(gone)}"

    def _fields(self, path: str, old: JsonSchema, new: JsonSchema) -> Iterator[str]:
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        old_required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(old_fields.keys() - new_fields.keys()):
            yield f"{path}.{name}: removed"
        for name in sorted((new_required - old_required) & new_fields.keys()):
            yield f"{path}.{name}: newly required"
        for name in sorted((old_required - new_required) & new_fields.keys()):
            yield f"{path}.{name}: no longer always sent"
        for name in sorted(old_fields.keys() & new_fields.keys()):
            yield from self.walk(f"{path}.{name}", old_fields[name], new_fields[name])

    def _parts(self, path: str, old: JsonSchema, new: JsonSchema) -> Iterator[str]:
        for keyword, suffix in (("items", "[]"), ("additionalProperties", ".*")):
            # Absent and `true` both mean anything.
            was, now = old.get(keyword, True), new.get(keyword, True)
            if isinstance(was, dict) and isinstance(now, dict):
                yield from self.walk(f"{path}{suffix}", was, now)
            elif was != now:
                yield f"{path}{suffix}: was {_describe(was)}, is {_describe(now)}"

    def _branches(self, path: str, old: JsonSchema, new: JsonSchema) -> Iterator[str]:
        olds, news = _branches_of(old, self._old_root), _branches_of(new, self._new_root)
        for name in sorted(olds.keys() - news.keys()):
            yield f"{path}: no longer takes {name}"
        if "others" not in olds:
            for name in sorted(news.keys() - olds.keys()):
                yield f"{path}: newly takes {name}"
        for name in sorted(olds.keys() & news.keys()):
            yield from self.walk(f"{path}<{name}>", olds[name], news[name])


def _resolve(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    while "$ref" in schema:
        definition: JsonSchema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        schema = definition
    return schema


def _without_null(schema: JsonSchema) -> tuple[JsonSchema, bool]:
    branches = schema.get("anyOf", [])
    rest = [branch for branch in branches if branch.get("type") != "null"]
    if len(rest) == 1 and len(branches) == 2:
        return rest[0], True
    return schema, False


def _branches_of(schema: JsonSchema, root: JsonSchema) -> dict[str, JsonSchema]:
    """The alternatives by name: an event's kind, the branch for unknown kinds as `others`, else the type."""
    branches: dict[str, JsonSchema] = {}
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if "allOf" in branch:
            branches["others"] = branch["allOf"][0]
            continue
        resolved = _resolve(branch, root)
        kind = resolved.get("properties", {}).get("kind", {}).get("const")
        branches[str(kind or resolved.get("title") or resolved.get("type") or "anything")] = branch
    return branches


def _describe(value: Any) -> str:
    return {True: "anything", False: "nothing"}[value] if isinstance(value, bool) else "restricted"
