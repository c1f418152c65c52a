"""`/v1/clocks`, over HTTP, with keys."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from httpx2 import ASGITransport, AsyncClient

from tierdesk_contracts import ticket as events
from tierdesk_runtime.http import create_app
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings
from tierdesk_sla.http.clocks import clock_routes


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(Secrets.create(tmp_path / "secrets.json"))


@pytest.fixture
async def app(desk, ring, postgres_url, tmp_path):
    settings = Settings(database_url=postgres_url, secrets_file=tmp_path / "secrets.json")
    app = create_app(title="clocks", ring=ring, settings=settings)
    app.include_router(clock_routes(desk.database, desk.clock, desk.shelf))
    return app


@pytest.fixture
async def client(app):
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://desk") as client:
        yield client


@pytest.fixture
def key_of(ring):
    def mint(tenant="main", *scopes):
        return {"Authorization": f"Bearer {ring.mint('test', tenant, scopes or ('clocks:read',))}"}

    return mint


async def test_a_ticket_shows_its_clocks_with_what_counts_and_what_was_said(desk, story, client, key_of):
    await desk.tell(story.begun().paused(40).resumed(50).answered(59))
    await desk.say_due(60)
    answer = await client.get(f"/v1/clocks/{story.ticket_id}", headers=key_of())
    assert answer.status_code == 200
    shown = {clock["kind"]: clock for clock in answer.json()["clocks"]}
    response, resolution = shown["first_response"], shown["resolution"]
    assert (response["state"], response["elapsed_seconds"], response["remaining_seconds"]) == ("met", 49 * 60, 11 * 60)
    assert response["holds"] == [
        {"since": "2026-03-02T09:40:00Z", "until": "2026-03-02T09:50:00Z", "party": "requester"}
    ]
    assert (resolution["due_at"], resolution["remaining_seconds"]) == ("2026-03-02T13:10:00Z", 190 * 60)
    assert resolution["target"]["within_seconds"] == 4 * 3600
    assert resolution["target"]["policy_version"] == desk.policy.version
    assert (shown["acceptance"]["tier"], shown["acceptance"]["group"]) == ("l1", "front")
    assert answer.json()["at"] == "2026-03-02T10:00:00Z"


async def test_what_was_said_is_shown_with_its_time(desk, story, client, key_of):
    await desk.tell(story.begun())
    await desk.say_due(61)
    answer = await client.get("/v1/clocks/TD-TEST-0001", headers=key_of())
    (response,) = [clock for clock in answer.json()["clocks"] if clock["kind"] == "first_response"]
    assert [(word["word"], word["share"]) for word in response["said"]] == [
        ("warned", 0.5),
        ("warned", 0.75),
        ("breached", 1),
    ]
    assert response["overdue"] is True
    assert response["remaining_seconds"] == 0


async def test_a_paused_clock_has_no_due_instant_and_keeps_what_remains(desk, story, client, key_of):
    await desk.tell(story.begun().paused(40))
    await desk.say_due(500)
    answer = await client.get(f"/v1/clocks/{story.ticket_id}", headers=key_of())
    (resolution,) = [clock for clock in answer.json()["clocks"] if clock["kind"] == "resolution"]
    assert (resolution["state"], resolution["due_at"], resolution["remaining_seconds"]) == ("paused", None, 200 * 60)


async def test_a_ticket_shows_who_had_it_and_what_was_used_up_meanwhile(desk, story, client, key_of):
    story.begun().paused(40).resumed(50).tell(
        events.Escalated, 60, assignment="first", reason="cause_unclear", to_tier="l2", to_group="engineers"
    )
    await desk.tell(story.offered(70, tier="l2", group="engineers", reason="escalation", assignment="two", token=2))
    await desk.say_due(100)
    shown = (await client.get(f"/v1/clocks/{story.ticket_id}", headers=key_of())).json()
    told = [
        (one["holder"], one["tier"], one["worker"], one["elapsed_seconds"], one["ended_by"])
        for one in shown["segments"]
    ]
    assert told == [
        ("visit", "l1", "ana", 3_600, "escalated"),
        ("desk", None, None, 600, "offered"),
        ("visit", "l2", None, 1_800, None),
    ]
    used = [{one["kind"]: one["seconds"] for one in segment["used"]} for segment in shown["segments"]]
    assert [one["resolution"] for one in used] == [50 * 60, 600, 1_800]
    assert shown["segments"][0]["waits"] == [
        {"since": "2026-03-02T09:40:00Z", "until": "2026-03-02T09:50:00Z", "party": "requester"}
    ]


async def test_a_ticket_is_explained_in_words_in_fields_and_in_a_picture(desk, story, client, key_of):
    await desk.tell(story.begun().paused(40).resumed(50))
    await desk.say_due(75)
    told = (await client.get("/v1/clocks/TD-TEST-0001/explanation", headers=key_of())).json()
    (resolution,) = [clock for clock in told["clocks"] if clock["kind"] == "resolution"]
    assert [(one["cause"], one["party"], one["seconds"]) for one in resolution["intervals"]] == [
        ("open", None, 2_400),
        ("hold", "requester", 0),
        ("open", None, 200 * 60),
    ]
    assert desk.policy.targets[resolution["target_index"]].within_seconds == 4 * 3_600
    assert "pauses.requester stops resolution" in told["text"]
    assert "warned at 50%" in told["text"]
    picture = await client.get("/v1/clocks/TD-TEST-0001/timeline.svg", headers=key_of())
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert picture.headers["content-security-policy"].startswith("default-src 'none'")
    assert picture.text.startswith("<?xml")
    assert "TD-TEST-0001" in picture.text


async def test_the_document_tells_what_a_picture_is(app):
    paths = app.openapi()["paths"]
    content = paths["/v1/clocks/{ticket}/timeline.svg"]["get"]["responses"]["200"]["content"]
    assert content == {"image/svg+xml": {"schema": {"type": "string"}}}


async def test_no_tenant_reaches_the_clocks_of_another(desk, story, client, key_of):
    await desk.tell(story.begun())
    for name in (story.ticket_id, "TD-TEST-0001", "TD-TEST-0001/explanation", "TD-TEST-0001/timeline.svg"):
        answer = await client.get(f"/v1/clocks/{name}", headers=key_of("other"))
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (await client.get("/v1/clocks/summary", headers=key_of("other"))).json() == {"kinds": []}


async def test_no_endpoint_answers_without_a_key_or_scope(client, key_of):
    shown = "/v1/clocks/TD-TEST-0001"
    for path in ("/v1/clocks/summary", shown, f"{shown}/explanation", f"{shown}/timeline.svg"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=key_of("main", "tickets:read"))).status_code == 403


async def test_the_summary_counts_promises_by_kind_and_state(desk, tell, client, key_of):
    await desk.tell(tell(ticket_id=uuid4()).begun())
    await desk.tell(tell(ticket_id=uuid4()).begun().resolved(61))
    await desk.tell(tell(ticket_id=uuid4()).begun().tell(events.CancelledByRequester, 5))
    answer = await client.get("/v1/clocks/summary", headers=key_of())
    counted = {
        entry["kind"]: {state: n for state, n in entry.items() if n and state != "kind"}
        for entry in answer.json()["kinds"]
    }
    assert counted == {
        "first_response": {"running": 1, "missed": 1, "void": 1},
        "resolution": {"running": 1, "met": 1, "void": 1},
        "acceptance": {"met": 3},
    }


async def test_a_name_that_is_no_ticket_gets_a_problem(client, key_of):
    for name, status in (("nothing", 404), (str(UUID(int=0)), 404), ("%00", 422), ("x" * 101, 422)):
        answer = await client.get(f"/v1/clocks/{name}", headers=key_of())
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
