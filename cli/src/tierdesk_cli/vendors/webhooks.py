"""`tierdesk vendor webhook`: vendors without AMQP, who take webhooks and answer by signed callbacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from tierdesk_cli.client import DeskClient, connect
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.options import Data, Json, Key, Url, console, wait_for
from tierdesk_cli.servers import find_secrets_file
from tierdesk_cli.tickets import clean
from tierdesk_cli.vendors.output import revealing
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_runtime.settings import DEFAULT_TENANT
from tierdesk_runtime.webhook_secrets import vendor_source

app = typer.Typer(
    help="Vendors without AMQP: the desk posts to their URL, signed, and takes their answers at /v1/bridge/ID/outcomes. "
    "Needs the secrets file and a key with the scopes policy:write and tickets:read.",
    no_args_is_help=True,
)
Vendor = Annotated[str, typer.Argument(metavar="ID", help="The vendor's id in the policy.")]
Tenant = Annotated[
    str, typer.Option("--tenant", envvar="TIERDESK_DEFAULT_TENANT", help="Whose vendor: that of the key.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Write the secret here (mode 0600), and do not print it.")]


@app.command("set")
def webhook_set(
    vendor: Vendor,
    address: Annotated[str, typer.Argument(metavar="URL", help="Where the vendor takes webhooks: https.")],
    data: Data,
    tenant: Tenant = DEFAULT_TENANT,
    out: Out = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Send what the desk tells a vendor to this URL from now on, and print the secret that signs, this once.

    A vendor that has a secret keeps it. What waits, also for a disabled endpoint, is sent at once.

    Example: tierdesk vendor webhook set printer-vendor https://printer.example.com/tierdesk --out printer-vendor.secret
    """

    async def put() -> None:
        secrets = _open_secrets(data)
        async with connect(data, url, key) as desk:
            await _check_vendor(desk, vendor)
            is_known = bool(secrets.webhook_secrets(vendor_source(vendor)).get(tenant))
            with revealing(None if is_known else out, console) as reveal:
                secret = None if is_known else secrets.add_webhook_secret(tenant, vendor_source(vendor))
                try:
                    await desk.request("PUT", _path(vendor), json={"url": address})
                except CommandError:
                    if secret is not None:
                        secrets.drop_webhook_secrets(tenant, vendor_source(vendor))
                    raise
                if secret is not None:
                    reveal(secret)
        if is_known:
            _say(f"{vendor} signs as before; `tierdesk vendor webhook rotate {vendor}` makes a further secret.")

    wait_for(put())


