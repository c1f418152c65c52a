"""Who sees what: each route of the portal by its owner, by others, from another tenant, by a link and by nobody."""

import asyncio
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts

from tierdesk_contracts import ticket as events
from tierdesk_contracts.intake import AttachedFile
from tierdesk_contracts.vocabulary import Actor, ActorKind

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="somebody")
ONE = "/portal/requests/{ticket:uuid}"
QUESTION = "/portal/community/{question:uuid}"
OF_A_TICKET = {
    ("GET", ONE): 200,
    ("GET", f"{ONE}/changes"): 200,
    ("GET", f"{ONE}/files/{{file_id}}"): 200,
    ("POST", f"{ONE}/reply"): 303,
    ("POST", f"{ONE}/facts"): 303,
    ("POST", f"{ONE}/confirm"): 303,
    ("POST", f"{ONE}/reopen"): 303,
    ("POST", f"{ONE}/cancel"): 303,
    ("POST", f"{ONE}/rating"): 409,  # nothing was resolved
}
"""What its requester, and who came by a link to it, is answered. All others: 404."""
OF_ACCOUNTS = {
    ("GET", "/portal"): 200,
    ("GET", "/portal/suggest"): 200,
    ("GET", "/portal/articles/{article_id:uuid}"): 404,
    ("POST", "/portal/articles/{article_id:uuid}/solved"): 404,
    ("GET", "/portal/report"): 200,
    ("POST", "/portal/report"): 422,
    ("GET", "/portal/requests"): 200,
    ("GET", "/portal/changes"): 200,
    ("GET", "/portal/services"): 200,
    ("GET", "/portal/services/{item}"): 404,
    ("POST", "/portal/services/{item}"): 404,
    ("GET", "/portal/community"): 200,
    ("GET", "/portal/community/ask"): 200,
    ("POST", "/portal/community"): 422,
    ("GET", QUESTION): 404,
    ("POST", f"{QUESTION}/answers"): 404,
    ("POST", f"{QUESTION}/acceptance"): 404,
    ("POST", f"{QUESTION}/vote"): 404,
    ("POST", f"{QUESTION}/report"): 404,
}
"""What a requester is answered; agents get 403, strangers are sent to sign in, and who came by a link to their request."""
OF_MODERATORS = {
    ("GET", "/portal/community/moderation"): 200,
    ("POST", "/portal/community/moderation/{post:uuid}/approve"): 404,
    ("POST", "/portal/community/moderation/{post:uuid}/remove"): 422,
}
OF_ANYBODY = {
    ("GET", "/portal/link/{token}"): 410,
    ("POST", "/portal/link/{token}"): 410,
    ("GET", "/portal/links"): 200,
    ("POST", "/portal/links"): 422,
    ("POST", "/portal/leave"): 404,
}
OF_AGENTS = {("POST", "/works/{assignment_id:uuid}/link"): 404}
TABLE = OF_A_TICKET | OF_ACCOUNTS | OF_MODERATORS | OF_ANYBODY | OF_AGENTS
FIELDS = {
    "location": "Leeds",
    "reason": "It smokes again",
    "score": "5",
    "text": "And so on",
    "body": "Any",
    "post": str(uuid4()),
}
LEFT_EMPTY = {"/portal/report", "/portal/community", "/portal/links", "/portal/community/moderation/{post:uuid}/remove"}


def test_every_route_of_the_portal_is_in_the_table(app):
    served = {
        (method, context.path_format)
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if "/portal" in context.path_format or context.path_format.endswith("/link")
    }
    plain = {(method, path.replace(":uuid", "")) for method, path in TABLE}
    assert {(method, path.replace(":uuid", "")) for method, path in served} - {
        ("HEAD", path) for _, path in served
    } == plain


async def ask(visitor, method, path, *, ticket, file_id):
    """The status; of a stream its beginning is enough."""
    address = path.replace("{ticket:uuid}", ticket).replace("{file_id}", file_id).replace("{item}", "laptop")
    for name in ("article_id", "question", "post", "assignment_id"):
        address = address.replace(f"{{{name}:uuid}}", str(uuid4()))
    address = address.replace("{token}", "0" * 64)
    if method == "GET":
        if address.endswith("/changes"):
            return await status_of_stream(visitor, address)
        return (await visitor.client.get(address)).status_code
    fields = {} if path in LEFT_EMPTY else FIELDS
    data = {"csrf": visitor.csrf, "key": uuid4().hex} | fields
    files = {"files": ("", b"")} if path.endswith("/reply") else None
    return (await visitor.client.post(address, data=data, files=files)).status_code


