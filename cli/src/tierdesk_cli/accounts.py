"""`tierdesk accounts` and `tierdesk audit`: who may sign in at the desk, and what was done by whom.

They work on the desk's own database as its administrator: they help where nobody can sign in.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import ProgrammingError

from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings, open_schemas
from tierdesk_cli.tickets import clean
from tierdesk_desk.accounts import (
    ONE_TIME_VALID,
    Accounts,
    Changes,
    LastAdministratorError,
    NameTakenError,
    UnknownAccountError,
)
from tierdesk_desk.domain.accounts import Account, AccountError, read_grant, write_grant
from tierdesk_desk.domain.audit import Entry
from tierdesk_desk.domain.audit import Link as Anchor
from tierdesk_desk.domain.roles import Grant
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_desk.linking import LinkedAlreadyError
from tierdesk_desk.store.accounts import list_accounts as read_page
from tierdesk_desk.store.audit import read_entries, verify
from tierdesk_desk.store.provider_links import Link, list_links
from tierdesk_desk.store.tables import SCHEMA
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_store import Database

_AT_ONCE: Final = 500
_LONGEST_NAME: Final = 200
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_ANCHOR: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command is about: the desk on `data`, and one tenant of it."""

    data: Path
    tenant: str


async def add(
    scope: Scope,
    name: str,
    console: Console,
    *,
    display_name: str,
    skills: Sequence[str],
    capacity: int | None,
    email: str,
    grants: Sequence[str],
    has_password: bool = True,
    party: str,
    as_json: bool,
) -> None:
    """Make an account and print its one-time password, this once. Without `has_password` there is none."""
    for skill in skills:
        if not _NAME.fullmatch(skill):
            raise CommandError(f"--skill: {skill!r} is no name of a skill, such as wireless-lan", exit_code=2)
    if len(display_name) > _LONGEST_NAME:
        raise CommandError(f"--name: at most {_LONGEST_NAME} characters", exit_code=2)
    if len(party) > _LONGEST_NAME:
        raise CommandError(f"--party: at most {_LONGEST_NAME} characters", exit_code=2)
    async with _accounts(scope) as accounts:
        account, password = await accounts.add(
            scope.tenant,
            name,
            by=find_actor(),
            display_name=display_name,
            skills=skills,
            capacity=capacity,
            email=email,
            grants=_read_grants(grants),
            has_password=has_password,
            party=party or None,
        )
    if has_password:
        _tell_password(console, account, password, as_json=as_json)
    elif as_json:
        _print_json(console, _document(account))
    else:
        console.print(f"{account.name} has no password, and signs in at a provider.", highlight=False)


