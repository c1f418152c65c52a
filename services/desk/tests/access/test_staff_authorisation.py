"""Who may see and keep what of the people, over HTTP: each endpoint, each role, in the own group, another tier, another tenant."""

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts

from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import PERMISSIONS, Grant, Role, Verb
from tierdesk_desk.http.staff import staff_routes
from tierdesk_desk.staff import Staff

ENDPOINTS = {
    ("GET", "/presence"): Verb.WORK,
    ("PUT", "/presence"): Verb.WORK,
    ("GET", "/people"): Verb.OVERSEE,
    ("GET", "/people/{name}/record"): Verb.READ_BOARD,
    ("GET", "/shifts"): Verb.OVERSEE,
    ("POST", "/shifts"): Verb.OVERSEE,
    ("DELETE", "/shifts/{shift_id}"): Verb.OVERSEE,
}
"""What each endpoint asks for, written a second time."""


@pytest.fixture
def staff(desk):
    return Staff(desk.database, desk.shelf, desk.publisher)


@pytest.fixture
def served(app, staff):
    app.include_router(staff_routes(staff))
    return app


@pytest.fixture
async def shifts(served, gate, staff, now):
    """A shift of somebody in the own group, in another tier and in another tenant, and of nobody."""
    found = {"nobody": uuid4()}
    for which, tenant, place in (
        ("own", "main", ("l1", "front")),
        ("tier", "main", ("l2", "networks")),
        ("tenant", "other", ("l1", "front")),
    ):
        await gate.add(f"target-{which}", f"agent:{'/'.join(place)}", tenant=tenant, display_name=f"Name {which}")
        lead = Person(tenant, uuid4(), "lead", "Lead", (Grant(Role.LEAD),))
        shift = await staff.add_shift(lead, f"target-{which}", place, now, now + timedelta(hours=8))
        found[which] = shift.id
    return found


def grant_of(role):
    return f"{role.value}:l1/front" if role in {Role.AGENT, Role.LEAD} else role.value


def body_of(which, now):
    place = {"tier": "l2", "group": "networks"} if which == "tier" else {"tier": "l1", "group": "front"}
    later = (now + timedelta(days=1)).isoformat()
    return {"person": f"target-{which}", **place, "starts_at": later, "ends_at": (now + timedelta(days=2)).isoformat()}


async def rows(gate):
    return await gate.sql("SELECT * FROM desk.shift ORDER BY id")


def test_every_endpoint_is_in_the_table(served):
    others = ("/v1/desk/account", "/v1/desk/session", "/v1/desk/audit")
    found = {
        (method, context.path_format.removeprefix("/v1/desk"))
        for context in iter_route_contexts(served.routes)
        for method in context.methods or ()
        if not context.path_format.startswith(others)
    }
    assert found == set(ENDPOINTS)


async def test_every_endpoint_by_every_role(gate, served, signed_in, open_browser, now):
    for role in (None, "nobody", *Role):
        name, grants = f"some-{role}", [grant_of(role)] if role in set(Role) else []
        browser = open_browser() if role is None else await signed_in(name, *grants)
        for (method, path), verb in ENDPOINTS.items():
            url = path.format(name=name, shift_id=uuid4())
            answer = await browser.ask(method, url, {"state": "busy"} if method == "PUT" else body_of("own", now))
            refused = 401 if role is None else 403
            assert (answer.status_code != refused) is (verb in PERMISSIONS.get(role, ())), (
                role,
                method,
                path,
                answer.text,
            )


