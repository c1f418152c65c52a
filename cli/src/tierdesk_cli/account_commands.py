"""`tierdesk accounts` and `tierdesk audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from tierdesk_cli import account_links, accounts
from tierdesk_cli.options import Data, Json, console, wait_for
from tierdesk_runtime.settings import DEFAULT_TENANT

app = typer.Typer(
    help="Who may sign in at the desk.\n\n"
    "Works on the desk's own database, as whoever may administer it: also where no administrator can sign in any more. "
    "Each change stands in the audit.",
    no_args_is_help=True,
)
audit_app = typer.Typer(help="What was done by whom, in a chain that nobody changes unseen.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option("--tenant", help="Whose accounts.")]
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The login.")]
GRANT_HELP = "ROLE, ROLE:TIER or ROLE:TIER/GROUP, such as agent:l1/front. docs/accounts.md has the roles."
Grants = Annotated[list[str], typer.Argument(metavar="GRANT...", help=GRANT_HELP)]


@app.command("add")
def add_command(
    data: Data,
    login: Login,
    *,
    display_name: Annotated[str, typer.Option("--name", help="How others see the person; default: the login.")] = "",
    grants: Annotated[list[str] | None, typer.Option("--grant", help=f"{GRANT_HELP} Several times for more.")] = None,
    skills: Annotated[list[str] | None, typer.Option("--skill", help="A skill, as policies name it.")] = None,
    capacity: Annotated[
        int | None, typer.Option(min=1, max=1_000, help="So many tickets at once; default: no limit.")
    ] = None,
    email: Annotated[str, typer.Option("--email", help="Where the desk writes to the person.")] = "",
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Without a password: the person signs in at a provider.")
    ] = False,
    party: Annotated[
        str, typer.Option("--party", help="Whom requests name as who asks, for a requester; default: the login.")
    ] = "",
    tenant: Tenant = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Make an account, and print the one-time password with which the person signs in first.

    Example: tierdesk accounts add ana --name "Ana Archer" --grant agent:l1 --skill wireless-lan
    """
    work = accounts.add(
        accounts.Scope(data, tenant),
        login,
        console,
        display_name=display_name,
        skills=skills or [],
        capacity=capacity,
        email=email,
        grants=grants or [],
        has_password=not no_password,
        party=party,
        as_json=as_json,
    )
    wait_for(work)


@app.command("list")
def list_command(data: Data, *, tenant: Tenant = DEFAULT_TENANT, as_json: Json = False) -> None:
    """List the accounts, with what is granted to them."""
    wait_for(accounts.list_accounts(accounts.Scope(data, tenant), console, as_json=as_json))


@app.command("email")
def email_command(
    data: Data,
    login: Login,
    email: Annotated[str, typer.Argument(metavar="ADDRESS", help="A mail address; an empty text takes it away.")],
    *,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Set where the desk writes to somebody, as when an escalation names their role.

    Example: tierdesk accounts email ana ana@example.org
    """
    wait_for(accounts.set_email(accounts.Scope(data, tenant), login, email, console))


@app.command("disable")
def disable_command(data: Data, login: Login, *, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Let somebody sign in no more, and sign them out at once. The last administrator stays."""
    wait_for(accounts.disable(accounts.Scope(data, tenant), login, console, disabled=True))


@app.command("enable")
def enable_command(data: Data, login: Login, *, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Let somebody who was disabled sign in again."""
    wait_for(accounts.disable(accounts.Scope(data, tenant), login, console, disabled=False))


@app.command("password")
def password_command(data: Data, login: Login, *, tenant: Tenant = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Make a one-time password in the place of the other, sign the person out, and print it."""
    wait_for(accounts.reset_password(accounts.Scope(data, tenant), login, console, as_json=as_json))


@app.command("grant")
def grant_command(data: Data, login: Login, grants: Grants, *, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Grant something more to somebody, who has to sign in again.

    Example: tierdesk accounts grant ana lead:l1 author
    """
    wait_for(accounts.grant(accounts.Scope(data, tenant), login, grants, console, revoked=False))


@app.command("revoke")
def revoke_command(data: Data, login: Login, grants: Grants, *, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Take away what was granted, and sign the person out. The last administrator stays one.

    Example: tierdesk accounts revoke ana lead:l1
    """
    wait_for(accounts.grant(accounts.Scope(data, tenant), login, grants, console, revoked=True))


@app.command("link")
def link_command(
    data: Data,
    login: Login,
    *,
    provider: Annotated[str, typer.Option("--provider", help="The id of the provider, as the desk's file has it.")],
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject", help="The provider's own name of the person, its claim `sub`; default: by the login."
        ),
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Let whoever has this login at the provider open the account: at their next sign-in, within seven days.

    An account that has a password, or keeps accounts, is opened from a provider in no other way. Safest is --subject,
    which nobody chooses for themselves.

    Example: tierdesk accounts link ana --provider company
    """
    wait_for(account_links.link(accounts.Scope(data, tenant), login, console, provider=provider, subject=subject))


@app.command("unlink")
def unlink_command(
    data: Data,
    login: Login,
    *,
    provider: Annotated[str | None, typer.Option("--provider", help="Of this provider alone; default: of any.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Let nobody open the account from a provider any more. What the provider granted goes, and the person is signed out.

    Where the provider's settings let logins open accounts, they may come back by theirs: to keep somebody out, disable.
    """
    wait_for(account_links.unlink(accounts.Scope(data, tenant), login, console, provider=provider))


@audit_app.command("list")
def audit_list_command(
    data: Data,
    *,
    tenant: Tenant = DEFAULT_TENANT,
    subject: Annotated[str | None, typer.Option("--about", help="Only entries about this login.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Json = False,
) -> None:
    """List what was done, the newest first."""
    scope = accounts.Scope(data, tenant)
    wait_for(accounts.list_audit(scope, console, subject=subject, limit=limit, as_json=as_json))


@audit_app.command("verify")
def audit_verify_command(
    data: Data,
    *,
    tenant: Tenant = DEFAULT_TENANT,
    anchor: Annotated[
        str | None, typer.Option("--anchor", help="POSITION:HASH, as an earlier verification printed it.")
    ] = None,
) -> None:
    """Follow the chain of all entries. Ends with 1 at the first that is not as it was written.

    It prints where the chain ends. Keep that elsewhere and give it the next time with --anchor: then nobody, the
    administrator of the database either, can have written all of it anew.
    """
    wait_for(accounts.verify_audit(accounts.Scope(data, tenant), console, anchor=anchor))