async def list_accounts(scope: Scope, console: Console, *, as_json: bool) -> None:
    """Print all accounts of the tenant."""
    found: list[Account] = []
    links: dict[UUID, list[Link]] = {}
    async with open_database(scope) as database:
        while True:
            async with database.read() as connection:
                after = found[-1].name if found else None
                page = await read_page(connection, scope.tenant, after=after, limit=_AT_ONCE)
                of_page = await list_links(connection, scope.tenant, [account.id for account in page])
            for link in of_page:
                links.setdefault(link.account_id, []).append(link)
            if not page:
                break
            found += page
    if as_json:
        _print_json(console, [_document(account, links.get(account.id, [])) for account in found])
        return
    if not found:
        console.print(
            f"The tenant {scope.tenant} has no accounts; make one with `tierdesk accounts add`.", highlight=False
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("login", "name", "mail", "grants", "skills", "at once", "opened from", "now"):
        table.add_column(heading, no_wrap=heading == "login")
    for account in found:
        table.add_row(
            account.name,
            clean(account.display_name),
            clean(account.email or ""),
            ", ".join(write_grant(grant) for grant in account.grants) or "none",
            ", ".join(account.skills),
            "" if account.capacity is None else str(account.capacity),
            ", ".join(f"{link.provider} ({clean(link.subject)})" for link in links.get(account.id, [])),
            _standing(account),
        )
    console.print(table, highlight=False)


async def disable(scope: Scope, name: str, console: Console, *, disabled: bool) -> None:
    """Let somebody sign in no more, and sign them out; or let them again."""
    async with _accounts(scope) as accounts:
        account = await accounts.find(scope.tenant, name)
        await accounts.change(scope.tenant, account.id, Changes(disabled=disabled), by=find_actor())
    console.print(f"{account.name} is {'disabled and signed out' if disabled else 'enabled'}.", highlight=False)


async def set_email(scope: Scope, name: str, email: str, console: Console) -> None:
    """Have the desk write to somebody at this address; at none for an empty text."""
    async with _accounts(scope) as accounts:
        found = await accounts.find(scope.tenant, name)
        account = await accounts.change(scope.tenant, found.id, Changes(email=email), by=find_actor())
    told = f"is written to at {account.email}" if account.email else "is not written to"
    console.print(f"{account.name} {told}.", highlight=False)


async def reset_password(scope: Scope, name: str, console: Console, *, as_json: bool) -> None:
    """Make a one-time password and print it, this once."""
    async with _accounts(scope) as accounts:
        found = await accounts.find(scope.tenant, name)
        account, password = await accounts.reset_password(scope.tenant, found.id, by=find_actor())
    _tell_password(console, account, password, as_json=as_json)


async def grant(scope: Scope, name: str, grants: Sequence[str], console: Console, *, revoked: bool) -> None:
    """Grant these too, or take them away; print what is granted then."""
    wanted = _read_grants(grants)
    async with _accounts(scope) as accounts:
        found = await accounts.find(scope.tenant, name)
        change = accounts.revoke_grants if revoked else accounts.add_grants
        account = await change(scope.tenant, found.id, wanted, by=find_actor())
    told = ", ".join(write_grant(one) for one in account.grants) or "nothing"
    console.print(f"{account.name} is granted {told}", highlight=False)


async def list_audit(scope: Scope, console: Console, *, subject: str | None, limit: int, as_json: bool) -> None:
    """Print the newest entries."""
    async with open_database(scope) as database, database.read() as connection:
        entries = await read_entries(connection, scope.tenant, before=None, subject=subject, limit=limit)
    if as_json:
        _print_json(console, [_entry_document(entry) for entry in entries])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("position", "at (UTC)", "who", "what", "about", "detail"):
        table.add_column(heading, no_wrap=heading in {"position", "at (UTC)"})
    for entry in entries:
        detail = json.dumps(entry.detail, ensure_ascii=False) if entry.detail else ""
        table.add_row(
            str(entry.position),
            _moment(entry.at),
            clean(entry.actor),
            entry.action,
            clean(entry.subject),
            clean(detail),
        )
    if entries:
        console.print(table, highlight=False)
    else:
        console.print("Nothing is noted.")


async def verify_audit(scope: Scope, console: Console, *, anchor: str | None) -> None:
    """Follow the chain of all entries; raises `CommandError` at the first that is not as it was written."""
    read = None if anchor is None else _ANCHOR.fullmatch(anchor)
    if anchor is not None and read is None:
        raise CommandError("--anchor: write POSITION:HASH, as `tierdesk audit verify` prints it", exit_code=2)
    async with open_database(scope) as database:
        known = None if read is None else Anchor(int(read[1]), read[2])
        verdict = await verify(database, scope.tenant, anchor=known)
    if verdict.fault is not None:
        raise CommandError(
            f"the audit of {scope.tenant} holds up to entry {verdict.last.position}; entry {verdict.fault.position}: "
            f"{verdict.fault.what}"
        )
    console.print(
        f"The audit of {scope.tenant} stands as it was written: {verdict.last.position} entries.", highlight=False
    )
    if verdict.last.position:
        # Alone on its line, and never wrapped: it is copied.
        console.print(f"{verdict.last.position}:{verdict.last.hash}", highlight=False, soft_wrap=True)


@contextlib.asynccontextmanager
async def _accounts(scope: Scope) -> AsyncIterator[Accounts]:
    clock = load_clock(find_settings(Home(scope.data)).clock_file)
    hashing = PasswordHashing()
    try:
        async with open_database(scope) as database:
            with told_as_command_errors():
                yield Accounts(database, hashing, clock, Identifiers())
    finally:
        hashing.close()


@contextlib.asynccontextmanager
async def open_database(scope: Scope) -> AsyncIterator[Database]:
    """The desk's own database. Raises `CommandError` where there is none, or no such name of a tenant."""
    if not _NAME.fullmatch(scope.tenant):
        raise CommandError(f"--tenant: {scope.tenant!r} is no name of a tenant", exit_code=2)
    url = find_settings(Home(scope.data)).database_url
    try:
        async with open_schemas(url, SCHEMA, name="tierdesk accounts") as (database,):
            yield database
    except ProgrammingError as error:
        raise CommandError("the tables are not there, or not for this user; run `tierdesk migrate`") from error


@contextlib.contextmanager
def told_as_command_errors() -> Iterator[None]:
    """Raise as `CommandError` what is wrong with what was asked of accounts."""
    try:
        yield
    except AccountError as error:
        raise CommandError(str(error), exit_code=2) from None
    except (NameTakenError, UnknownAccountError, LastAdministratorError, LinkedAlreadyError) as error:
        raise CommandError(str(error)) from None


def _read_grants(texts: Sequence[str]) -> list[Grant]:
    with told_as_command_errors():
        return [read_grant(text) for text in texts]


def find_actor() -> str:
    """Whom the audit names: the user of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # of a container, whose user has no name
        user = str(os.getuid())
    return f"command-line:{user}"


def _tell_password(console: Console, account: Account, password: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(console, _document(account) | {"one_time_password": password})
        return
    console.print(f"{account.name} signs in with the one-time password", highlight=False)
    console.print(f"    {password}", highlight=False)
    console.print(
        f"and chooses another then. It is shown this once, and valid for {ONE_TIME_VALID.days} days.", highlight=False
    )


def _standing(account: Account) -> str:
    if account.disabled_at is not None:
        return f"disabled since {_moment(account.disabled_at)} UTC"
    return "has to choose a password" if account.must_change_password else "enabled"


def _document(account: Account, links: Sequence[Link] = ()) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "tenant": account.tenant,
        "name": account.name,
        "display_name": account.display_name,
        "grants": [write_grant(grant) for grant in account.grants],
        "skills": list(account.skills),
        "capacity": account.capacity,
        "email": account.email,
        "must_change_password": account.must_change_password,
        "disabled_at": account.disabled_at and account.disabled_at.isoformat(),
        "created_at": account.created_at.isoformat(),
        "changed_at": account.changed_at.isoformat(),
        "links": [
            {
                "provider": link.provider,
                "issuer": link.issuer,
                "subject": link.subject,
                "granted": [write_grant(grant) for grant in link.granted],
                "linked_at": link.linked_at.isoformat(),
                "seen_at": link.seen_at.isoformat(),
            }
            for link in links
        ],
    }


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "tenant": entry.tenant,
        "position": entry.position,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def _print_json(console: Console, document: Any) -> None:
    # Escaped to ASCII, so that nothing in it commands a terminal; not through rich, which would wrap it.
    console.file.write(json.dumps(document, indent=2) + "\n")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
