"""The pages of vendors and parked messages, and what hangs on a ticket."""

import json
import re

import pytest

MESSAGE = {
    "id": "01890000-0000-7000-8000-0000000000a0",
    "consumer": "router",
    "queue": "router.intake",
    "namespace": "",
    "type": "intake.<b>received.v1",
    "subject": "<i>ticket",
    "message_id": "m-1",
    "reason": "<u>unknown tenant",
    "attempts": 3,
    "first_seen_at": "2026-03-02T09:00:00Z",
    "parked_at": "2026-03-02T09:10:00Z",
    "resolution": None,
    "resolved_at": None,
    "size_bytes": 2_345,
}
PATH = f"/parked/router/{MESSAGE['id']}"
FILE = "01890000-0000-7000-8000-0000000000f0"


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


@pytest.fixture
def parked(others):
    others.answers["v1/parked/router"] = {"service": "router", "messages": [MESSAGE]}
    others.answers[f"v1{PATH}"] = MESSAGE | {"detail": "<b>Traceback", "body": "<script>", "is_cut": True}
    return others


async def test_each_service_is_asked_for_what_it_has_set_aside(sign_in, parked):
    ops = await sign_in("ops", "operator")
    page = await ops.get("/parked")
    assert {f"v1/parked/{name}" for name in ("intake", "router", "sla", "kb", "bridge", "desk")} <= set(parked.asked)
    assert "intake.&lt;b&gt;received.v1" in page.text
    assert "the vendors&#39; bridge" in page.text  # could not be had
    del parked.answers["v1/parked/router"]
    assert "Nothing is parked." not in (await ops.get("/parked")).text  # nobody knows
    parked.answers["v1/parked/router"] = {"service": "router", "messages": [MESSAGE]}
    one = await ops.get(PATH)
    for text in ("&lt;u&gt;unknown tenant", "&lt;b&gt;Traceback", "&lt;script&gt;", "2.3 kB"):
        assert text in one.text
    for path in ("/parked/none/x", f"/parked/none/{MESSAGE['id']}", "/parked/router/x"):
        assert (await ops.get(path)).status_code == 404


async def test_a_message_is_tried_again_or_given_up_with_a_reason(sign_in, parked):
    ops = await sign_in("ops", "operator")
    token = {"csrf": csrf_of(await ops.get(PATH))}
    empty = await ops.post(f"{PATH}/discard", data=token | {"reason": " "})
    assert empty.status_code == 422
    assert parked.told == []
    parked.answers[f"POST v1{PATH}/discard"] = MESSAGE
    parked.answers[f"POST v1{PATH}/replay"] = {"title": "Resolved already"}
    parked.statuses[f"POST v1{PATH}/replay"] = 409
    done = await ops.post(f"{PATH}/discard", data=token | {"reason": "A test"})
    assert (done.status_code, done.headers["location"]) == (303, "/parked")
    assert json.loads(parked.told[-1][2]) == {"reason": "A test"}
    again = await ops.post(f"{PATH}/replay", data=token)
    assert again.status_code == 409
    assert "Somebody has replayed or discarded it already." in again.text


async def test_silent_vendors_come_first_with_contract_and_figures(sign_in, others):
    spans = {"count": 1, "median_seconds": 3_600, "p90_seconds": 7_200, "worst_seconds": 7_200}
    figures = {
        "offered": 4, "accepted": 3, "not_accepted_in_time": 1, "handed_back": 0, "taken_back": 0, "resolved": 2,
        "reopened": 0, "time_to_accept": spans, "time_to_resolve": {"count": 0, "median_seconds": None, "p90_seconds": None},
    }  # fmt: skip
    quick = {
        "id": "quick",
        "name": "Quick",
        "group": "makers",
        "covers": ["network"],
        "contract": None,
        "open_offered": 0,
        "open_accepted": 9,
    }
    slow = {
        "id": "slow", "name": "<b>Slow", "group": None, "covers": [], "open_offered": 1, "open_accepted": 0,
        "contract": {"reference": "C-<i>7", "starts": None, "ends": "2027-01-01"},
    }  # fmt: skip
    waits = {"reference": "TD-9", "worker": None, "accepted_at": None, "age_seconds": 90_000}
    others.answers["v1/vendors"] = [quick, slow]
    for vendor, has_now in ((quick, []), (slow, [waits])):
        card = {"vendor": vendor, "figures": figures, "refused": {"stale": 2}, "open": has_now}
        others.answers[f"v1/vendors/{vendor['id']}/scorecard"] = card
    others.answers["v1/vendors/slow/refusals"] = {
        "refusals": [{"worker": "rob", "reason": "stale", "detail": "<b>late"}]
    }
    lea = await sign_in("lea", "lead:l1")
    page = await lea.get("/vendors")
    assert page.text.index("&lt;b&gt;Slow") < page.text.index(">Quick<")
    assert "silent for 1 day 1 hr" in page.text
    assert "Contract C-&lt;i&gt;7" in page.text
    assert "1 hr" in page.text
    one = await lea.get("/vendors/slow")
    assert "TD-9" in one.text
    assert "&lt;b&gt;late" in one.text
    assert (await lea.get("/vendors/none")).status_code == 503  # the router is asked, and says nothing here


@pytest.fixture
async def held(desk, offered, assigned, person):
    """A ticket that ann has, with its subject."""
    offer = offered()
    work = await desk.offer(offer)
    await desk.board.claim(person("ann"), work)
    assert await desk.receive(desk.work, assigned(offer, "ann")) == []
    return f"/works/{work}", offer.subject


