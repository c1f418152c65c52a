"""`tierdesk doctor` and `rebuild`."""

from __future__ import annotations

from typing import Annotated

import typer

from tierdesk_cli import rebuild
from tierdesk_cli.doctor import command as doctor
from tierdesk_cli.options import Data, Json, Service, Url, console, wait_for

app = typer.Typer()


@app.command("doctor")
def doctor_command(data: Data, *, url: Url = None, as_json: Json = False) -> None:
    """Check database, schemas, bus, queues, clocks and the desk itself, and say what to do about what is wrong.

    Changes nothing. Ends with 1 when something is ill; a warning is no illness.

    Example: TIERDESK_DATABASE_URL=postgresql://… TIERDESK_AMQP_URL=amqp://… tierdesk doctor --url https://desk.example
    """
    wait_for(doctor.run(data, url, console, as_json=as_json))


@app.command("rebuild")
def rebuild_command(
    data: Data,
    *,
    since: Annotated[
        str, typer.Option("--since", help="Reach back so far: a span such as 90m, 2h or 3d, or a time with its zone.")
    ],
    service: Service = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent again.")] = False,
) -> None:
    """After the broker has lost its data: declare all queues, and send again what was published since.

    Each message keeps its identifier and its place, so whoever has applied it takes no notice. All policies are told
    anew, and offers that nobody has accepted are made anew. Reach back to before the oldest message that was still in
    a queue: too far does no harm. Services may run meanwhile; theirs is the work of publishing.

    Examples: tierdesk rebuild --since 2h --dry-run, then tierdesk rebuild --since 2h;
    tierdesk rebuild --since 2026-03-02T09:30:00Z
    """
    wait_for(rebuild.run(data, since, service, console, dry_run=dry_run))
