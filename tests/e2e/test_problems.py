"""Problems on a whole desk under the shipped five-tier policy: what gathers, what people do about it, what owners hear."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from e2e.desks import Done, tierdesk
from e2e.whole_desk import OTHER, OWN, WholeDesk, wait_until
from tierdesk_tier import Job, serve_tier

REPOSITORY = Path(__file__).parents[2]
OUTAGE, ASSET = "Leeds, floor 2", "CAM-4411"
_numbers = itertools.count(1)


class Owner:
    """A person at the service desk, who takes all work, and resolves what a problem's solution solves."""

    def __init__(self, desk: WholeDesk) -> None:
        self.told: list[str] = []
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        work = serve_tier(
            desk.database_url, tenant=OWN, tier="l1", group="service-desk", worker="ann", work=self._work,
            stop=self._stop, workers=50,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(work,), daemon=True)
        self._thread.start()

    async def _work(self, job: Job) -> None:
        async for update in job.updates:
            if update.resolution is not None:
                self.told.append(update.resolution)
                await job.resolve(update.resolution)
                return

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def client(whole_desk: WholeDesk) -> Iterator[httpx2.Client]:
    with whole_desk.client(OWN) as client:
        policy = (REPOSITORY / "deploy" / "policy" / "five-tier.yaml").read_bytes()
        assert client.put("/v1/policy", content=policy).status_code == 200
        known = {"type": "problem_reported", "requester": {"party": "first"}, "title": "Hello", "category": "usage"}
        wait_until(lambda: client.post("/v1/events", json=known).status_code == 202, "intake knows the policy")
        yield client


@pytest.fixture(scope="module")
def owner(whole_desk: WholeDesk, client: httpx2.Client) -> Iterator[Owner]:
    owner = Owner(whole_desk)
    yield owner
    owner.stop()


@pytest.fixture
def ask(whole_desk):
    def run(*arguments: str) -> Done:
        return tierdesk("problems", *arguments, url=whole_desk.url, api_key=whole_desk.keys[OWN])

    return run


def post(client: httpx2.Client, **fields: object) -> str:
    """Post a problem of a new requester; answer the ticket's reference once it is offered."""
    number = next(_numbers)
    told = {"type": "problem_reported", "requester": {"party": f"person-{number}"}, "title": f"Case {number}"} | fields
    answer = client.post("/v1/events", json=told)
    assert answer.status_code == 202, answer.text
    reference: str = answer.json()["reference"]
    wait_until(lambda: "offered" in client.get(f"/v1/tickets/{reference}").text, "the ticket is offered")
    return reference


def log_of(client: httpx2.Client, reference: str, kind: str) -> list[dict[str, object]]:
    return [event for event in client.get(f"/v1/tickets/{reference}").json()["log"] if event["kind"] == kind]


def test_a_burst_is_one_outage_that_is_announced_once_solved_and_resolved_by_its_owners(client, owner, ask):
    tickets = [post(client, category="network", location=OUTAGE) for _ in range(5)]
    listed = json.loads(ask("list", "--status", "candidate", "--json").out)
    (outage,) = [problem for problem in listed if OUTAGE in problem["title"]]
    name = outage["reference"]
    shown = json.loads(ask("show", name, "--json").out)
    assert sorted(ticket["reference"] for ticket in shown["tickets"]) == sorted(tickets)
    held = lambda: all("accepted" in client.get(f"/v1/tickets/{one}").text for one in tickets)  # noqa: E731 - a condition
    wait_until(held, "ann holds them all")

    announced = ask("announce", name, "--text", "The network of Leeds is down.", "--audience", "Leeds")
    assert (announced.code, announced.out) == (
        0,
        f"{name} is announced on 5 open tickets; those linked later have it too.\n",
    )
    again = ask("announce", name, "--text", "It is still down.", "--audience", "Leeds")
    assert "withdraw that first" in again.check_one_line(1)
    sixth = post(client, category="network", location=OUTAGE)
    for ticket in (*tickets, sixth):
        (event,) = log_of(client, ticket, "announced")
        assert (event["text"], event["audience"]) == ("The network of Leeds is down.", "Leeds")
    wait_until(lambda: log_of(client, sixth, "accepted"), "ann holds the sixth")

    resolved = ask("resolve", name, "--how", "The switch has a new power supply.")
    assert (resolved.code, resolved.err) == (0, "")
    for ticket in (*tickets, sixth):
        wait_until(lambda one=ticket: log_of(client, one, "resolved"), "its owner resolves it")
        (event,) = log_of(client, ticket, "resolved")
        assert event["how"] == "The switch has a new power supply."
        assert event["actor"] == {"kind": "worker", "id": "ann"}
        assert len(log_of(client, ticket, "resolution_offered")) == 1
    assert owner.told == ["The switch has a new power supply."] * 6
    told = ask("show", name)
    assert told.code == 0
    for word in (name, "outage · resolved · major", "announced", "resolved", *tickets):
        assert word in told.out, (word, told.out)


