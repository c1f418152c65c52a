"""`python -m tierdesk_bots password-reset` and `python -m tierdesk_bots diagnostics`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from tierdesk_bots import diagnostics_command, password_reset_command
from tierdesk_bots.command_line import SettingError


def main() -> int:
    """Run one bot until SIGTERM or SIGINT. The exit code: 0, or 2 for a wrong setting, told in one line."""
    parser = argparse.ArgumentParser(
        prog="python -m tierdesk_bots", description="Bots that work the low tiers of a desk."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="BOT")
    password_reset_command.add_to(commands)
    diagnostics_command.add_to(commands)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(arguments.run(arguments))
    except SettingError as error:
        print(f"tierdesk_bots: {error}", file=sys.stderr)  # noqa: T201 - what the command line says to its user
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
