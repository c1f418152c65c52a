"""`tierdesk serve`: one service, and nothing of the others in its memory."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Final

import typer

from tierdesk_cli.environment import read_settings
from tierdesk_cli.errors import CommandError
from tierdesk_cli.options import wait_for
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.logs import configure_logging
from tierdesk_runtime.service import ServiceDefinition
from tierdesk_runtime.serving import serve

SERVICES: Final = MappingProxyType(
    {name: f"tierdesk_{name}.app" for name in ("router", "intake", "sla", "kb", "bridge", "desk")}
)
"""By name, in the order in which they start: the module that has the service's `DEFINITION`."""

app = typer.Typer()


def check_service(name: str) -> str:
    """The name of a service. Raises `CommandError` that lists them."""
    if name not in SERVICES:
        raise CommandError(f"no service {name!r}; there are {', '.join(sorted(SERVICES))}", exit_code=2)
    return name


def find_service(name: str) -> ServiceDefinition:
    """The service of this name. Raises `CommandError` that lists them."""
    definition: ServiceDefinition = import_module(SERVICES[check_service(name)]).DEFINITION
    return definition


@app.command("serve")
def serve_command(
    service: Annotated[str, typer.Argument(help="router, intake, sla, kb, bridge or desk.")],
) -> None:
    """Run one service, as an operator's container does. Everything is set by TIERDESK_ variables."""
    wait_for(serve_one(service))


async def serve_one(name: str) -> None:
    """Run one service; everything is set by the environment."""
    definition = find_service(name)
    settings = read_settings()
    configure_logging(settings.log_level)
    await serve([definition], settings, clock=load_clock(settings.clock_file))