async def test_a_lead_sees_and_changes_what_is_of_the_own_group_and_nothing_else(gate, shifts, signed_in, now):
    browser = await signed_in("someone", "lead:l1/front")
    before = await rows(gate)
    people = (await browser.ask("GET", "/people")).json()["people"]
    assert [one["name"] for one in people] == ["target-own"]
    listed = (await browser.ask("GET", "/shifts")).json()["shifts"]
    assert [one["id"] for one in listed] == [str(shifts["own"])]
    for which in ("tier", "tenant", "nobody"):
        for answer in (
            await browser.ask("DELETE", f"/shifts/{shifts[which]}"),
            await browser.ask("GET", f"/people/target-{which}/record"),
        ):
            assert answer.status_code == 404
            assert "Name" not in answer.text
        assert (await browser.ask("POST", "/shifts", body_of(which, now))).status_code == 422
    assert await rows(gate) == before
    assert (await browser.ask("GET", "/people/target-own/record")).status_code == 200
    made = await browser.ask("POST", "/shifts", body_of("own", now))
    assert made.status_code == 201
    assert (await browser.ask("POST", "/shifts", body_of("own", now))).status_code == 409
    assert (await browser.ask("DELETE", f"/shifts/{made.json()['id']}")).status_code == 204
    assert (await browser.ask("DELETE", f"/shifts/{made.json()['id']}")).status_code == 404
    assert await rows(gate) == before


async def test_pages_of_people_and_shifts_go_on_where_the_last_one_ended(gate, shifts, signed_in, staff, now):
    browser = await signed_in("someone", "lead")
    lead = Person("main", uuid4(), "lead", "Lead", (Grant(Role.LEAD),))
    for number in range(3):
        starts = now + timedelta(days=number)
        await staff.add_shift(
            lead, "target-own", ("l1", "front"), starts + timedelta(hours=9), starts + timedelta(hours=10)
        )
    seen, after = [], ""
    while after is not None:
        page = (await browser.ask("GET", f"/shifts?limit=2{after and '&after=' + after}")).json()
        seen += [one["ends_at"] for one in page["shifts"]]
        after = page["next"]
    assert len(seen) == 5
    assert seen == sorted(seen)
    only = (await browser.ask("GET", f"/shifts?person=Target-Tier&since={now.isoformat().replace('+', '%2B')}")).json()[
        "shifts"
    ]
    assert [one["person"] for one in only] == ["target-tier"]
    first = (await browser.ask("GET", "/people?limit=1")).json()
    second = (await browser.ask("GET", f"/people?limit=1&after={first['next']}")).json()
    assert [one["people"][0]["name"] for one in (first, second)] == ["target-own", "target-tier"]
    assert second["next"] is None
    for wrong in ("x", "1~2", f"{10**17}~00000000-0000-0000-0000-000000000000"):
        assert (await browser.ask("GET", f"/shifts?after={wrong}")).status_code == 422


async def test_presence_is_ones_own_and_stands_as_said(gate, served, signed_in):
    amy, bob = await signed_in("amy", "agent"), await signed_in("bob", "agent")
    assert (await amy.ask("GET", "/presence")).json() == {"state": "away", "since": None}
    said = (await amy.ask("PUT", "/presence", {"state": "available"})).json()
    assert said["state"] == "available"
    assert (await amy.ask("PUT", "/presence", {"state": "available"})).json() == said
    assert (await amy.ask("PUT", "/presence", {"state": "asleep"})).status_code == 422
    assert (await bob.ask("GET", "/presence")).json()["state"] == "away"
    lead = await signed_in("lea", "lead")
    people = {one["name"]: one for one in (await lead.ask("GET", "/people")).json()["people"]}
    assert (people["amy"]["state"], people["amy"]["seen"]) == ("available", True)
    await amy.ask("DELETE", "/session")
    people = {one["name"]: one for one in (await lead.ask("GET", "/people")).json()["people"]}
    assert (people["amy"]["state"], people["amy"]["seen"]) == ("available", False)


async def test_an_open_page_is_noted_and_keeps_nobody_signed_in(gate, served, signed_in, desk):
    browser = await signed_in("amy", "agent")
    token = browser.client.cookies["tierdesk"]
    session = await gate.session(token)
    from tierdesk_desk.http.access import person_of

    await gate.sql("UPDATE desk.session SET seen_at = now() - interval '2 hours'")
    assert await gate.access.still_signed_in(person_of(session))
    ((seen, heard),) = await gate.sql("SELECT now() - seen_at, now() - heard_at FROM desk.session")
    assert seen > timedelta(hours=1)
    assert heard < timedelta(minutes=1)
    await gate.sql("UPDATE desk.session SET seen_at = now() - interval '13 hours'")
    assert not await gate.access.still_signed_in(person_of(session))