def test_the_third_of_a_kind_goes_to_the_specialists_and_says_after_which(whole_desk, client, ask):
    first, second, third = (post(client, category="operating-system", asset=ASSET) for _ in range(3))
    tickets = [client.get(f"/v1/tickets/{one}").json()["ticket"] for one in (first, second, third)]
    assert [ticket["tier"] for ticket in tickets] == ["l1", "l1", "l2"]
    assert tickets[2]["explanation"][-1] == (
        f"The third of its kind (category operating-system, asset {ASSET}) in 30 days: {first}, {second}. "
        "So it goes to tier l2."
    )
    (problem,) = [one for one in json.loads(ask("list", "--json").out) if ASSET in one["title"]]
    assert tickets[2]["problems"] == [problem["reference"]]
    assert problem["reference"] in ask("list").out
    explained = tierdesk("policy", "explain", third, url=whole_desk.url, api_key=whole_desk.keys[OWN])
    assert "(workplace), tier l2 " in explained.out
    assert "decided by its kind, which recurs." in explained.out
    assert f"  The third of its kind (category operating-system, asset {ASSET}) in 30 days: " in explained.out


def test_a_repeat_of_the_same_requester_is_proposed_for_merging(client):
    ann = {"requester": {"party": "ann@example.org"}, "category": "usage"}
    first = post(client, title="The projector shows no picture", **ann)
    again = post(client, title="Projector: no picture!", **ann)
    (proposed,) = log_of(client, again, "merge_proposed")
    assert proposed["older_reference"] == first
    assert first in str(proposed["because"])
    assert not log_of(client, first, "merge_proposed")


