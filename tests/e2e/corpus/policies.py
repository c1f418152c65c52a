"""Policies that must not come into force, each with a field or a word that its refusal names."""

from __future__ import annotations

_SOUND = """\
name: Desk
tiers: [{id: l1}, {id: l2}]
groups:
  - {id: front, tier: l1}
  - {id: back, tier: l2}
edges: [[l1, l2]]
categories:
  - {id: other, tier: l1, group: front}
"""


def _mended(old: str, new: str) -> bytes:
    assert _SOUND.count(old) == 1, old
    return _SOUND.replace(old, new).encode()


def _with(more: str) -> bytes:
    return (_SOUND + more).encode()


POLICIES: dict[str, tuple[bytes, str]] = {
    "no YAML": (b"name: [", "YAML"),
    "a list": (b"- a", "mapping"),
    "two documents": (_with("---\nname: Another\n"), "second document"),
    "a tag that makes objects": (_with("x: !!python/object/apply:os.system [id]\n"), "tag"),
    "a bomb of aliases": (
        b"a: &a [x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n".encode() for n in range(9)
        ),
        "values",
    ),
    "an alias of itself": (b"a: &a [*a]", "alias"),
    "an unknown field": (_with("colour: red\n"), "colour"),
    "a tier twice": (_mended("{id: l1}, {id: l2}", "{id: l1}, {id: l1}"), "tiers"),
    "a group twice": (_mended("id: back", "id: front"), "groups"),
    "a category twice": (_with("  - {id: other, tier: l2, group: back}\n"), "categories"),
    "an edge to nowhere": (_mended("[[l1, l2]]", "[[l1, l9]]"), "edges"),
    "an edge to itself": (_mended("[[l1, l2]]", "[[l1, l1]]"), "edges"),
    "a group of another tier": (_mended("tier: l1, group: front", "tier: l1, group: back"), "categories.0.group"),
    "no tier": (_mended("[{id: l1}, {id: l2}]", "[]"), "tiers"),
    "a unit of length": (_with("targets: [{kind: resolution, within: 4 parsecs}]\n"), "targets.0.within"),
    "a time below nothing": (_with("targets: [{kind: resolution, within: -4h}]\n"), "targets.0.within"),
    "a time without end": (_with("targets: [{kind: resolution, within: .inf}]\n"), "targets.0.within"),
    "a time that its calendar never comes to the end of": (
        _with(
            "targets: [{kind: resolution, within: 3650d, calendar: sundays}]\n"
            "calendars: [{id: sundays, tz: UTC, weekly: {sun: ['09:00-17:00']}}]\n"
        ),
        "targets.0.within",
    ),
    "a promise of nothing": (_with("targets: [{kind: happiness, within: 4h}]\n"), "targets.0.kind"),
    "an unknown calendar": (_with("targets: [{kind: resolution, within: 4h, calendar: moon}]\n"), "targets.0.calendar"),
    "a vendor without a group": (_with("vendors: [{id: acme, group: nobody}]\n"), "vendors.0.group"),
    "a matrix that divides by nothing": (_with("matrix: [[1, 0, 1], [1, 1, 1], [1, 1, 1]]\n"), "matrix"),
    "a matrix with a hole": (_with("matrix: [[1], [1, 1, 1], [1, 1, 1]]\n"), "matrix"),
    "100,000 tiers": (_mended("{id: l2}]", "{id: l2}" + ", {id: l2}" * 100_000 + "]"), ""),
    "2 MB": (_with("#" * 2_000_000), ""),
}
