"""`tierdesk accounts link` and `unlink`: who of a provider opens an account."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

from rich.console import Console

from tierdesk_cli.accounts import Scope, find_actor, open_database, told_as_command_errors
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings
from tierdesk_cli.tickets import clean
from tierdesk_desk.domain.accounts import Account
from tierdesk_desk.domain.id_tokens import LONGEST_SUBJECT
from tierdesk_desk.linking import INVITED, Linking
from tierdesk_desk.store.accounts import find_account
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.identifiers import Identifiers

_PROVIDER: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


async def link(scope: Scope, name: str, console: Console, *, provider: str, subject: str | None) -> None:
    """Let somebody of a provider open the account at their next sign-in."""
    if not _PROVIDER.fullmatch(provider):
        raise CommandError(f"--provider: {provider!r} is no id of a provider", exit_code=2)
    if subject is not None and not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
        raise CommandError(f"--subject: 1 to {LONGEST_SUBJECT} characters that can be printed", exit_code=2)
    async with _account(scope, name) as (account, linking):
        await linking.invite(scope.tenant, account.id, provider, subject=subject, by=find_actor())
    whom = f"whoever is {account.name} at {provider}" if subject is None else f"{clean(subject)} of {provider}"
    console.print(f"{account.name} is open to {whom}, once, for {INVITED.days} days.", highlight=False)


async def unlink(scope: Scope, name: str, console: Console, *, provider: str | None) -> None:
    """Let nobody open the account from this provider any more, or from any."""
    async with _account(scope, name) as (account, linking):
        removed = await linking.unlink(scope.tenant, account.id, provider, by=find_actor())
    told = ", ".join(f"{one.provider} ({clean(one.subject)})" for one in removed)
    console.print(
        f"{account.name} is opened no more from {told}." if removed else f"Nobody opened {account.name} from there.",
        highlight=False,
    )


@contextlib.asynccontextmanager
async def _account(scope: Scope, name: str) -> AsyncIterator[tuple[Account, Linking]]:
    clock = load_clock(find_settings(Home(scope.data)).clock_file)
    async with open_database(scope) as database:
        async with database.read() as connection:
            account = await find_account(connection, scope.tenant, name.strip().lower())
        if account is None:
            raise CommandError(f"no account {name} in the tenant {scope.tenant}")
        with told_as_command_errors():
            yield account, Linking(database, clock, Identifiers())
