"""No schema may break a reader or a writer of an earlier one of its major version."""

import json
import subprocess
from pathlib import Path

import pytest

from tierdesk_contracts import MESSAGE_TYPES
from tierdesk_contracts.compatibility import breaking_changes
from tierdesk_contracts.documents import SCHEMAS
from tierdesk_contracts.schemas import schema_of

ROOT = Path(__file__).parents[2]
MAIN_BRANCHES = ("origin/main", "main")


def git(*arguments: str) -> str | None:
    """What git answers, or nothing where there is no git, no repository or no such thing in it."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def committed(file: str, revision: str) -> dict | None:
    text = git("show", f"{revision}:{SCHEMAS}/{file}")
    return None if text is None else json.loads(text)


def baselines() -> dict[str, dict[str, dict]]:
    """The schemas that a mixed day may meet, by where they were taken from.

    The working folder's, so that there is always one; the last commit's; the commit that this branch left the main
    branch at; and the last release's.
    """
    found = {
        "the folder": {file.name: json.loads(file.read_text()) for file in sorted((ROOT / SCHEMAS).glob("*.json"))}
    }
    revisions = {"HEAD", git("describe", "--tags", "--abbrev=0", "--match", "v*")}
    revisions |= {git("merge-base", "HEAD", branch) for branch in MAIN_BRANCHES}
    for revision in sorted(revision for revision in revisions if revision):
        listed = git("ls-tree", "--name-only", f"{revision}:{SCHEMAS}")
        files = {file: committed(file, revision) for file in (listed or "").splitlines()}
        found[revision] = {file: schema for file, schema in files.items() if schema is not None}
    return found


BASELINES = baselines()


def test_there_is_something_to_compare_with():
    assert len(BASELINES["the folder"]) >= len(MESSAGE_TYPES) > 20


@pytest.mark.parametrize("source", BASELINES)
def test_no_type_is_removed_and_none_changed_so_that_it_breaks(source):
    told = []
    for file, schema in BASELINES[source].items():
        entry = MESSAGE_TYPES.get(file.removesuffix(".json"))
        told += [f"{file}: {line}" for line in (breaking_changes(schema, schema_of(entry)) if entry else ["removed"])]
    assert told == []