GOOD = {"title": "A problem", "why": "Seen"}
BAD = [
    ("POST", "", {"title": "", "why": "x"}, 422, "title"),
    ("POST", "", {"title": "x" * 301, "why": "x"}, 422, "title"),
    ("POST", "", {"title": "x"}, 422, "why"),
    ("POST", "", GOOD | {"kind": "riddle"}, 422, "kind"),
    ("POST", "", GOOD | {"tickets": ["TD-0000-0000"]}, 409, "tickets.0"),
    ("POST", "", GOOD | {"tickets": ["\u0000"]}, 422, "tickets.0"),
    ("POST", "", GOOD | {"tickets": ["x"] * 501}, 422, "tickets"),
    ("POST", "", GOOD | {"fix": {"choice": "pray", "reason": "x"}}, 422, "fix.choice"),
    ("POST", "", GOOD | {"status": "resolved"}, 422, "status"),
    ("POST", "", [], 422, "body"),
    ("PATCH", "/{id}", {"why": "x"}, 422, "version"),
    ("PATCH", "/{id}", {"version": 0, "why": "x"}, 422, "version"),
    ("PATCH", "/{id}", {"version": 2**70, "why": "x"}, 422, "version"),
    ("PATCH", "/{id}", {"version": 9, "why": "x", "root_cause": "x"}, 409, None),
    ("PATCH", "/{id}", {"version": 1, "why": "x", "status": "resolved"}, 422, "status"),
    ("PATCH", "/{id}", {"version": 1, "why": "x", "status": "known_error"}, 409, None),
    ("PATCH", "/{id}", {"version": 1, "why": "x", "tenant": OTHER}, 422, "tenant"),
    ("PATCH", "/PR-0000-0000", {"version": 1, "why": "x"}, 404, None),
    ("GET", "/%00", None, 404, None),
    ("GET", "/%ff", None, 404, None),
    ("GET", f"/{'x' * 3000}", None, 404, None),
    ("GET", "?status=gone", None, 422, "query.status"),
    ("GET", "?limit=0", None, 422, "query.limit"),
    ("GET", "?after=yesterday", None, 422, "query.after"),
    ("POST", "/{id}/tickets", {"tickets": ["TD-0000-0000"], "why": "x"}, 409, "tickets.0"),
    ("POST", "/{id}/tickets", {"tickets": "TD-0000-0000", "why": "x"}, 422, "tickets"),
    ("POST", "/PR-0000-0000/tickets", {"tickets": [], "why": "x"}, 404, None),
    ("DELETE", "/{id}/tickets/TD-0000-0000", None, 422, "query.why"),
    ("DELETE", "/PR-0000-0000/tickets/x?why=x", None, 404, None),
    ("POST", "/{id}/announcement", {"text": ""}, 422, "text"),
    ("POST", "/{id}/announcement", {"text": "x", "audience": ""}, 422, "audience"),
    ("POST", "/PR-0000-0000/announcement", {"text": "x"}, 404, None),
    ("DELETE", "/{id}/announcement", None, 422, "query.why"),
    ("DELETE", "/PR-0000-0000/announcement?why=x", None, 404, None),
    ("POST", "/{id}/resolution", {"how": ""}, 422, "how"),
    ("POST", "/{id}/resolution", {"how": "x" * 65_537}, 422, "how"),
    ("POST", "/PR-0000-0000/resolution", {"how": "x"}, 404, None),
]


@pytest.mark.parametrize(("method", "path", "body", "code", "field"), BAD)
def test_bad_input_is_refused_with_the_field_that_is_at_fault(client, method, path, body, code, field):
    problem = client.post("/v1/problems", json=GOOD).json()
    answer = client.request(method, f"/v1/problems{path.replace('{id}', problem['id'])}", json=body)
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert field is None or field in {fault["field"] for fault in answer.json()["errors"]}, answer.text
    after = client.get(f"/v1/problems/{problem['id']}").json()
    assert after["problem"] == problem
    assert len(after["log"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "PR-0000-0000"), 1, "No such problem"),
        (("show", "../../v1/policy"), 1, "Not Found"),
        (("list", "--status", "gone"), 1, "query.status"),
        (("resolve", "PR-0000-0000"), 2, "--how"),
        (("announce", "PR-0000-0000", "--text", " "), 2, "--text"),
        (("resolve", "PR-0000-0000", "--how", "x"), 1, "No such problem"),
    ],
)
def test_commands_fail_in_one_line(client, ask, arguments, code, words):
    line = ask(*arguments).check_one_line(code)
    assert words in line


def test_a_key_that_may_only_read_changes_nothing(whole_desk, client):
    key = whole_desk.ring.mint("reader", OWN, ["tickets:read"])
    problem = client.post("/v1/problems", json=GOOD).json()["id"]
    with whole_desk.client(Authorization=f"Bearer {key}") as reader:
        wait_until(lambda: reader.get(f"/v1/problems/{problem}").status_code == 200, "the key is known")
        assert reader.post("/v1/problems", json=GOOD).status_code == 403
        assert reader.post(f"/v1/problems/{problem}/resolution", json={"how": "x"}).status_code == 403
