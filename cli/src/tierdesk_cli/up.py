"""`tierdesk up` and `migrate`."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import time
from pathlib import Path

from rich.console import Console

from tierdesk_cli.client import DeskClient
from tierdesk_cli.desk import (
    SAMPLE_REQUESTER,
    create_first_login,
    create_sample_requester,
    load_sample_articles,
    open_secrets,
    prepare,
    serve_all,
    stand_up,
    tell_of_newcomers,
)
from tierdesk_cli.environment import read_settings
from tierdesk_cli.errors import CommandError
from tierdesk_cli.examples import TRIED_OUT, Examples, sample_policy
from tierdesk_cli.home import Home
from tierdesk_cli.policy import read_policy
from tierdesk_cli.services import DEFINITIONS
from tierdesk_cli.tour import WAITING
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_policy import Policy
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import SettingsError

POLICY_SECONDS = 60.0
"""How long the first policy may take to be in force: its queues are declared before."""
FIRST_EVENT = {
    "type": "problem_reported",
    "requester": SAMPLE_REQUESTER,
    "title": "The copier on floor 3 jams on every second page",
    "text": "Tray 2. The display says 13.20.",
    "category": "printer-and-copier-machine",
    "location": "London, floor 3",
    "impact": 2,
    "urgency": 2,
    "steps_tried": [{"step": "Opened the rear door and removed the paper", "result": "Jams again"}],
}


async def run(folder: Path, *, demo: bool, port: int, policy_file: Path | None, console: Console) -> None:
    """Run a whole desk in the foreground until a signal."""
    home = Home(folder)
    first_policy_file = None if policy_file else sample_policy()
    read_policy(policy_file or sample_policy())
    console.print("Starting Tierdesk …")
    async with stand_up(home, http_port=port, policy_file=policy_file, first_policy_file=first_policy_file) as ground:
        if ground.newcomers:
            console.print(tell_of_newcomers(ground.newcomers), highlight=False)
        clock = load_clock(ground.settings.clock_file)
        tenant = ground.settings.default_tenant
        if demo:
            await load_sample_articles(ground, tenant, clock)
        login = await create_first_login(ground, tenant, clock, works=demo)
        requester = await create_sample_requester(ground, tenant, clock) if demo else None
        stop = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []

        async def announce(url: str) -> None:
            home.remember_address(url)
            policy = await policy_in_force(url, ground.secrets)
            if demo:
                await post_waiting(url, ground.secrets, policy)
                examples = Examples(
                    ground.settings.bus, policy, ground.settings.namespace_prefix, home.folder / "bot", worked=TRIED_OUT
                )
                tasks.append(asyncio.create_task(examples.run(stop)))
            _print_banner(console, url, ground.secrets, home, login, requester, demo=demo)

        try:
            worked, mails = (TRIED_OUT, home.mails) if demo else (None, None)
            await serve_all(ground, clock=clock, worked=worked, mails=mails, on_ready=announce, stop=stop)
        finally:
            stop.set()
            await asyncio.gather(*tasks, return_exceptions=True)


async def policy_in_force(url: str, secrets: Secrets) -> Policy:
    """The policy that the desk goes by, which may be another than the file: it was applied while the desk ran."""
    key = secrets.local_key()
    assert key is not None
    end = time.monotonic() + POLICY_SECONDS
    async with DeskClient(url, key) as desk:
        while True:
            try:
                return Policy.from_document((await desk.get("/v1/policy"))["document"])
            except CommandError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)


async def post_waiting(url: str, secrets: Secrets, policy: Policy) -> None:
    """Have some tickets wait for whoever tries the desk out. They are known by their keys: once more changes nothing."""
    key = secrets.local_key()
    assert key is not None
    known = {category.id for category in policy.categories}
    async with DeskClient(url, key) as desk:
        for number, report in enumerate(WAITING):
            if report["category"] in known:
                event = {"type": "problem_reported", **report}
                await desk.request("POST", "/v1/events", json=event, headers={"Idempotency-Key": f"waiting-{number}"})


def first_post(url: str, key: str) -> str:
    """The line for a shell that posts a first event."""
    parts = [
        "curl", "-sS", f"{url}/v1/events",
        "-H", f"Authorization: Bearer {key}",
        "-H", "Content-Type: application/json",
        "-d", json.dumps(FIRST_EVENT),
    ]  # fmt: skip
    return " ".join(shlex.quote(part) for part in parts)


def _print_banner(
    console: Console,
    url: str,
    secrets: Secrets,
    home: Home,
    login: tuple[str, str] | None,
    requester: tuple[str, str] | None,
    *,
    demo: bool,
) -> None:
    key = secrets.local_key()
    console.print(f"\n[bold]Tierdesk is ready[/bold] at {url}  (data: {home.folder})", highlight=False)
    if demo:
        console.print(
            "Example people, a password bot and a printer vendor are at work. The service desk is left to you:"
        )
    console.print(f"Console: [bold]{url}/[/bold]", highlight=False)
    command = sys.argv[0] if "/" in sys.argv[0] else "tierdesk"
    if login is None:
        console.print(
            f"Sign in with an account of this desk; lost the password? {command} accounts password NAME",
            highlight=False,
        )
    else:
        console.print(
            f"Sign in as [bold]{login[0]}[/bold] with the password [bold]{login[1]}[/bold], shown this once.",
            highlight=False,
        )
    if demo and MailSettings.read(folder=home.mails).folder == home.mails:
        console.print(f"Mails to requesters are laid into {home.mails}", highlight=False)
    if requester is not None:
        console.print(f"Portal: [bold]{url}/portal[/bold], for those who need help", highlight=False)
        console.print(
            f"Sign in there as [bold]{requester[0]}[/bold] with the password [bold]{requester[1]}[/bold], shown this once: "
            "in another browser, or after signing out.",
            highlight=False,
        )
    console.print("Post a first event:\n", highlight=False)
    # Not through the console: it would wrap the line, and the line is to be pasted.
    console.file.write(f"{first_post(url, key or '')}\n\n")
    console.print(f"Then, in another terminal: [bold]{command} tickets[/bold]. Ctrl-C stops the desk.", highlight=False)


async def migrate_command(console: Console) -> None:
    """Bring schemas, roles and queues of all services up to date, making the secrets file if there is none."""
    path = os.environ.get("TIERDESK_SECRETS_FILE")
    if not path:
        raise CommandError("set TIERDESK_SECRETS_FILE to where keys and passwords are to be kept", exit_code=2)
    settings = read_settings()
    try:
        _ = settings.bus
    except SettingsError as error:
        raise CommandError(str(error), exit_code=2) from error
    newcomers = await prepare(settings, open_secrets(Path(path)))
    console.print(f"Schemas and queues are up to date: {', '.join(DEFINITIONS)}.")
    if newcomers:
        console.print(tell_of_newcomers(newcomers), highlight=False)
