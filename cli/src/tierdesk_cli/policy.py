"""`tierdesk policy check` and `apply`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tierdesk_cli.client import connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.tickets import clean
from tierdesk_policy import Policy, PolicyError, load_policy_file


def read_policy(file: Path) -> Policy:
    """The policy in `file`. Raises `CommandError` with a line per fault."""
    try:
        return load_policy_file(file)
    except PolicyError as error:
        raise CommandError("\n".join(str(fault) for fault in error.faults), exit_code=2) from error
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", exit_code=2) from error


def check(file: Path, console: Console) -> None:
    """Check a policy and say what it is."""
    policy = read_policy(file)
    console.print(
        f"{clean(policy.name)}: {len(policy.tiers)} tiers, {len(policy.groups)} groups, {len(policy.categories)} categories, "
        f"{len(policy.vendors)} vendors. No faults.",
        highlight=False,
    )
    console.print(policy.version, highlight=False)


async def apply(file: Path, data: Path, url: str | None, key: str | None, console: Console) -> None:
    """Put a policy in force on a running desk."""
    document = read_policy(file).document()
    async with connect(data, url, key) as desk:
        answer = (await desk.request("PUT", "/v1/policy", json=document)).json()
    what = "is in force now" if answer["changed"] else "was in force already"
    console.print(f"{clean(answer['name'])} {what}: {answer['version']}", highlight=False)
