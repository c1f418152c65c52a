"""`python -m tierdesk_bots diagnostics`."""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tierdesk_bots.advice import BUILT_IN, RulesError, load_rules
from tierdesk_bots.command_line import (
    SettingError,
    add_consumer_settings,
    add_memory_settings,
    add_setting,
    bus_url,
    minutes,
    open_journals,
    read_key,
    require,
    words,
)
from tierdesk_bots.diagnosis import Check
from tierdesk_bots.diagnostics import Diagnostics
from tierdesk_bots.listener import Listener, ListenerServer
from tierdesk_tier import serve_tier, until_stopped

_ALWAYS: Final = ("system", "disk", "memory", "clock", "printers")
_DESCRIPTION = """\
Looks at the device that has a problem.

It takes the tickets of its group, and answers the requester with a command: `diagnose.py` (in
examples/, one file, Python's standard library alone) and a link that works once. The program shows what
it has found and sends it if the requester says yes. The results stand on the ticket as steps tried. Simple
rules then solve the ticket with an advice, or people at the next tier get it with the results; they get it
too when the requester refuses or says nothing.
docs/bots.md tells it all.
"""
_EXAMPLE = """\
example:
  head -c 32 /dev/urandom > secret
  python -m tierdesk_bots diagnostics --bus URL --state state --secret-file secret \\
      --listen 127.0.0.1:8090 --public-url https://diagnosis.example.org --names intranet.example.org
Put a proxy with a certificate before the listener.
"""


def add_to(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "diagnostics", help="look at the requester's device",
        description=_DESCRIPTION, epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_consumer_settings(parser, group="diagnostics", worker="diagnostics-bot")
    add_memory_settings(parser)
    asking = parser.add_argument_group("the diagnosis")
    add_setting(
        asking, "categories", kind=words, help="the categories that it works; any other goes to people at once. All"
    )
    add_setting(asking, "wait-minutes", kind=minutes, default="60", help="how long a result is waited for")
    add_setting(asking, "names", kind=words, help="host names that the device should know, apart by commas")
    add_setting(asking, "hosts", kind=words, help="HOST:PORT that the device should reach, apart by commas")
    add_setting(asking, "rules", kind=Path, help="a JSON file of rules in place of the built-in ones (docs/bots.md)")
    http = parser.add_argument_group("where results come in")
    add_setting(http, "listen", default="127.0.0.1:8090", help="HOST:PORT of the listener")
    add_setting(http, "public-url", help="where devices reach it: https://HOST; http:// on this machine alone")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> None:
    """Work until SIGTERM or SIGINT. Raises `SettingError`."""
    secret = read_key(require(arguments, "secret-file"))
    url = bus_url(arguments)
    try:
        rules = BUILT_IN if arguments.rules is None else load_rules(arguments.rules)
    except RulesError as error:
        raise SettingError(f"--rules: {error}") from error
    checks = tuple(_checks(arguments))
    public_url = _public_url(require(arguments, "public-url"))
    journals = open_journals(arguments)
    bot = Diagnostics(
        secret=secret, journals=journals, public_url=public_url, rules=rules,
        wait_seconds=arguments.wait_minutes, categories=arguments.categories,
    )  # fmt: skip
    listener = Listener(journals, secret=secret, checks=checks, now=lambda: datetime.now(UTC))
    with _listen(arguments.listen) as sock:
        server = ListenerServer(listener.app, sock)
        async with until_stopped() as stop, asyncio.TaskGroup() as tasks:
            tasks.create_task(server.run_until(stop))
            tasks.create_task(
                serve_tier(
                    url, tenant=arguments.tenant, tier=arguments.tier, group=arguments.group,
                    worker=arguments.worker, work=bot.work, workers=arguments.workers, stop=stop,
                )
            )  # fmt: skip


def _checks(arguments: argparse.Namespace) -> list[Check]:
    checks = [Check.model_validate({"kind": kind}) for kind in _ALWAYS]
    checks += [Check(kind="dns", name=name) for name in sorted(arguments.names or ())]
    for place in sorted(arguments.hosts or ()):
        host, port = _host_and_port(place, "hosts")
        checks.append(Check(kind="tcp", host=host, port=port))
    return checks


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or parts.scheme not in ({"https", "http"} if is_here else {"https"}):
        raise SettingError("--public-url: https://HOST is expected; whoever could read the link could use it first")
    return url.rstrip("/")


def _host_and_port(text: str, name: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65_535:
        raise SettingError(f"--{name}: {text!r} is not of the form HOST:PORT")
    return found[1] or found[2], int(found[3])


def _listen(place: str) -> socket.socket:
    host, port = _host_and_port(place, "listen")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingError(f"--listen: cannot listen on {place}: {error.strerror}") from error
