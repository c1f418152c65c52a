"""What docs/operations.md tells an operator: every setting and every metric, and its recipes work as they are written."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from e2e.whole_desk import OWN, WholeDesk, wait_until
from faults.processes import environment_of, run_command
from tierdesk_bridge.settings import BridgeSettings
from tierdesk_cli import main
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.settings import DeskSettings
from tierdesk_intake.settings import IntakeSettings
from tierdesk_kb.settings import KbSettings
from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_sla.settings import SlaSettings
from tierdesk_store import Database, publish_again

DOCUMENTS = Path(__file__).parents[2] / "docs"
TEXT = (DOCUMENTS / "operations.md").read_text()


def recipe(word: str) -> str:
    """The Python program of the recipe that holds this word."""
    (program,) = [
        found
        for found in re.findall(r"^\.venv/bin/python - [^\n]*<<'EOF'\n(.*?)^EOF$", TEXT, re.MULTILINE | re.DOTALL)
        if word in found
    ]
    return program


def cook(program: str, *arguments: str, folder: Path, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-", *arguments],
        input=program,
        check=True,
        cwd=folder,
        env=environment_of(**settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "settings", [Settings, SlaSettings, BridgeSettings, KbSettings, DeskSettings, MailSettings, IntakeSettings]
)
def test_every_setting_is_in_the_table_with_its_default(settings):
    rows = dict(re.findall(r"^\| `(TIERDESK_[A-Z_]+)` \|([^|]*)\|", TEXT, re.MULTILINE))
    for name, field in settings.model_fields.items():
        default = rows[f"{settings.model_config['env_prefix']}{name.upper()}"].strip().strip("`")
        if field.is_required():
            assert default == "required", name
        else:
            assert default == {None: "", (): "", "": "empty"}.get(field.default, str(field.default)), name


def test_no_setting_is_in_the_table_that_does_not_exist():
    known = {f"TIERDESK_{name.upper()}" for name in Settings.model_fields}
    known |= {f"TIERDESK_SLA_{name.upper()}" for name in SlaSettings.model_fields}
    known |= {f"TIERDESK_KB_{name.upper()}" for name in KbSettings.model_fields}
    known |= {f"TIERDESK_INTAKE_{name.upper()}" for name in IntakeSettings.model_fields}
    known |= {f"TIERDESK_BRIDGE_{name.upper()}" for name in BridgeSettings.model_fields}
    known |= {f"TIERDESK_DESK_{name.upper()}" for name in DeskSettings.model_fields}
    known |= {f"TIERDESK_DESK_MAIL_{name.upper()}" for name in MailSettings.model_fields}
    assert set(re.findall(r"^\| `(TIERDESK_[A-Z_]+)` \|", TEXT, re.MULTILINE)) == known


def test_every_scope_is_told():
    told = {
        scope
        for row in re.findall(r"^\| (`[a-z]+:[a-z]+`[^|]*) \|", TEXT, re.MULTILINE)
        for scope in row.split("`")[1::2]
    }
    assert told == SCOPES


def test_every_link_leads_somewhere():
    assert [link for link in re.findall(r"\]\(([^)#:]+)\)", TEXT) if not (DOCUMENTS / link).exists()] == []


def test_every_metric_is_told_and_no_other(whole_desk: WholeDesk):
    with whole_desk.client(Authorization=f"Bearer {whole_desk.metrics_key}") as client:
        shown = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
    assert set(re.findall(r"^\| `(tierdesk_[a-z_]+)` \|", TEXT, re.MULTILINE)) == shown


def test_a_key_is_made_as_it_is_told(tmp_path):
    Secrets.create(tmp_path / "secrets.json")
    key = cook(recipe("mint"), "portal", "acme", "events:write", "tickets:read", folder=tmp_path)
    principal = KeyRing(Secrets.load(tmp_path / "secrets.json")).authenticate(f"Bearer {key}")
    assert (principal.tenant, principal.label, set(principal.scopes)) == (
        "acme",
        "portal",
        {"events:write", "tickets:read"},
    )


def test_every_command_that_is_told_exists_with_its_options():
    told = set(re.findall(r"\btierdesk ([a-z]+(?: (?<=parked )[a-z]+)?)((?: --[a-z-]+)*)", TEXT))
    assert {"parked list", "parked discard", "rebuild", "doctor"} <= {command for command, _ in told}
    for names, options in told:
        command = typer.main.get_command(main.app)
        for name in names.split():
            command = command.get_command(None, name)
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(options.split()) <= known, names


def test_publishing_everything_again_changes_nothing(whole_desk: WholeDesk):
    """The command for a broker that has lost its data, on one that has not: nobody takes notice."""
    with whole_desk.client(OWN) as client:
        policy = (DOCUMENTS.parent / "deploy" / "policy" / "five-tier.yaml").read_text()
        assert client.put("/v1/policy", content=policy).status_code == 200
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
        ticket = client.post("/v1/events", json=event).json()["ticket"]
        wait_until(lambda: client.get(f"/v1/clocks/{ticket}").status_code == 200, "the ticket goes its way")
    before = without_marks(whole_desk.settle(OWN))
    settings = {"database_url": whole_desk.database_url, "secrets_file": str(whole_desk.secrets.path)}
    settings["bus_url"] = whole_desk.database_url
    for service in ("intake", "sla", "kb"):
        run_command(["rebuild", "--since", "1h", "--service", service], environment_of(**settings))
    # The router's alone would also make offers anew, which is a change.
    asyncio.run(publish_again_of_router(whole_desk.database_url))
    after = without_marks(whole_desk.settle(OWN))
    unpublished = whole_desk.query("SELECT count(*) FROM router.dispatch WHERE published_at IS NULL")[0][0]
    assert unpublished == 0
    assert {table: rows for table, rows in after.items() if rows != before[table]} == {}


async def publish_again_of_router(url: str) -> None:
    database = Database(url, schema="router", name="test")
    try:
        assert await publish_again(database, datetime.now(UTC) - timedelta(hours=1)) > 0
    finally:
        await database.close()


def without_marks(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """All but those which say when a message was published."""
    return {table: lines for table, lines in rows.items() if not table.endswith(".dispatch")}
