"""Times, calendars and policies that make no sense: refused with the field, and what was in force stays."""

from __future__ import annotations

import json

import pytest

from e2e.corpus import policies, times
from e2e.endpoints import POINTS, POLICY, PROBLEM, fault_of, judge_of
from e2e.whole_desk import wait_until


@pytest.mark.parametrize("name", ["POST /v1/events", "POST /v1/events:batch", "POST /v1/phone/generic"])
def test_times_that_are_none_are_refused(door, name):
    point = POINTS[name]
    judge = judge_of(point)
    faults = {}
    for at in times.TIMES:
        if name == "POST /v1/phone/generic" and at in {"", "-1"}:
            continue  # there, empty says nothing, and a number counts seconds
        fault = judge(door.send(point, point.wrap(json.dumps(point.document | {"occurred_at": at}).encode())))
        if fault is not None:
            faults[at] = fault
    assert not faults, "\n".join(f"{k}: {v}" for k, v in faults.items())
    door.goes_on()


@pytest.mark.parametrize("what", times.SCHEDULES)
def test_schedules_that_make_no_sense_are_refused_and_the_policy_stays(door, what):
    before = door.client.get("/v1/policy").json()["version"]
    calendar = {"id": "odd", "tz": "Europe/London"} | times.SCHEDULES[what]
    target = {"kind": "resolution", "within": "4h", "calendar": "odd"}
    answer = door.client.put(
        "/v1/policy", content=json.dumps(POLICY | {"name": what, "calendars": [calendar], "targets": [target]})
    )
    if what == "all the time":
        assert answer.status_code == 200, answer.text
        return
    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 422:
        assert fault_of(answer) is None
        assert any("calendars.0" in error["field"] for error in answer.json()["errors"]), answer.text
        assert door.client.get("/v1/policy").json()["version"] == before
    door.goes_on()


@pytest.mark.parametrize("what", policies.POLICIES)
def test_a_policy_that_makes_no_sense_is_refused_and_the_old_one_stays(door, what):
    before = door.client.get("/v1/policy").json()["version"]
    body, named = policies.POLICIES[what]
    answer = door.client.put("/v1/policy", content=body, headers={"Content-Type": "application/yaml"})
    assert fault_of(answer) is None, answer.text
    told = [f"{error['field']} {error['message']}" for error in answer.json().get("errors", [])]
    assert any(named in one for one in told) or answer.status_code == 413, told
    assert door.client.get("/v1/policy").json()["version"] == before


def test_a_ticket_goes_on_under_the_policy_that_it_was_opened_with(door):
    """Its tier, its group and its vendor are gone from the policy in force."""
    gone = POLICY | {
        "tiers": [{"id": "l1"}, {"id": "l4"}],
        "groups": [*POLICY["groups"], {"id": "makers", "tier": "l4", "vendor": "maker"}],
        "categories": [*POLICY["categories"], {"id": "machine", "tier": "l4", "group": "makers"}],
        "default_category": "machine",
        "vendors": [{"id": "maker", "group": "makers", "covers": ["machine"]}],
    }
    put = door.client.put("/v1/policy", content=json.dumps(gone))
    assert put.status_code == 200, put.text
    ticket = door.client.post("/v1/events", json=PROBLEM).json()["ticket"]
    path = f"/v1/tickets/{ticket}"
    wait_until(lambda: "offered" in door.client.get(path).text, "it is offered to the vendor")
    assert door.client.put("/v1/policy", content=json.dumps(POLICY)).status_code == 200
    assert door.client.get(path).json()["ticket"]["tier"] == "l4"
    assert door.client.post("/v1/events", json={"type": "cancelled", "ticket": ticket}).status_code == 202
    wait_until(lambda: door.client.get(path).json()["ticket"]["status"] == "cancelled", "it is cancelled")
    door.goes_on()