async def test_a_file_is_sent_through_the_desk_with_the_guards_that_intake_gives_it(sign_in, others, held):
    from fastapi.responses import Response

    path, ticket = held
    listed = {"id": FILE, "name": "<b>a.png", "file_name": "TD-1-1.png", "size_bytes": 12, "media_type": "image/png"}
    others.answers["v1/events/attachments"] = {"attachments": [listed]}
    guards = {
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
        "Content-Disposition": 'attachment; filename="TD-1-1.png"',
        "Set-Cookie": "not=ours",
    }
    others.answers[f"v1/events/attachments/{FILE}"] = Response(b"twelve bytes", headers=guards, media_type="image/png")
    client = await sign_in("ann", "agent")
    page = await client.get(path)
    assert f'href="{path}/files/{FILE}"' in page.text
    assert "&lt;b&gt;a.png" in page.text
    file = await client.get(f"{path}/files/{FILE}")
    assert (file.status_code, file.content) == (200, b"twelve bytes")
    for name, value in guards.items():
        assert file.headers.get(name) == (None if name == "Set-Cookie" else value), name
    assert (
        await client.get(f"{path}/files/01890000-0000-7000-8000-0000000000f1")
    ).status_code == 404  # of another ticket
    del ticket


async def test_a_note_with_a_file_hangs_it_on_the_ticket_and_names_it(desk, sign_in, others, held):
    path, ticket = held
    others.answers["POST v1/events/attachments"] = {"file_name": "TD-1-1.txt"}
    others.statuses["POST v1/events/attachments"] = 201
    client = await sign_in("ann", "agent")
    page = await client.get(path)
    form = {
        "csrf": csrf_of(page),
        "seen": re.search(r'name="seen" value="(\d+)"', page.text)[1],
        "key": "k",
        "text": "Look",
    }
    files = {"file": ("../<b>log.txt", b"the bytes", "text/html")}
    stale = await client.post(f"{path}/note", data=form | {"seen": "7"}, files=files)
    assert stale.status_code == 409
    assert others.told == []  # nothing hangs on a ticket whose note is not taken
    done = await client.post(f"{path}/note", data=form, files=files)
    assert done.status_code == 303, done.text
    (name, query, body, headers) = others.told[-1]
    assert (name, body) == ("POST v1/events/attachments", b"the bytes")
    assert query == f"ticket={ticket}&name=..%2F%3Cb%3Elog.txt"
    assert (headers["idempotency-key"], headers["content-type"]) == ("k-0", "application/octet-stream")
    assert (await desk.sent())[-1].data.note == "Look\n\n[TD-1-1.txt]"


async def test_a_file_that_is_refused_leaves_the_text_and_says_nothing(desk, sign_in, others, held):
    path, _ = held
    others.answers["POST v1/events/attachments"] = {"title": "Invalid attachment", "detail": "It is a <b>program."}
    others.statuses["POST v1/events/attachments"] = 422
    client = await sign_in("ann", "agent")
    form = {"csrf": csrf_of(await client.get(path)), "text": "Look <i>here"}
    answer = await client.post(f"{path}/note", data=form, files={"file": ("a.exe", b"MZ", "text/plain")})
    assert answer.status_code == 422
    assert "It is a &lt;b&gt;program." in answer.text
    assert "Look &lt;i&gt;here" in answer.text
    assert len(await desk.sent()) == 1
    empty = await client.post(f"{path}/note", data=form, files={"file": ("a.txt", b"", "text/plain")})
    assert empty.status_code == 422


async def test_ticked_steps_of_an_article_are_steps_tried(desk, sign_in, others, held):
    path, _ = held
    article = {
        "id": FILE, "title": "Unjam", "html": "<p>Open</p>", "kind": "how-to", "audience": "requester", "video": None,
        "steps": ["Open the <b>lid", "Pull", "Close"],
    }  # fmt: skip
    others.answers[f"v1/articles/{FILE}"] = article
    client = await sign_in("ann", "agent")
    page = await client.get(f"{path}/articles/{FILE}")
    assert "Open the &lt;b&gt;lid" in page.text
    assert f'href="{path}?do=resolve&amp;article={FILE}#act"' in page.text
    token = {"csrf": csrf_of(page)}
    empty = await client.post(f"{path}/articles/{FILE}", data=token | {"result": "Kept <b>"})
    assert empty.status_code == 422
    assert 'value="Kept &lt;b&gt;"' in empty.text
    moved = await client.post(f"{path}/articles/{FILE}", data=token | {"ticked": "2", "result": "Kept", "seen": "99"})
    assert moved.status_code == 409
    assert 'value="2" checked' in moved.text
    done = await client.post(
        f"{path}/articles/{FILE}", data=token | {"ticked": ["1", "3", "99"], "result": "Still jams"}
    )
    assert done.status_code == 303
    steps = (await desk.sent())[-1].data.steps_tried
    assert [(one.step, one.article_id, one.article_step, one.result) for one in steps] == [
        ("Open the <b>lid", FILE, 1, ""),
        ("Close", FILE, 3, "Still jams"),
    ]
    form = (await client.get(f"{path}?do=resolve&article={FILE}")).text
    assert f'name="article_id" type="text" value="{FILE}"' in form
    others.answers[f"v1/articles/{FILE}"] = article | {"audience": "l3"}
    low = await client.get(f"{path}/articles/{FILE}")
    assert low.status_code == 200  # ann is an agent of all tiers


async def test_an_article_for_a_higher_tier_is_not_shown_below(sign_in, others, held):
    path, _ = held
    others.answers[f"v1/articles/{FILE}"] = {
        "id": FILE, "title": "Secret", "html": "", "kind": "faq", "audience": "l3", "video": None, "steps": [],
    }  # fmt: skip
    client = await sign_in("ben", "agent:l1")
    page = await client.get(f"{path}/articles/{FILE}")
    assert page.status_code == 404
    assert "Secret" not in page.text
