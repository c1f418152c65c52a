"""A vendor that speaks HTTP alone takes a ticket from its offer to its resolution: the example, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.whole_desk import OWN, WholeDesk, migrated_database, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "vendor_webhook.py"
VENDOR = "printer-vendor"
POLICY = {
    "name": "Desk with a vendor",
    "tiers": [{"id": "l1"}, {"id": "l4"}],
    "groups": [{"id": "front", "tier": "l1"}, {"id": "printers", "tier": "l4", "vendor": VENDOR}],
    "edges": [["l1", "l4"]],
    "categories": [
        {"id": "other", "tier": "l1", "group": "front"},
        {"id": "printer", "tier": "l4", "group": "printers", "description_facts": ["requester"]},
    ],
    "default_category": "other",
    "vendors": [{"id": VENDOR, "name": "Printers", "group": "printers", "covers": ["printer"]}],
}


@pytest.fixture
def desk(database_server, tmp_path, monkeypatch):
    monkeypatch.setenv("TIERDESK_BRIDGE_PRIVATE_NETWORKS", "127.0.0.0/8")
    with migrated_database(database_server) as url:
        desk = WholeDesk(tmp_path, url, tenants=(OWN,), services=("intake", "router", "bridge"))
        desk.start()
        try:
            yield desk
        finally:
            desk.stop()


@pytest.fixture
def vendor(desk):
    """The example; answers its URL."""
    secret = desk.secrets.add_webhook_secret(OWN, f"vendor.{VENDOR}")
    process = subprocess.Popen(
        [sys.executable, EXAMPLE, "--listen", "0", "--desk", f"{desk.url}/v1/bridge/{VENDOR}/outcomes"],
        env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = process.stdout.readline()
        yield re.search(r"http://\S+", said)[0]
    finally:
        process.terminate()
        process.wait(10)


def test_the_example_accepts_progresses_and_resolves_a_ticket(desk, vendor):
    with desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        assert client.put(f"/v1/bridge/{VENDOR}", json={"url": vendor}).status_code == 201
        event = {
            "type": "problem_reported",
            "requester": {"party": "ann"},
            "title": "Paper jam",
            "category": "printer",
        }
        wait_until(lambda: client.post("/v1/events", json=event).status_code == 202, "intake knows the policy")
        tickets = wait_until(lambda: client.get("/v1/tickets").json()["tickets"], "there is a ticket")
        path = f"/v1/tickets/{tickets[0]['id']}"

        def kinds():
            return [entry["kind"] for entry in client.get(path).json()["log"]]

        wait_until(lambda: "resolved" in kinds(), "it is resolved")
        assert [kind for kind in kinds() if kind in {"offered", "accepted", "progressed", "resolved"}] == [
            "offered",
            "accepted",
            "progressed",
            "resolved",
        ]
        card = client.get(f"/v1/vendors/{VENDOR}/scorecard").json()
        assert (card["figures"]["offered"], card["figures"]["resolved"], card["refused"]) == (1, 1, {})
        wait_until(lambda: client.get(f"/v1/bridge/{VENDOR}").json()["pending"] == 0, "all is delivered")
        told = client.get(f"/v1/bridge/{VENDOR}/deliveries").json()["deliveries"]
        assert {"work.offered.v1", "work.assigned.v1"} <= {one["type"] for one in told}


def test_the_example_takes_nothing_that_the_desk_did_not_sign(desk, vendor):
    with desk.client() as nobody:
        for headers in ({}, {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}):
            assert nobody.post(vendor, content=b"{}", headers=headers).status_code == 401