@app.command("show")
def webhook_show(vendor: Vendor, data: Data, *, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Say where a vendor takes webhooks, and how that goes."""
    _print_endpoint(wait_for(_ask(data, url, key, "GET", _path(vendor))), as_json=as_json)


@app.command("enable")
def webhook_enable(vendor: Vendor, data: Data, *, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Send again, at once, what waits for an endpoint that is disabled or was found down."""
    _print_endpoint(wait_for(_ask(data, url, key, "POST", f"{_path(vendor)}/enable")), as_json=as_json)


@app.command("remove")
def webhook_remove(
    vendor: Vendor, data: Data, tenant: Tenant = DEFAULT_TENANT, url: Url = None, key: Key = None
) -> None:
    """Send a vendor nothing more and forget its secrets. What waits stays, for an endpoint that is set later."""

    async def remove() -> None:
        secrets = _open_secrets(data)
        async with connect(data, url, key) as desk:
            await desk.request("DELETE", _path(vendor))
        secrets.drop_webhook_secrets(tenant, vendor_source(vendor))
        _say(f"{vendor} gets no webhooks, and its answers are refused.")

    wait_for(remove())


@app.command("rotate")
def webhook_rotate(
    vendor: Vendor,
    data: Data,
    tenant: Tenant = DEFAULT_TENANT,
    out: Out = None,
    *,
    finish: Annotated[bool, typer.Option("--finish", help="Forget all secrets but the newest.")] = False,
) -> None:
    """Make a further secret and print it, this once: both sign and both are taken, until --finish forgets the older.

    Needs the secrets file alone; the desk sees the change within a second.
    """
    secrets = _open_secrets(data)
    if not secrets.webhook_secrets(vendor_source(vendor)).get(tenant):
        raise CommandError(f"the vendor {vendor!r} of {tenant} has no secret; `tierdesk vendor webhook set` makes one")
    if finish:
        forgotten = secrets.drop_webhook_secrets(tenant, vendor_source(vendor), keep=1)
        _say(f"{forgotten} older secrets of {vendor} are forgotten." if forgotten else f"{vendor} has one secret.")
        return
    with revealing(out, console) as reveal:
        reveal(secrets.add_webhook_secret(tenant, vendor_source(vendor)))


@app.command("deliveries")
def webhook_deliveries(
    vendor: Vendor,
    data: Data,
    *,
    state: Annotated[str | None, typer.Option(help="Only those: pending, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List what is and was to be sent to a vendor, the newest first."""
    query = {"limit": limit} | ({} if state is None else {"state": state})
    page = wait_for(_ask(data, url, key, "GET", f"{_path(vendor)}/deliveries", params=query))
    _print_json(page["deliveries"]) if as_json else _print_deliveries(page["deliveries"])


@app.command("retry")
def webhook_retry(
    vendor: Vendor,
    delivery: Annotated[str, typer.Argument(help="Its identifier, as `deliveries` lists it.")],
    data: Data,
    url: Url = None,
    key: Key = None,
) -> None:
    """Send a message again that was given up. Later ones of its ticket may have overtaken it."""
    wait_for(_ask(data, url, key, "POST", f"{_path(vendor)}/deliveries/{quote(delivery, safe='')}/retry"))
    _say(f"{delivery} is sent again.")


def _open_secrets(data: Path) -> Secrets:
    try:
        return Secrets.load(find_secrets_file(Home(data)))
    except SecretsError as error:
        raise CommandError(str(error)) from error


async def _check_vendor(desk: DeskClient, vendor: str) -> None:
    """Raises `CommandError` for a vendor that the policy does not name: nothing would ever come of it."""
    known = [one["id"] for one in await desk.get("/v1/vendors")]
    if vendor not in known:
        names = ", ".join(known) or "none"
        raise CommandError(
            f"the policy names no vendor {vendor!r} (it names: {names}); put it there first", exit_code=2
        )


async def _ask(data: Path, url: str | None, key: str | None, method: str, path: str, **options: Any) -> Any:
    async with connect(data, url, key) as desk:
        return (await desk.request(method, path, **options)).json()


def _path(vendor: str) -> str:
    return f"/v1/bridge/{quote(vendor, safe='')}"


def _say(text: str) -> None:
    console.print(clean(text), highlight=False, soft_wrap=True)


def _print_json(document: Any) -> None:
    console.file.write(json.dumps(document, indent=2) + "\n")  # not through the console, which would wrap it


def _print_endpoint(endpoint: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(endpoint)
        return
    _say(f"{endpoint['vendor']}  {endpoint['url']}")
    if not endpoint["enabled"]:
        _say(f"disabled since {endpoint['disabled_at'][:19]}: {endpoint['disabled_reason']}")
    elif endpoint["failures"]:
        rests = f"; the next request goes out after {endpoint['rests_until'][:19]}" if endpoint["rests_until"] else ""
        _say(f"{endpoint['failures']} requests failed in a row{rests}")
    _say(f"pending {endpoint['pending']}, failed {endpoint['failed']}, delivered {endpoint['delivered']} (30 days)")


def _print_deliveries(deliveries: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("taken", "id", "ticket", "type", "state", "attempts", "last"):
        table.add_column(heading)
    for one in deliveries:
        shown = (one["taken_at"][:19], one["id"], one["subject"], one["type"], one["state"])
        table.add_row(*map(clean, shown), str(one["attempts"]), clean(one["last_detail"] or ""))
    console.print(table, highlight=False)
