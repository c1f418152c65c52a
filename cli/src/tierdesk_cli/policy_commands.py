"""`tierdesk policy`: the description of a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli import explanation, policy
from tierdesk_cli.options import Data, Key, Url, console, wait_for

app = typer.Typer(help="Read, check and apply policies: the description of a desk.", no_args_is_help=True)


@app.command("check")
def policy_check(
    file: Annotated[Path, typer.Argument(help="The policy, YAML or JSON.")],
    data: Data,
    *,
    running: Annotated[
        bool, typer.Option("--running", help="Look at the open tickets of a running desk, too.")
    ] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say what is wrong with a policy: file, line and field of each fault. Exit code 2 if there is any.

    What is lawful and yet deserves a second look, as two rules that overlap, is remarked.
    """
    if running:
        wait_for(policy.check_running(file, data, url, key, console))
    else:
        policy.check(file, console)


@app.command("diff")
def policy_diff(
    before: Annotated[Path, typer.Argument(help="A policy.")], after: Annotated[Path, typer.Argument(help="Another.")]
) -> None:
    """Say what differs between two policies, by the names of their parts. Exit code 1 if anything does, as of diff."""
    raise typer.Exit(int(policy.diff(before, after, console)))


@app.command("explain")
def policy_explain(
    subject: Annotated[str, typer.Argument(help="A ticket's reference, or a file with an event, as posted (.json).")],
    data: Data,
    policy_file: Annotated[Path | None, typer.Option("--policy", help="Decide by this policy.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say where a ticket goes, which rule decided, and why each other rule did not.

    A ticket is explained by the policy it was opened under, an event by the policy in force of a running desk; with
    --policy, either by that file. An event with --policy needs no desk.

    Example: tierdesk policy explain event.json --policy deploy/policy/five-tier.yaml
    """
    wait_for(explanation.explain(subject, policy_file, data, url, key, console))


@app.command("apply")
def policy_apply(
    file: Annotated[Path, typer.Argument(help="The policy, YAML or JSON.")],
    data: Data,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put a policy in force on a running desk; on any fault the old one stays."""
    wait_for(policy.apply(file, data, url, key, console))
