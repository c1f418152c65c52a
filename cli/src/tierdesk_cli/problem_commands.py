"""`tierdesk problems`: what is behind several tickets."""

from __future__ import annotations

from typing import Annotated

import typer

from tierdesk_cli import problems
from tierdesk_cli.options import Data, Json, Key, Url, console, wait_for

app = typer.Typer(
    help="Problems and outages: what is behind several tickets. See docs/problems.md.", no_args_is_help=True
)

Problem = Annotated[str, typer.Argument(help="A problem's reference or identifier.")]


@app.command("list")
def problems_list(
    data: Data,
    *,
    status: Annotated[
        str | None,
        typer.Option(help="Only candidate, open, known_error, fix_decided, resolved or dismissed ones."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: Json = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """List problems, the newest first.

    Example: tierdesk problems list --status candidate
    """
    wait_for(problems.list_problems(data, url, key, console, status=status, limit=limit, as_json=as_json))


@app.command("show")
def problems_show(data: Data, problem: Problem, *, as_json: Json = False, url: Url = None, key: Key = None) -> None:
    """Show one problem: what is known of it, its tickets, and who did what when, and why.

    Example: tierdesk problems show PR-5S2C-0M41
    """
    wait_for(problems.show_problem(data, url, key, console, problem, as_json=as_json))


@app.command("resolve")
def problems_resolve(
    data: Data,
    problem: Problem,
    *,
    how: Annotated[str | None, typer.Option("--how", help="What solved it.")] = None,
    as_json: Json = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Say that a problem is solved. The owners of its open tickets are told how; none is closed by it.

    Example: tierdesk problems resolve PR-5S2C-0M41 --how "Firmware 2.4 is on all printers"
    """
    wait_for(problems.resolve_problem(data, url, key, console, problem, how=how, as_json=as_json))


@app.command("announce")
def problems_announce(
    data: Data,
    problem: Problem,
    *,
    text: Annotated[str | None, typer.Option("--text", help="What requesters are told.")] = None,
    audience: Annotated[str, typer.Option("--audience", help="Whom it is for.")] = "everybody",
    as_json: Json = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Announce a major incident, once: on each open ticket of it, and on those that are linked later.

    Example: tierdesk problems announce PR-5S2C-0M41 --text "Mail is down in Leeds; we are on it." --audience Leeds
    """
    work = problems.announce_problem(data, url, key, console, problem, text=text, audience=audience, as_json=as_json)
    wait_for(work)
