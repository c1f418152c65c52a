"""`tierdesk up`, `migrate` and `demo`: all services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierdesk_cli import demo, up
from tierdesk_cli.options import Data, console, wait_for

app = typer.Typer()


@app.command("up")
def up_command(
    data: Data,
    *,
    demo_people: Annotated[bool, typer.Option("--demo", help="Also start the example consumers.")] = False,
    port: Annotated[
        int, typer.Option(envvar="TIERDESK_HTTP_PORT", help="Port of the one address; 0 takes a free one.")
    ] = 8080,
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="The policy to put in force; default: the five-tier sample.")
    ] = None,
) -> None:
    """Start every service in this process, in the foreground; Ctrl-C stops them.

    On an embedded PostgreSQL that is the bus too, or, when TIERDESK_DATABASE_URL and TIERDESK_AMQP_URL are set, on those.
    """
    wait_for(up.run(data, demo=demo_people, port=port, policy_file=policy_file, console=console))


@app.command("migrate")
def migrate_command() -> None:
    """Bring the schemas, roles and queues of all services up to date; run it before the services start.

    Needs TIERDESK_DATABASE_URL, TIERDESK_AMQP_URL (or TIERDESK_BUS_URL) and TIERDESK_SECRETS_FILE.
    """
    wait_for(up.migrate_command(console))


@app.command("demo")
def demo_command(
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="Another policy than the five-tier sample.")
    ] = None,
) -> None:
    """A finite tour on a fast clock: portal and phone events, the example consumers, the journey of each ticket."""
    wait_for(demo.run(policy_file, console))
