"""What docs/operations.md tells an operator: every setting and every metric, and its recipes work as they are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from e2e.whole_desk import OWN, WholeDesk, wait_until
from faults.processes import environment_of
from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_sla.settings import SlaSettings

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


@pytest.mark.parametrize("settings", [Settings, SlaSettings])
def test_every_setting_is_in_the_table_with_its_default(settings):
    rows = dict(re.findall(r"^\| `(TIERDESK_[A-Z_]+)` \|([^|]*)\|", TEXT, re.MULTILINE))
    for name, field in settings.model_fields.items():
        default = rows[f"{settings.model_config['env_prefix']}{name.upper()}"].strip().strip("`")
        if field.is_required():
            assert default == "required", name
        else:
            assert default == {None: "", "": "empty"}.get(field.default, str(field.default)), name


def test_no_setting_is_in_the_table_that_does_not_exist():
    known = {f"TIERDESK_{name.upper()}" for name in Settings.model_fields}
    known |= {f"TIERDESK_SLA_{name.upper()}" for name in SlaSettings.model_fields}
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


def test_a_parked_message_is_tried_again_as_it_is_told(whole_desk: WholeDesk, tmp_path):
    parked = str(uuid4())
    whole_desk.query(
        "INSERT INTO router.parked (id, consumer, tenant, subject, message_id, type, namespace, queue, body, reason, detail,"
        " attempts, first_seen_at) VALUES ($1, 'router.intake', '', '', '', '', '', 'router.intake', 'x', 'no JSON', '', 0, now())",
        parked,
    )
    settings = {"database_url": whole_desk.database_url, "secrets_file": str(whole_desk.secrets.path)}
    program = recipe("replay_parked")
    assert cook(program, "router", parked, folder=tmp_path, **settings) == "replayed"
    assert cook(program, "router", parked, folder=tmp_path, **settings) == "not parked, or resolved before"

    def parked_anew() -> bool:
        open_ones = whole_desk.query("SELECT id FROM router.parked WHERE resolution IS NULL AND body = 'x'")
        return [str(row["id"]) for row in open_ones] not in ([], [parked])

    wait_until(parked_anew, "it is tried, and parked anew")


def test_publishing_everything_again_changes_nothing(whole_desk: WholeDesk):
    """The recipe for a broker that has lost its data, on one that has not: nobody takes notice."""
    (statement,) = re.findall(r"^    (UPDATE router\.outbox .*);$", TEXT, re.MULTILINE)
    with whole_desk.client(OWN) as client:
        policy = (DOCUMENTS.parent / "deploy" / "policy" / "five-tier.yaml").read_text()
        assert client.put("/v1/policy", content=policy).status_code == 200
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
        ticket = client.post("/v1/events", json=event).json()["ticket"]
        wait_until(lambda: client.get(f"/v1/clocks/{ticket}").status_code == 200, "the ticket goes its way")
    before = without_marks(whole_desk.settle(OWN))
    for schema in ("router", "intake", "sla", "kb"):
        whole_desk.query(statement.replace("router.", f"{schema}."))
    after = without_marks(whole_desk.settle(OWN))
    unpublished = whole_desk.query("SELECT count(*) FROM router.outbox WHERE published_at IS NULL")[0][0]
    assert unpublished == 0
    assert {table: rows for table, rows in after.items() if rows != before[table]} == {}


def without_marks(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """All but the outboxes, whose rows say when they were published."""
    return {table: lines for table, lines in rows.items() if not table.endswith(".outbox")}
