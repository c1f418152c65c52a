"""Every endpoint of the desk that takes something in, and a client that keeps count of what was taken."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2

from e2e.hands import ACCOUNT, LEAVING, WORK, Hands
from e2e.whole_desk import OWN, WholeDesk, wait_until
from tierdesk_cli.services import DEFINITIONS
from tierdesk_runtime.signatures import sign

SERVICES = tuple(DEFINITIONS)

Document = dict[str, Any]

PROBLEM: Document = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail", "text": "None"}
CALL: Document = {"event": "newCall", "direction": "in", "callId": "c-1", "from": "491", "to": "493"}
ARTICLE: Document = {"title": "Unjam", "body": "Open the lid"}
SOLVED: Document = {
    "id": "01890000-0000-7000-8000-0000000000a0",
    "article_id": "01890000-0000-7000-8000-0000000000a0",
}
SYNONYMS: Document = {"based_on": 0, "languages": {"en": [["wifi", "wireless network"]]}}
POLICY: Document = {
    "name": "Desk",
    "tiers": [{"id": "l1"}],
    "groups": [{"id": "front", "tier": "l1"}],
    "edges": [],
    "categories": [{"id": "other", "tier": "l1", "group": "front"}],
    "default_category": "other",
}
SERVICE: Document = {"name": "Laptop", "form": {"type": "object"}, "category": "other"}
ORDER: Document = {"requester": {"party": "ann"}, "answers": {}}
QUESTION: Document = {"by": "ann", "title": "Which dock fits?", "body": "Any?"}
SHIFT: Document = {
    "person": "tess",
    "tier": "l1",
    "group": "front",
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": "2026-03-02T17:00:00Z",
}
OPENED: Document = {"title": "Mail is slow", "why": "Many say so"}
PHONE = "/v1/phone/generic"
BATCH = "/v1/events:batch"
ATTACHMENTS = "/v1/events/attachments"
HOOK, OUTCOMES = "/v1/bridge/{vendor}", "/v1/bridge/{vendor}/outcomes"
COMMUNITY = "/v1/community"
SUPPLIER = "supplier"
OUTCOME: Document = {
    "id": "01890000-0000-7000-8000-000000000001",
    "source": "/vendor",
    "type": "outcome.returned.v1",
    "subject": "01890000-0000-7000-8000-000000000002",
    "time": "2026-03-02T09:00:00Z",
    "tenant": "acme",
    "data": {
        "assignment_id": "01890000-0000-7000-8000-000000000003",
        "token": 1,
        "worker": "rob",
        "ordinal": 1,
        "reason": "not_ours",
    },
}
PROGRESS = f"{WORK}/progress"
CALLBACKS, CALLBACK = "/v1/desk/callbacks", "/v1/desk/callbacks/{callback_id}"
VISITS, VISIT = "/v1/desk/visits", "/v1/desk/visits/{visit_id}"
REPAIRS, REPAIR = "/v1/desk/repairs", "/v1/desk/repairs/{repair_id}"
SLOT: Document = {
    "address": "12 High Street",
    "technician": "Theo",
    "starts_at": "2026-03-02T09:00:00Z",
    "ends_at": "2026-03-02T11:00:00Z",
}
PARCEL: Document = {"assignment_id": OUTCOME["id"], "device": "Laptop", "depot": "Acme"}
UNLINK, WITHDRAW = "/v1/problems/{problem}/tickets/{ticket}", "/v1/problems/{problem}/announcement"
REFUSED = {400, 413, 415, 422}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Point:
    """An endpoint that takes something in: a document that it takes, and a text in it to be spoiled."""

    method: str
    path: str
    document: Document
    field: str
    media_type: str = "application/json"
    wrap: Callable[[bytes], bytes] = bytes
    ignores_bodies: bool = False
    keeps_bytes: bool = False
    """It keeps whatever it is sent: there is no body that does not read."""
    like: str = ""
    """A step of work that goes the same way in, word for word: what is not about the fields is asked of that one alone."""
    takes: frozenset[str] = frozenset()
    """Bodies of the corpus that are good here."""
    read: frozenset[int] = frozenset({200, 201, 202})
    """What says that the body was read."""


def as_line(body: bytes) -> bytes:
    """A line of a batch with this event."""
    return b'{"key": "' + secrets.token_hex(8).encode() + b'", "event": ' + body + b"}"


def as_import(body: bytes) -> bytes:
    """An import of this article."""
    return b'{"articles": {"a": ' + body + b"}}"


MORE_THAN_DOCUMENTED = frozenset({"an unknown field", "80,000 unknown fields", "__proto__", "__class__"})
"""Telephone systems send more fields than they document; what nobody knows is ignored."""
TEXTS_IN_YAML = frozenset({"NaN", "Infinity", "1e400", "beyond 64 bits"})
"""A policy is YAML, where a plain word is a text unless it is a number."""
NO_SUCH_TICKET = NO_SUCH_WORK = frozenset({404})
NOT_IN_REVIEW = frozenset({409})
DONE = frozenset({204})
NEW_PASSWORD = f"POST {ACCOUNT}/password"
NOT_NOW = frozenset({200, 409})
WRONG_PASSWORD, NOT_YOURS = frozenset({401}), frozenset({403})
POINTS = {
    f"{point.method} {point.path}": point
    for point in (
        Point("POST", "/v1/events", PROBLEM, "title"),
        Point("POST", BATCH, PROBLEM, "title", "application/x-ndjson", as_line),
        Point("POST", PHONE, CALL, "from", takes=MORE_THAN_DOCUMENTED),
        Point("POST", ATTACHMENTS, {}, "", "image/png", keeps_bytes=True),
        Point("PUT", "/v1/policy", POLICY, "name", "application/yaml", takes=TEXTS_IN_YAML),
        Point("POST", "/v1/articles", ARTICLE, "title"),
        Point("PUT", "/v1/articles/{article_id}", ARTICLE | {"based_on": 1}, "title"),
        Point("POST", "/v1/articles/import", ARTICLE, "title", wrap=as_import),
        Point("PATCH", "/v1/articles/{article_id}", {"owner": "ann"}, "owner"),
        Point("POST", "/v1/articles/{article_id}/send-back", {"reason": "Too short"}, "reason", read=NOT_IN_REVIEW),
        Point(
            "POST",
            "/v1/tickets/{ticket}/merge",
            {"into": "TD-0000-0000", "reason": "Twice"},
            "reason",
            read=NO_SUCH_TICKET,
        ),
        Point(
            "POST", "/v1/tickets/{ticket}/split", {"title": "Another", "reason": "Two"}, "title", read=NO_SUCH_TICKET
        ),
        Point("POST", "/v1/tickets/{ticket}/acknowledgement", {"note": "Seen"}, "note", read=NO_SUCH_TICKET),
        Point("POST", "/v1/problems", OPENED, "title"),
        Point("PATCH", "/v1/problems/{problem}", {"version": 1, "root_cause": "Dust", "why": "Seen"}, "why"),
        Point("POST", "/v1/problems/{problem}/tickets", {"tickets": [], "why": "Alike"}, "why"),
        Point("DELETE", "/v1/problems/{problem}/tickets/{ticket}", {}, "", ignores_bodies=True),
        Point("POST", "/v1/problems/{problem}/announcement", {"text": "Mail is down"}, "text"),
        Point("DELETE", "/v1/problems/{problem}/announcement", {}, "", ignores_bodies=True),
        Point("POST", "/v1/problems/{problem}/resolution", {"how": "Restarted"}, "how"),
        Point("POST", "/v1/articles/{article_id}/feedback", {"helpful": True, "by": "ann"}, "by", read=NO_SUCH_TICKET),
        Point("PUT", "/v1/catalogue/{item}", SERVICE, "name"),
        Point("POST", "/v1/catalogue/{item}/orders", ORDER, "requester"),
        Point("POST", f"{COMMUNITY}/questions", QUESTION, "title"),
        Point("POST", f"{COMMUNITY}/questions/{{question_id}}/answers", {"by": "bob", "body": "This one"}, "body"),
        Point("PUT", f"{COMMUNITY}/questions/{{question_id}}/acceptance", {"by": "ann", "answer": None}, "by"),
        Point("PUT", f"{COMMUNITY}/posts/{{post_id}}/vote", {"by": "zoe", "up": True}, "by"),
        Point("POST", f"{COMMUNITY}/posts/{{post_id}}/reports", {"by": "zoe", "reason": "Rude"}, "reason", read=DONE),
        Point("POST", f"{COMMUNITY}/posts/{{post_id}}/remove", {"reason": "Rude"}, "reason"),
        Point("PUT", f"{COMMUNITY}/settings", {"hold_first": "none"}, "hold_first"),
        Point("POST", f"{COMMUNITY}/posts/{{post_id}}/approve", {}, "", ignores_bodies=True),
        Point("POST", f"{COMMUNITY}/questions/{{question_id}}/promote", {}, "", ignores_bodies=True),
        Point("PUT", HOOK, {"url": "https://vendor.example/hook"}, "url"),
        Point("POST", OUTCOMES, OUTCOME, "subject", "application/cloudevents+json", takes=MORE_THAN_DOCUMENTED),
        Point("POST", f"{HOOK}/enable", {}, "", ignores_bodies=True),
        Point("POST", f"{HOOK}/deliveries/{{delivery}}/retry", {}, "", ignores_bodies=True),
        Point("DELETE", HOOK, {}, "", ignores_bodies=True),
        Point("POST", "/v1/suggest/solved", SOLVED, "article_id", read=NO_SUCH_TICKET),
        Point("PUT", "/v1/synonyms", SYNONYMS, "languages", read=frozenset({200, 409})),
        Point("POST", "/v1/articles/{article_id}/publish", {}, "", ignores_bodies=True),
        Point("POST", "/v1/articles/{article_id}/retire", {}, "", ignores_bodies=True),
        Point("POST", "/v1/articles/{article_id}/submit", {}, "", ignores_bodies=True),
        Point("POST", "/v1/articles/{article_id}/withdraw", {}, "", ignores_bodies=True),
        Point("POST", "/v1/desk/sessions", {"name": "ann", "password": "guessed"}, "name", read=WRONG_PASSWORD),
        Point("POST", f"{LEAVING}/password", {"old": "guessed", "new": "x" * 12}, "new", read=NOT_YOURS),
        Point("DELETE", LEAVING, {}, "", ignores_bodies=True),
        Point("POST", "/v1/desk/accounts", {"name": "ann"}, "name", read=frozenset({201, 409})),
        Point("PATCH", ACCOUNT, {"display_name": "Otto"}, "display_name"),
        Point("PUT", f"{ACCOUNT}/grants", {"grants": [{"role": "auditor"}]}, "grants"),
        Point("POST", f"{ACCOUNT}/password", {}, "", ignores_bodies=True),
        Point("POST", "/v1/desk/mails/{mail_id}/retry", {}, "", ignores_bodies=True),
        Point("POST", "/v1/desk/mails/{mail_id}/discard", {}, "", ignores_bodies=True),
        Point("PUT", "/v1/desk/presence", {"state": "busy"}, "state"),
        Point("POST", "/v1/desk/shifts", SHIFT, "person", read=frozenset({201, 409})),
        Point("DELETE", "/v1/desk/shifts/{shift_id}", {}, "", ignores_bodies=True),
        Point("DELETE", f"{ACCOUNT}/sessions", {}, "", ignores_bodies=True),
        Point("POST", "/v1/desk/next", {}, "", ignores_bodies=True),
        *(
            Point(
                "POST",
                f"/v1/parked/{service}/{{parked_id}}/replay",
                {},
                "",
                ignores_bodies=True,
                like="" if service == SERVICES[0] else f"/v1/parked/{SERVICES[0]}/{{parked_id}}/replay",
            )
            for service in SERVICES
        ),
        *(
            Point(
                "POST",
                f"/v1/parked/{service}/{{parked_id}}/discard",
                {"reason": "A test"},
                "reason",
                like="" if service == SERVICES[0] else f"/v1/parked/{SERVICES[0]}/{{parked_id}}/discard",
                read=NO_SUCH_WORK,
            )
            for service in SERVICES
        ),
        Point("POST", f"{WORK}/release", {"owner": "ann", "reason": "Ill"}, "reason", like=PROGRESS, read=NO_SUCH_WORK),
        Point("POST", f"{WORK}/claim", {}, "", ignores_bodies=True),
        Point("POST", CALLBACKS, {"ticket": "none", "number": "+44 20 7946 0018"}, "number", read=NO_SUCH_WORK),
        Point("POST", f"{CALLBACK}/claim", {}, "", ignores_bodies=True),
        Point("POST", f"{CALLBACK}/release", {"token": 1}, "token", like=f"POST {CALLBACKS}", read=NO_SUCH_WORK),
        Point("POST", f"{CALLBACK}/close", {"note": "Mailed"}, "note", like=f"POST {CALLBACKS}", read=NO_SUCH_WORK),
        Point(
            "POST",
            f"{CALLBACK}/attempts",
            {"token": 1, "result": "reached", "note": "Works"},
            "note",
            like=f"POST {CALLBACKS}",
            read=NO_SUCH_WORK,
        ),
        Point("POST", VISITS, SLOT | {"assignment_id": OUTCOME["id"]}, "address", read=NO_SUCH_WORK),
        Point("POST", f"{VISIT}/move", SLOT | {"token": 1}, "address", like=f"POST {VISITS}", read=NO_SUCH_WORK),
        Point(
            "POST",
            f"{VISIT}/end",
            {"token": 1, "outcome": "done", "note": "Works"},
            "note",
            like=f"POST {VISITS}",
            read=NO_SUCH_WORK,
        ),
        Point("POST", REPAIRS, PARCEL, "device", like=f"POST {VISITS}", read=NO_SUCH_WORK),
        Point(
            "POST",
            f"{REPAIR}/steps",
            {"token": 1, "stage": "sent", "note": "By van"},
            "note",
            like=f"POST {VISITS}",
            read=NO_SUCH_WORK,
        ),
        Point("POST", PROGRESS, {"note": "Looked"}, "note"),
        Point("POST", f"{WORK}/resolve", {"how": "Restarted"}, "how", read=NO_SUCH_WORK),
        Point("POST", f"{WORK}/pause", {"party": "visit"}, "party", like=PROGRESS, read=NOT_NOW),
        Point("POST", f"{WORK}/resume", {"note": "Back"}, "note", like=PROGRESS, read=NOT_NOW),
        Point("POST", f"{WORK}/contribute", {"findings": "Dust"}, "findings", like=PROGRESS, read=NOT_NOW),
        Point("POST", f"{WORK}/escalate", {"reason": "recurring"}, "reason", like=PROGRESS, read=NO_SUCH_WORK),
        Point("POST", f"{WORK}/carry", {"reason": "recurring"}, "reason", like=PROGRESS, read=NO_SUCH_WORK),
        Point("POST", f"{WORK}/transfer", {"to_group": "front"}, "to_group", like=PROGRESS, read=NO_SUCH_WORK),
        Point("POST", f"{WORK}/return", {"reason": "not_ours"}, "reason", like=PROGRESS, read=NO_SUCH_WORK),
        Point(
            "POST",
            f"{WORK}/invite",
            {"to_group": "front", "question": "Why?"},
            "question",
            like=PROGRESS,
            read=NO_SUCH_WORK,
        ),
    )
}
TAKING = {name: point for name, point in POINTS.items() if not (point.ignores_bodies or point.keeps_bytes)}


KINDS = {name: point for name, point in POINTS.items() if not point.like}
"""One of each kind, where it is about the way in."""


class Door:
    """The desk, asked as a client would, with the key of a tenant and a session."""

    def __init__(self, desk: WholeDesk, client: httpx2.Client) -> None:
        self.desk = desk
        self.client = client
        self._article = ""
        self._accepted: set[UUID] = set()
        self.hands = Hands(desk, client)
        self._supplier_secret = desk.secrets.add_webhook_secret(OWN, f"vendor.{SUPPLIER}")
        set_up = client.put(HOOK.replace("{vendor}", SUPPLIER), json={"url": "https://vendor.example/hook"})
        assert set_up.status_code == 201, set_up.text
        self._problem = client.post("/v1/problems", json=OPENED).json()["id"]
        assert client.put("/v1/catalogue/laptop", json=SERVICE).status_code == 201
        assert client.put(f"{COMMUNITY}/settings", json={"hold_first": "none"}).status_code == 200
        self._question = client.post(f"{COMMUNITY}/questions", json=QUESTION).json()["id"]
        answers = f"{COMMUNITY}/questions/{self._question}/answers"
        self._posts = [client.post(answers, json={"by": "bob", "body": "Any"}).json()["id"] for _ in range(2)]
        """An answer, and one that is removed."""
        self._ticket = ""
        self.open_ticket()
        self.write_article()

    def write_article(self) -> None:
        """Have paths name a new article, since some test may have published or retired the one before."""
        self._article = self.client.post("/v1/articles", json=ARTICLE).json()["id"]

    def open_ticket(self) -> None:
        """Have paths hang files on a new ticket: one takes only so many."""
        posted = self.client.post("/v1/events", json=PROBLEM)
        self.note(posted)
        self._ticket = posted.json()["ticket"]

    def send(self, point: Point, body: bytes, **headers: str) -> httpx2.Response:
        """One request, signed where that is asked for."""
        given = self.hands.headers(point.method, point.path) | {"Content-Type": point.media_type} | headers
        if point.path == PHONE:
            given |= self.desk.signed(OWN, body, f"w-{next(_numbers)}")
        if point.path == OUTCOMES:
            given |= sign(self._supplier_secret, f"w-{next(_numbers)}", datetime.now(UTC), body)
        answer = self.client.request(point.method, self.path(point.path), content=body, headers=given)
        self.note(answer)
        return answer

    def note(self, answer: httpx2.Response) -> None:
        """Remember the tickets that this answer promises."""
        if answer.is_success and answer.request.url.path in {"/v1/events", BATCH, PHONE}:
            lines = [json.loads(line) for line in answer.content.splitlines()]
            self._accepted |= {UUID(line["ticket"]) for line in lines if line.get("ticket")}

    def path(self, pattern: str) -> str:
        """A path without parameters."""
        path = self.hands.path(pattern).replace("{article_id}", self._article).replace("{ticket}", "TD-0000-0000")
        path = path.replace("{item}", "laptop").replace("{order_id}", OUTCOME["id"])
        post = self._posts[pattern.endswith("/remove")]
        path = path.replace("{question_id}", self._question).replace("{post_id}", post)
        for name in ("attachment", "callback_id", "visit_id", "repair_id", "parked_id", "mail_id"):
            path = path.replace(f"{{{name}}}", OUTCOME["id"])
        path = path.replace(HOOK, HOOK.replace("{vendor}", SUPPLIER)).replace("{delivery}", OUTCOME["id"])
        query = {UNLINK: "?why=mistaken", WITHDRAW: "?why=mistaken", ATTACHMENTS: f"?ticket={self._ticket}"}
        return path.replace("{problem}", self._problem) + query.get(pattern, "")

    def goes_on(self) -> None:
        """A good event is accepted and offered to its tier, and no ticket that was promised before is missing."""
        posted = self.client.post("/v1/events", json=PROBLEM)
        assert posted.status_code == 202, posted.text
        self.note(posted)
        path = f"/v1/tickets/{posted.json()['ticket']}"
        wait_until(lambda: "offered" in self.client.get(path).text, "the ticket is offered")
        wait_until(lambda: not self._missing(), "every accepted event is a ticket")

    def _missing(self) -> set[UUID]:
        rows = self.desk.query("SELECT id FROM router.ticket WHERE id = ANY($1)", list(self._accepted))
        self._accepted -= {row["id"] for row in rows}
        return self._accepted


def ask(client: httpx2.Client, method: str, path: str, **given: Any) -> httpx2.Response:
    """The answer; of one that goes on and on its beginning."""
    with client.stream(method, path, **given) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.read()
            return answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=next(answer.iter_raw()))


def fault_of(answer: httpx2.Response) -> str | None:
    """What is wrong with a refusal; None when it is as it should be."""
    if answer.status_code not in REFUSED:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"no problem details: {answer.headers['Content-Type']}"
    if len(answer.content) > 30_000:
        return f"says too much: {len(answer.content)} bytes"
    return _fault_of_problem(answer.json(), answer.status_code)


def fault_of_lines(answer: httpx2.Response) -> str | None:
    """The same for the lines of a batch, which itself is taken."""
    if answer.status_code != 200:
        return fault_of(answer)
    for line in map(json.loads, answer.content.splitlines()):
        fault = _fault_of_problem(line["problem"], line["status"]) if line["status"] in REFUSED else "taken"
        if fault is not None:
            return f"{fault}: {line}"
    return None


def judge_of(point: Point) -> Callable[[httpx2.Response], str | None]:
    """How refusals of this endpoint are judged."""
    return fault_of_lines if point.path == BATCH else fault_of


def _fault_of_problem(problem: Document, status: int) -> str | None:
    if problem["status"] != status or not problem["type"] or not problem["title"] or not problem.get("detail"):
        return f"says too little: {problem}"
    errors = problem.get("errors", [])
    if status in {400, 422} and not (errors and all(error["field"] and error["message"] for error in errors)):
        return f"names no field: {problem}"
    return None


def described(desk: WholeDesk) -> list[tuple[str, str]]:
    """Every method and path that the desk describes."""
    with desk.client() as nobody:
        paths = nobody.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"]
