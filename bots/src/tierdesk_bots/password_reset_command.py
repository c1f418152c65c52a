"""`python -m tierdesk_bots password-reset`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tierdesk_bots.command_line import (
    SettingError,
    add_consumer_settings,
    add_memory_settings,
    add_setting,
    bus_url,
    minutes,
    open_journals,
    read_key,
    read_secret,
    require,
    words,
)
from tierdesk_bots.directory import Directory, FileDirectory
from tierdesk_bots.mail import FolderOutbox, Outbox, SmtpOutbox
from tierdesk_bots.password_reset import DEFAULT_CATEGORIES, PasswordReset
from tierdesk_tier import serve_tier

_DESCRIPTION = """\
Resets forgotten passwords.

It takes the tickets of its group, looks the requester up in a directory, mails a one-time code to the
REGISTERED address (never to one from the ticket), and waits for the code as a reply on the ticket. The
right code sets a temporary password, which goes to the same address and must be changed at the next
sign-in. Whatever else happens goes to people at the next tier, with what was tried: three wrong codes,
no reply, no account, a disabled or privileged one, “no”, a directory or a relay that fails.
docs/bots.md tells it all.
"""
_EXAMPLE = """\
example, with a directory in a file and mails in a folder:
  head -c 32 /dev/urandom > secret
  echo '{"accounts": [{"name": "ann", "mail": "ann@example.org"}]}' > people.json
  python -m tierdesk_bots password-reset --bus URL --state state --secret-file secret \\
      --directory-file people.json --outbox outbox --from desk@example.org
"""


def add_to(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "password-reset", help="reset forgotten passwords by a one-time code",
        description=_DESCRIPTION, epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_consumer_settings(parser, group="password-reset", worker="password-reset-bot")
    add_memory_settings(parser)
    rules = parser.add_argument_group("the reset")
    add_setting(
        rules, "categories", kind=words, default=",".join(DEFAULT_CATEGORIES),
        help="the categories that it works, apart by commas; any other goes to people at once",
    )  # fmt: skip
    add_setting(rules, "code-minutes", kind=minutes, default="15", help="how long a code is good")
    people = parser.add_argument_group("the directory, one of")
    add_setting(people, "directory-file", kind=Path, help="a JSON file of accounts")
    add_setting(
        people, "ldap-url", help="ldaps://HOST; ldap:// on this machine alone. Needs the extra tierdesk-bots[ldap]"
    )
    add_setting(
        people, "ldap-user", help="the DN that the bot signs in as: may read accounts and set passwords, no more"
    )
    add_setting(people, "ldap-password-file", kind=Path, help="a file with its password")
    add_setting(people, "ldap-base", help="where the accounts are, as ou=people,dc=example,dc=org")
    add_setting(
        people, "ldap-ca-file", kind=Path, help="the authority of the server's certificate, if not a public one"
    )
    add_setting(
        people, "ldap-privileged",
        help="DNs of groups whose members are never reset by machine, apart by semicolons; without one it does not start",
    )  # fmt: skip
    mail = parser.add_argument_group("mail, one of")
    add_setting(mail, "smtp-url", help="the relay: smtps://USER@HOST:465, or smtp://USER@HOST:587 with STARTTLS")
    add_setting(mail, "smtp-password-file", kind=Path, help="a file with the relay's password")
    add_setting(mail, "outbox", kind=Path, help="a folder for mails as files, for demonstrations")
    add_setting(parser, "from", help="the address that mails come from")
    parser.set_defaults(run=run)


async def run(arguments: argparse.Namespace) -> None:
    """Work until SIGTERM or SIGINT. Raises `SettingError`."""
    journals = open_journals(arguments)
    bot = PasswordReset(
        directory=_directory(arguments),
        outbox=_outbox(arguments),
        secret=read_key(require(arguments, "secret-file")),
        journals=journals,
        categories=arguments.categories,
        code_seconds=arguments.code_minutes,
    )
    await serve_tier(
        bus_url(arguments), tenant=arguments.tenant, tier=arguments.tier, group=arguments.group,
        worker=arguments.worker, work=bot.work, workers=arguments.workers,
    )  # fmt: skip


def _directory(arguments: argparse.Namespace) -> Directory:
    if (arguments.directory_file is None) == (arguments.ldap_url is None):
        raise SettingError("name one directory: --directory-file or --ldap-url")
    if arguments.directory_file is not None:
        return FileDirectory(arguments.directory_file)
    try:
        from tierdesk_bots.ldap_directory import LdapDirectory  # noqa: PLC0415 - an extra, needed by this choice alone
    except ImportError as error:
        raise SettingError("--ldap-url needs ldap3: pip install 'tierdesk-bots[ldap]'") from error
    groups = [group.strip() for group in require(arguments, "ldap-privileged").split(";") if group.strip()]
    try:
        return LdapDirectory(
            arguments.ldap_url,
            user=require(arguments, "ldap-user"),
            password=read_secret(require(arguments, "ldap-password-file"), "ldap-password-file"),
            base=require(arguments, "ldap-base"),
            privileged_groups=groups,
            ca_file=arguments.ldap_ca_file,
        )
    except ValueError as error:
        raise SettingError(f"--ldap-url: {error}") from error


def _outbox(arguments: argparse.Namespace) -> Outbox:
    sender = require(arguments, "from")
    if (arguments.outbox is None) == (arguments.smtp_url is None):
        raise SettingError("name one way for mails: --smtp-url or --outbox")
    if arguments.outbox is not None:
        return FolderOutbox(arguments.outbox, sender=sender)
    file = arguments.smtp_password_file
    try:
        return SmtpOutbox(
            arguments.smtp_url,
            sender=sender,
            password=None if file is None else read_secret(file, "smtp-password-file"),
        )
    except ValueError as error:
        raise SettingError(f"--smtp-url: {error}") from error
