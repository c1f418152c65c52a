"""A call on a whole desk: sent on instead of waiting, called back in vain and then reached; the ticket and its clocks know."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from e2e.tenants import COUNTER
from e2e.whole_desk import OWN, WholeDesk, wait_until

POLICY = {
    "name": "Called back",
    "tiers": [{"id": "l1"}],
    "groups": [{"id": COUNTER, "tier": "l1"}],
    "categories": [{"id": "usage", "tier": "l1", "group": COUNTER}],
    "phone": {
        "country": "GB",
        "overflow": [{"to": "callback", "callers": 1}],
        "callbacks": {"attempts": 2, "spacing": "1s"},
    },
}
DESK = "/v1/desk"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def client(whole_desk: WholeDesk) -> Iterator[httpx2.Client]:
    with whole_desk.client(OWN) as client:
        assert client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
        yield client


def phone(desk: WholeDesk, client: httpx2.Client, event: str, **told: Any) -> dict[str, Any]:
    body = json.dumps({"event": event, "direction": "in", "callId": "c-1", "from": "442079460018"} | told).encode()
    headers = desk.signed(OWN, body, f"call-{next(_numbers)}") | {"Content-Type": "application/json"}
    answer = client.post("/v1/phone/generic", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_caller_is_promised_a_callback_and_called_back(whole_desk, client):
    # Who has not heard of the policy yet says `queue`.
    ringing = wait_until(
        lambda: (told := phone(whole_desk, client, "queue"))["route"] == "callback" and told, "intake knows the policy"
    )
    ticket = ringing["ticket"]
    assert phone(whole_desk, client, "hangup")["ticket"] == ticket
    waiting = wait_until(lambda: client.get(f"{DESK}/callbacks").json()["callbacks"], "the callback stands in line")
    (one,) = waiting
    assert (one["ticket"], one["number"], one["cause"], one["asked"]) == (ticket, "+442079460018", "queue", 1)
    path = f"{DESK}/callbacks/{one['id']}"
    (caller,) = client.get(f"{DESK}/callers", params={"phone": "020 7946 0018"}).json()["callers"]
    wait_until(lambda: client.get(f"/v1/clocks/{ticket}").status_code == 200, "the watcher knows the ticket")
    assert [request["ticket"] for request in caller["requests"]] == [ticket]

    def callback_clock() -> str | None:
        clocks = client.get(f"/v1/clocks/{ticket}").json()["clocks"]
        return next((clock["state"] for clock in clocks if clock["kind"] == "callback"), None)

    assert wait_until(callback_clock, "the promise has a clock") == "running"
    token = client.post(f"{path}/claim").json()["token"]
    tried = client.post(f"{path}/attempts", json={"token": token, "result": "no_answer"}).json()
    assert (tried["stage"], tried["attempts"], tried["due_at"]) == ("waiting", 1, one["due_at"])
    claimed = wait_until(
        lambda: (answer := client.post(f"{path}/claim")).status_code == 200 and answer.json(), "the next attempt is due"
    )
    done = client.post(f"{path}/attempts", json={"token": claimed["token"], "result": "reached", "note": "Solved"})
    assert done.json()["stage"] == "done"
    wait_until(lambda: callback_clock() == "met", "the promise is kept")

    def outcomes() -> list[str]:
        log = client.get(f"/v1/tickets/{ticket}").json()["log"]
        return [event["outcome"] for event in log if event["kind"] == "called"]

    wait_until(lambda: outcomes()[-2:] == ["unreached", "ended"], "the ticket's log has both attempts")
    assert outcomes()[0] == "promised"
    assert client.get(f"{DESK}/callbacks").json()["callbacks"] == []
    assert client.get(f"{DESK}/call-guard").json()["days"][0]["callers"] >= 1
