"""The `tierdesk` command."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from types import MappingProxyType
from typing import Final

import typer
from typer.core import TyperCommand, TyperGroup

_OWN: Final = "app"
COMMANDS: Final = MappingProxyType(
    {
        "up": ("running_commands", _OWN),
        "serve": ("serving", _OWN),
        "migrate": ("running_commands", _OWN),
        "tickets": ("ticket_commands", _OWN),
        "acknowledge": ("ticket_commands", _OWN),
        "merge": ("ticket_commands", _OWN),
        "split": ("ticket_commands", _OWN),
        "doctor": ("recovery_commands", _OWN),
        "rebuild": ("recovery_commands", _OWN),
        "demo": ("running_commands", _OWN),
        "replay": ("replay_commands", _OWN),
        "policy": ("policy_commands", _OWN),
        "problems": ("problem_commands", _OWN),
        "parked": ("parked_commands", _OWN),
        "accounts": ("account_commands", _OWN),
        "audit": ("account_commands", "audit_app"),
        "rota": ("rota_commands", _OWN),
        "calendar": ("calendar_commands", _OWN),
        "sla": ("clock_commands", _OWN),
        "kb": ("knowledge_commands", _OWN),
        "vendor": ("vendor_commands", _OWN),
    }
)
"""Where each command stands: in which module of this package, and in which application there."""


class Commands(TyperGroup):
    """Loads a command when it is asked for: a service needs nothing of the others, and most commands need no service."""

    def list_commands(self, ctx: object) -> list[str]:
        """Their names, in the order in which help tells them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """The command, or group of commands, of this name; None for any other."""
        del ctx
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = _load(cmd_name)
        found = self.commands.get(cmd_name)
        assert found is None or isinstance(found, TyperCommand | TyperGroup)
        return found


def _load(name: str) -> TyperCommand | TyperGroup:
    module, application = COMMANDS[name]
    made = typer.main.get_command(getattr(import_module(f"tierdesk_cli.{module}"), application))
    found = made.commands.get(name, made) if isinstance(made, TyperGroup) else made
    found.name = name
    assert isinstance(found, TyperCommand | TyperGroup)
    return found


app = typer.Typer(name="tierdesk", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def tierdesk() -> None:
    """A tiered IT support desk on a message bus. Start one with `tierdesk up --demo`; then `tierdesk tickets`."""


def run() -> None:
    """The entry point: what can be expected to go wrong is one line and an exit code; a defect keeps its traceback."""
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # where logs go is the command's choice; not between its lines
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from tierdesk_cli.explaining import explain  # noqa: PLC0415  # loads all libraries, and is needed rarely

        told = explain(error)
        if told is None:
            raise
        # Not as it came: what others wrote into it could command a terminal.
        text = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in str(told))
        sys.stderr.write(f"tierdesk: {text}\n")
        sys.exit(told.exit_code)
