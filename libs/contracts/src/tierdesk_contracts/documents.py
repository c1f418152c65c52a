"""Write the contract documents, or check that the committed ones are what the models say.

    python -m tierdesk_contracts.documents --write
    python -m tierdesk_contracts.documents --check

They are `libs/contracts/schemas/<type>.json`, `docs/asyncapi.yaml` and `libs/contracts/golden/<type>/v<release>.json`.
A golden message is what one release sent: it is written once and never again. To change one before its release goes
out, delete it and write anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import zip_longest
from pathlib import Path
from typing import Final

from tierdesk_contracts.asyncapi import asyncapi
from tierdesk_contracts.plain_yaml import to_yaml
from tierdesk_contracts.registry import MESSAGE_TYPES
from tierdesk_contracts.samples import sample_messages
from tierdesk_contracts.schemas import schema_of

RELEASE: Final = "0.1.0"
"""The release whose golden messages are due; raised with the version of the distributions."""
SCHEMAS: Final = Path("libs/contracts/schemas")
GOLDEN: Final = Path("libs/contracts/golden")
ASYNCAPI: Final = Path("docs/asyncapi.yaml")

_REPOSITORY: Final = Path(__file__).parents[4]


def render() -> dict[Path, str]:
    """What the generated documents must hold, by path in the repository."""
    documents = {SCHEMAS / f"{entry.name}.json": _json(schema_of(entry)) for entry in MESSAGE_TYPES.values()}
    documents[ASYNCAPI] = "# Made by `python -m tierdesk_contracts.documents --write`.\n" + to_yaml(asyncapi(RELEASE))
    return documents


def golden() -> dict[Path, str]:
    """The golden messages of this release, by path in the repository."""
    return {
        GOLDEN / name / f"v{RELEASE}.json": _json(json.loads(message.to_bytes()))
        for name, message in sample_messages().items()
    }


def faults(root: Path) -> list[str]:
    """Where the committed documents differ from the models, one line per file; empty when they agree."""
    found = []
    documents = render()
    for path, text in documents.items():
        if not (root / path).is_file():
            found.append(f"{path}: missing; run with --write")
        elif (committed := (root / path).read_text(encoding="utf-8")) != text:
            found.append(f"{path}: differs from the models{_first_difference(committed, text)}; run with --write")
    found += [f"{path}: missing; run with --write" for path in golden() if not (root / path).is_file()]
    kept = {path.name for path in documents}
    for file in sorted((root / SCHEMAS).glob("*")):
        if file.name not in kept:
            found.append(f"{SCHEMAS / file.name}: no such message type; a type is removed only with a release")
    return found


def write(root: Path) -> list[Path]:
    """Write what is missing or differs, never an existing golden message; answer what was written."""
    due = {path: text for path, text in golden().items() if not (root / path).exists()}
    for path, text in render().items():
        file = root / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            due[path] = text
    for path, text in due.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(due)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when all is written or agrees, 1 when --check finds a fault, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m tierdesk_contracts.documents", description=__doc__.split("\n")[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write what is missing or differs")
    mode.add_argument("--check", action="store_true", help="name each file that is missing or differs")
    parser.add_argument("--root", type=Path, default=_REPOSITORY, help="the repository")
    options = parser.parse_args(arguments)
    if not (options.root / GOLDEN.parent).is_dir():
        parser.error(f"no {GOLDEN.parent} under {options.root}: name the repository with --root")
    lines = [f"{path}: written" for path in write(options.root)] if options.write else faults(options.root)
    for line in lines:
        sys.stdout.write(f"{line}\n")
    return 1 if options.check and lines else 0


def _first_difference(committed: str, text: str) -> str:
    lines = zip_longest(committed.splitlines(keepends=True), text.splitlines(keepends=True), fillvalue="(nothing)")
    number, (was, now) = next((n, pair) for n, pair in enumerate(lines, start=1) if pair[0] != pair[1])
    return f" from line {number}: {was.strip()!r} should be {now.strip()!r}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