async def status_of_stream(visitor, address):
    """By the application itself: a client in the same process would wait for the end of the answer."""
    status, told, ended = [], visitor.client, asyncio.Event()
    request = told.build_request("GET", address)
    cookies = request.headers.get("cookie", "").encode()

    async def send(message):
        if message["type"] == "http.response.start":
            status.append(message["status"])
        else:
            ended.set()

    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if asked:
            return asked.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    path, _, query = address.partition("?")
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(b"host", b"desk"), (b"accept", b"text/html"), (b"cookie", cookies)],
        "http_version": "1.1", "scheme": "http", "server": ("desk", 80), "client": ("test", 1), "root_path": "", "state": {},
    }  # fmt: skip
    app = told._transport.app
    await app(scope, receive, send)
    return status[0]


@pytest.fixture
async def ticket(report, now):
    file = AttachedFile(id=uuid4(), file_name="TD-1-1.png", name="screen.png", media_type="image/png", size_bytes=13)
    told = events.Replied(sequence=2, at=now, actor=REQUESTER, text="See here", attachments=(file,))
    return await report(told), str(file.id)


WHO = ["own", "another", "elsewhere", "agent", "moderator", "guest", "guest of another", "nobody"]


ACCOUNTS = {
    "own": ("rita", ["requester"], {"party": "ann"}),
    "another": ("bob", ["requester"], {}),
    "elsewhere": ("ann", ["requester"], {"tenant": "other"}),
    "agent": ("ann", ["agent", "lead", "administrator"], {}),
    "moderator": ("ann", ["moderator"], {}),
}


def expected_of(who, route):
    """What this person is answered."""
    if route == ("POST", "/portal/leave"):
        return 303 if who.startswith("guest") else 404
    if route in OF_ANYBODY:
        return OF_ANYBODY[route]
    if route in OF_A_TICKET:
        answered = {
            "own": OF_A_TICKET[route],
            "guest": OF_A_TICKET[route],
            "agent": 403,
            "moderator": 403,
            "nobody": 303,
        }
        return answered.get(who, 404)
    if who.startswith("guest") or who == "nobody":
        return 303
    of_others = {"agent": OF_AGENTS, "moderator": OF_MODERATORS}.get(who, OF_ACCOUNTS)
    return of_others.get(route, 403)


@pytest.mark.parametrize("who", WHO)
async def test_every_route_by_everybody(who, ticket, report, signed_in, open_browser, links, person, others):
    name, file_id = ticket
    others.answers["POST /v1/suggest/solved"] = (404, {})
    reached = await report(party="zoe") if who == "guest of another" else name
    if who in ACCOUNTS:
        login, grants, fields = ACCOUNTS[who]
        visitor = await signed_in(login, *grants, **fields)
    else:
        visitor = open_browser()

    async def come():
        assert (await visitor.client.post(await links.make(person("amy"), reached))).status_code == 303
        await visitor.get(f"/portal/requests/{reached}")

    if who.startswith("guest"):
        await come()
    found = {}
    for method, path in TABLE:
        found[method, path] = await ask(visitor, method, path, ticket=name, file_id=file_id)
        if path == "/portal/leave" and who.startswith("guest"):
            await come()
    assert found == {route: expected_of(who, route) for route in TABLE}
    told = {body["ticket"] for _, path, body in others.heard if path == "/v1/events"}
    assert told == ({name} if who in {"own", "guest"} else set())


async def test_who_came_by_a_link_is_led_to_their_request_from_every_other_page(ticket, open_browser, links, person):
    visitor = open_browser()
    assert (await visitor.client.post(await links.make(person("amy"), ticket[0]))).status_code == 303
    for path in ("/portal", "/portal/requests", "/portal/community", "/portal/report"):
        answer = await visitor.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/portal/requests/{ticket[0]}")
    assert (await visitor.client.get("/")).headers["location"].startswith("/login")


@pytest.mark.parametrize("action", ["reply", "facts", "confirm", "reopen", "cancel", "rating"])
async def test_no_form_is_taken_without_its_token_or_from_another_site(action, ticket, signed_in, others):
    visitor = await signed_in("rita", "requester", party="ann")
    path, fields = f"/portal/requests/{ticket[0]}/{action}", {"key": uuid4().hex} | FIELDS
    files = {"files": ("", b"")} if action == "reply" else None
    for data, headers in (
        (fields, {}),
        (fields | {"csrf": "0" * 64}, {}),
        (fields | {"csrf": visitor.csrf}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = await visitor.client.post(path, data=data, files=files, headers=headers)
        assert answer.status_code == 403
    assert others.heard == []
