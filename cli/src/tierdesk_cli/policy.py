"""`tierdesk policy check`, `diff` and `apply`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tierdesk_cli.client import DeskClient, connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.tickets import clean
from tierdesk_policy import (
    Fault,
    Policy,
    PolicyError,
    find_differences,
    find_moved_entries,
    load_policy_file,
    review_policy_file,
)


def read_policy(file: Path) -> Policy:
    """The policy in `file`. Raises `CommandError` with a line per fault."""
    try:
        return load_policy_file(file)
    except PolicyError as error:
        raise _as_command_error(error) from error


def check(file: Path, console: Console) -> Policy:
    """Check a policy, say what it is and what deserves a second look, and answer it."""
    try:
        policy, remarks = review_policy_file(file, today=datetime.now(UTC).date())
    except PolicyError as error:
        raise _as_command_error(error) from error
    _tell(policy, remarks, console)
    return policy


async def check_running(file: Path, data: Path, url: str | None, key: str | None, console: Console) -> None:
    """As `check`; what the desk that runs would be left with when this policy came into force is remarked, too."""
    policy = check(file, console)
    async with connect(data, url, key) as desk:
        await _tell_left_behind(policy, desk, console)


def diff(before: Path, after: Path, console: Console) -> bool:
    """Print what differs between two policies; answers whether anything does."""
    old, new = read_policy(before), read_policy(after)
    for difference in find_differences(old, new):
        console.print(clean(str(difference)), highlight=False, soft_wrap=True)
    moved = find_moved_entries(old, new)
    if moved:
        console.print("\nSo these enter the desk elsewhere:")
        for difference in moved:
            console.print(clean(str(difference)), highlight=False, soft_wrap=True)
    if old.version == new.version:
        console.print(f"The two say the same: {old.version}", highlight=False)
    return old.version != new.version


async def apply(file: Path, data: Path, url: str | None, key: str | None, console: Console) -> None:
    """Put a policy in force on a running desk."""
    policy = read_policy(file)
    async with connect(data, url, key) as desk:
        answer = (await desk.request("PUT", "/v1/policy", json=policy.document())).json()
        what = "is in force now" if answer["changed"] else "was in force already"
        console.print(f"{clean(answer['name'])} {what}: {answer['version']}", highlight=False)
        await _tell_left_behind(policy, desk, console)


async def _tell_left_behind(policy: Policy, desk: DeskClient, console: Console) -> None:
    """Which tiers have open tickets and are not in the policy: those go on under the policy they were opened under."""
    known = {tier.id for tier in policy.tiers}
    left: dict[str, int] = {}
    for count in await desk.get("/v1/tickets/summary"):
        if count["tier"] is not None and count["tier"] not in known:
            left[count["tier"]] = left.get(count["tier"], 0) + count["number"]
    for tier, number in sorted(left.items()):
        console.print(
            f"Remark: tier {tier} is not in this policy, and {number} open tickets stand there. They go on under the "
            "policy they were opened under; keep its consumers until they have ended.",
            highlight=False,
            soft_wrap=True,
        )


def _tell(policy: Policy, remarks: tuple[Fault, ...], console: Console) -> None:
    console.print(
        f"{clean(policy.name)}: {len(policy.tiers)} tiers, {len(policy.groups)} groups, {len(policy.categories)} categories, "
        f"{len(policy.vendors)} vendors, {len(policy.rules)} rules. No faults.",
        highlight=False,
    )
    for remark in remarks:
        console.print(f"Remark: {clean(str(remark))}", highlight=False, soft_wrap=True)
    console.print(policy.version, highlight=False)


def _as_command_error(error: PolicyError) -> CommandError:
    return CommandError("\n".join(str(fault) for fault in error.faults), exit_code=2)
