"""`tierdesk vendor`: outside vendors' access to their queues, given and taken while the desk runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierdesk_bus import connect as connect_bus
from tierdesk_cli.conformance.checks import Result, Verdict, run_checks
from tierdesk_cli.conformance.desk import playing
from tierdesk_cli.conformance.output import print_results
from tierdesk_cli.options import Data, console, wait_for
from tierdesk_cli.tickets import clean
from tierdesk_cli.vendors.granting import check_address, check_server, open_gate, vendor_url
from tierdesk_cli.vendors.output import Row, print_differences, print_rows, revealing
from tierdesk_cli.vendors.wanted import Access, access_of

DIFFERS = 3
"""The exit code of `plan` and `apply` when something is left to do."""

app = typer.Typer(
    help="Outside vendors' access to their queues. Who is a vendor is policy; these commands give it a virtual host, a user "
    "and a password on RabbitMQ. No service needs a restart.",
    no_args_is_help=True,
)
Tenant = Annotated[str | None, typer.Option("--tenant", help="Whose vendor; default: TIERDESK_DEFAULT_TENANT.")]
Vendor = Annotated[str, typer.Argument(metavar="ID", help="The vendor's id in the policy.")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="What is wanted is in this file; default: the policy in force.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Write the address here (mode 0600), and do not print it.")]
At = Annotated[
    str | None,
    typer.Option("--at", help="The broker as the vendor reaches it, as amqps://broker.example.com:5671."),
]


def _say(text: str) -> None:
    console.print(clean(text), highlight=False, soft_wrap=True)


@app.command("add")
def vendor_add(vendor: Vendor, data: Data, tenant: Tenant = None, out: Out = None, at: At = None) -> None:
    """Give a vendor of the policy in force access, and print the address it signs in at, with its password, this once.

    The password is kept nowhere: RabbitMQ has a hash of it. Repeated, it mends what is missing and makes no new password.

    Example: tierdesk vendor add printer-vendor --at amqps://broker.example.com:5671 --out printer-vendor.url
    """

    async def add() -> None:
        check_server(at)
        async with open_gate(data, tenant) as gate:
            gate.find(vendor)
            with revealing(out, console) as reveal:
                one, password = await gate.add(vendor)
                if password is not None:
                    reveal(vendor_url(gate.settings, one, password, at=at))
                    return
            found = await gate.broker.look([])
            if access_of(found.users[one.user], one.host) is Access.DISABLED:
                _say(f"{vendor} is disabled; let it in again with `tierdesk vendor enable {vendor}`.")
            else:
                _say(f"{vendor} has access already; `tierdesk vendor rotate {vendor}` makes a new password.")

    wait_for(add())


@app.command("list")
def vendor_list(
    data: Data,
    tenant: Tenant = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: JSON, with every field.")] = False,
) -> None:
    """Show each vendor of the policy in force, whether it has access, what waits for it, and whether it reads.

    Messages that its consumer holds unacknowledged do not count as waiting.
    """

    async def show() -> None:
        async with open_gate(data, tenant) as gate:
            found, former = await gate.look()
            vendors = [*gate.wanted, *former]
            states = await gate.queues(vendors) if vendors else []
        rows = [
            Row.of(one, access_of(found.users.get(one.user), one.host), states[2 * place : 2 * place + 2])
            for place, one in enumerate(vendors)
        ]
        print_rows(rows, console, as_json=as_json)

    wait_for(show())


@app.command("rotate")
def vendor_rotate(
    vendor: Vendor,
    data: Data,
    tenant: Tenant = None,
    out: Out = None,
    at: At = None,
    *,
    close_connections: Annotated[
        bool, typer.Option("--close-connections", help="End what is connected with the old password.")
    ] = False,
) -> None:
    """Make a new password and print the address with it, this once. The old one is refused from now on.

    What is connected stays connected until it is closed, by the vendor or with --close-connections.
    """

    async def rotate() -> None:
        check_server(at)
        async with open_gate(data, tenant) as gate:
            await gate.find_user(vendor)
            with revealing(out, console) as reveal:
                one, password = await gate.rotate(vendor, close_connections=close_connections)
                reveal(vendor_url(gate.settings, one, password, at=at))

    wait_for(rotate())


@app.command("disable")
def vendor_disable(vendor: Vendor, data: Data, tenant: Tenant = None) -> None:
    """Take every right from a vendor and end its connections. Its password and its queues stay."""

    async def disable() -> None:
        async with open_gate(data, tenant) as gate:
            await gate.disable(vendor)
        _say(f"{vendor} is kept out; `tierdesk vendor enable {vendor}` lets it in again.")

    wait_for(disable())


@app.command("enable")
def vendor_enable(vendor: Vendor, data: Data, tenant: Tenant = None) -> None:
    """Let a disabled vendor in again, with the password that it had."""

    async def enable() -> None:
        async with open_gate(data, tenant) as gate:
            await gate.enable(vendor)
        _say(f"{vendor} may sign in.")

    wait_for(enable())


@app.command("remove")
def vendor_remove(
    vendor: Vendor,
    data: Data,
    tenant: Tenant = None,
    *,
    with_queues: Annotated[bool, typer.Option("--with-queues", help="Delete its virtual host too.")] = False,
    sure: Annotated[bool, typer.Option("--yes", help="Also delete messages that wait there.")] = False,
) -> None:
    """Delete a vendor's user, and with --with-queues its virtual host with all that is in it.

    While a policy of the desk names the vendor, the desk makes the virtual host anew within a minute.
    """

    async def remove() -> None:
        async with open_gate(data, tenant) as gate:
            there = await gate.remove(vendor, with_queues=with_queues, sure=sure)
        _say(f"{vendor} is removed." if there else f"There is nothing of {vendor} to remove.")

    wait_for(remove())


@app.command("plan")
def vendor_plan(data: Data, tenant: Tenant = None, policy_file: PolicyFile = None) -> None:
    """Print how the broker differs from what the policy wants; changes nothing. Exit code 3 if it does."""

    async def plan() -> None:
        async with open_gate(data, tenant, policy_file) as gate:
            differences = await gate.compare()
        print_differences(differences, console)
        if differences:
            raise typer.Exit(DIFFERS)
        _say("Every vendor's access is as the policy wants it.")

    wait_for(plan())


@app.command("apply")
def vendor_apply(data: Data, tenant: Tenant = None, policy_file: PolicyFile = None) -> None:
    """Make the broker as the policy wants it: virtual hosts, queues, limits, rights. Exit code 3 if something is left.

    No password is made: vendors without a user are named, and left to `tierdesk vendor add`. Vendors with a user that the
    policy does not name are disabled, not removed.
    """

    async def apply() -> None:
        async with open_gate(data, tenant, policy_file) as gate:
            left = await gate.apply()
        print_differences(left, console)
        if left:
            raise typer.Exit(DIFFERS)
        _say("Every vendor's access is as the policy wants it.")

    wait_for(apply())


@app.command("conformance")
def vendor_conformance(
    url: Annotated[
        str,
        typer.Option(
            "--url",
            envvar="TIERDESK_CONFORMANCE_URL",
            help="The vendor's virtual host on a test broker, with a user who may do everything there.",
        ),
    ],
    category: Annotated[str, typer.Option(help="The category of the work that is offered.")] = "conformance",
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds to wait for each step; longer than one piece of work takes.")
    ] = 30.0,
) -> None:
    """Play the desk for a vendor's own consumer, which runs meanwhile, and say what it does not do as it should.

    Declares the queues, offers work, and reads the answers: never on a virtual host that a desk is connected to. Ends with 1
    when a check has failed.

    Example: tierdesk vendor conformance --url amqp://guest:guest@localhost/v-test.acme
    """

    async def check() -> list[Result]:
        check_address(url)
        bus = await connect_bus(url, name="tierdesk vendor conformance", wait_seconds=1.0)
        try:
            async with playing(bus, category=category) as desk:
                return await run_checks(desk, patience_seconds=patience)
        finally:
            await bus.close()

    results = wait_for(check())
    print_results(results, console)
    if any(result.verdict is Verdict.FAILED for result in results):
        raise typer.Exit(1)
