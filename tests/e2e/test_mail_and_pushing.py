"""A desk of people through all services: work that it hands out, and mail to a requester without an account."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from e2e.whole_desk import OWN, WholeDesk, migrated_database, wait_until
from servers.mail import MailServer, mail_server
from servers.postgres import DatabaseServer

POLICY: dict[str, Any] = {
    "name": "A desk that hands out the work of one group",
    "tiers": [{"id": "l1"}, {"id": "l2"}],
    "groups": [
        {"id": "front", "tier": "l1", "assign": "push"},
        {"id": "print", "tier": "l1"},
        {"id": "experts", "tier": "l2"},
    ],
    "edges": [["l1", "l2"]],
    "categories": [
        {"id": "other", "tier": "l1", "group": "front"},
        {"id": "hardware", "tier": "l1", "group": "print", "description_facts": ["requester"]},
    ],
    "escalations": [{"id": "silence", "on": {"silent": "3s"}, "categories": ["other"], "steps": [{"re_offer": True}]}],
    "mail": {"gather": "1s", "trusted_domains": ["example.org"]},
}
DESK = "/v1/desk"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def desk(
    database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory, server: MailServer
) -> Iterator[WholeDesk]:
    with migrated_database(database_server) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERDESK_DESK_GROUPS", "front,print")
        patch.setenv("TIERDESK_DESK_MAIL_URL", server.url)
        patch.setenv("TIERDESK_DESK_MAIL_SENDER", "Service desk <desk@example.org>")
        whole = WholeDesk(
            tmp_path_factory.mktemp("desk"), url, tenants=(OWN,), services=("intake", "router", "sla", "desk")
        )
        whole.start()
        try:
            with whole.client(OWN) as client:
                assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
            wait_until(lambda: whole.query("SELECT FROM desk.policy_in_force"), "the desk knows its policy")
            yield whole
        finally:
            whole.stop()


def test_what_is_handed_out_is_told_and_goes_to_another_when_its_owner_says_nothing(desk: WholeDesk) -> None:
    told: list[dict[str, Any]] = []
    tess, otto = desk.client(OWN), desk.client(**desk.new_session(OWN, desk.accounts[OWN][1]))
    with tess, otto:
        assert tess.put(f"{DESK}/presence", json={"state": "available"}).status_code == 200
        listening = threading.Event()
        thread = threading.Thread(target=_listen, args=(desk, told, listening), daemon=True)
        thread.start()
        assert listening.wait(10)
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail", "category": "other"}
        ticket = tess.post("/v1/events", json=event).json()["ticket"]
        owned = wait_until(lambda: _owned(tess, ticket), "it is handed out and confirmed")
        assert (owned["worker"], owned["said"]) == ("tess", {"kind": "accepted", "pushed": True})
        wait_until(lambda: any(one.get("pushed") and one["worker"] == "tess" for one in told), "the stream tells it")
        # Away without a word: nothing more is given, and what was given goes back, to whoever is there then.
        assert tess.put(f"{DESK}/presence", json={"state": "away"}).status_code == 200
        people = {one["name"]: one for one in tess.get(f"{DESK}/people").json()["people"]}
        assert (people["tess"]["state"], people["tess"]["held"]) == ("away", 1)
        assert otto.put(f"{DESK}/presence", json={"state": "available"}).status_code == 200
        again = wait_until(lambda: _owned(otto, ticket), "it comes back and is handed to another")
        assert again["worker"] == "otto"
        assert again["assignment_id"] != owned["assignment_id"]
        assert again["reason"] in {"overdue", "not_accepted"}
        assert (
            otto.post(f"{DESK}/works/{again['assignment_id']}/resolve", json={"how": "Plugged in"}).status_code == 200
        )
        record = otto.get(f"{DESK}/people/otto/record").json()["lines"]
        assert [(line["category"], line["own"]["solved"]) for line in record] == [("other", 1)]


def test_who_has_no_account_hears_by_mail_from_the_receipt_to_the_end(desk: WholeDesk, server: MailServer):
    with desk.client(OWN) as client:
        event = {
            "type": "problem_reported",
            "requester": {"party": "zoe", "email": "Zoe@example.org"},
            "title": "The copier jams",
            "category": "hardware",
        }
        answer = client.post("/v1/events", json=event).json()
        reference = answer["reference"]
        (receipt,) = server.wait_for(1)
        assert receipt.message["Subject"] == f"[{reference}] We have received your request: The copier jams"
        assert receipt.message["Auto-Submitted"] == "auto-replied"

        def on_the_board() -> str | None:
            works = client.get("/v1/desk/board?group=print").json()["works"]
            return works[0]["assignment_id"] if works else None

        work = wait_until(on_the_board, "it is on the board")
        assert client.post(f"/v1/desk/works/{work}/claim").status_code == 200
        wait_until(lambda: client.get(f"/v1/desk/works/{work}").json()["stage"] == "owned", "it is claimed")
        said = client.post(f"/v1/desk/works/{work}/progress", json={"answer": "Open tray 2.", "note": "easy"})
        assert said.status_code == 200, said.text
        answered = server.wait_for(2)[1]
        assert "Open tray 2." in answered.text
        assert "easy" not in answered.text
        assert client.post(f"/v1/desk/works/{work}/resolve", json={"how": "A new roller."}).status_code == 200
        resolved = server.wait_for(3)[2]
        assert "A new roller." in resolved.text
        assert {mail.to for mail in server.taken} == {"zoe@example.org"}
        # Identifiers grow with time, and all of one ticket stands together in a mail program.
        names = [mail.id for mail in server.taken]
        assert names == sorted(names)
        assert len({mail.message["References"] for mail in server.taken}) == 1

        def all_sent() -> list[dict[str, str]] | None:
            mails = client.get("/v1/desk/mails?state=sent").json()["mails"]
            return mails if len(mails) == len(names) else None

        tenant_mails = wait_until(all_sent, "all are noted as sent")
        assert [mail["message_id"] for mail in tenant_mails] == names[::-1]
        assert [mail["reference"] for mail in tenant_mails] == [reference] * 3


def _owned(client: httpx2.Client, ticket: str) -> dict[str, Any] | None:
    for line in client.get(f"{DESK}/mine").json()["works"]:
        if line["ticket"] == ticket and line["stage"] == "owned":
            work: dict[str, Any] = client.get(f"{DESK}/works/{line['assignment_id']}").json()
            return work
    return None


def _listen(desk: WholeDesk, told: list[dict[str, Any]], listening: threading.Event) -> None:
    """What the stream of the first person says, until the desk ends it."""
    with desk.client(OWN) as client, client.stream("GET", f"{DESK}/changes") as stream:
        for line in stream.iter_lines():
            listening.set()
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
            if any(one.get("pushed") for one in told):
                return
