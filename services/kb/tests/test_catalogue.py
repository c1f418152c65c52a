"""`/v1/catalogue`: services are written, ordered, and followed."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tierdesk_contracts import seal
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status
from tierdesk_kb.domain.catalogue import Service, word_order

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SCOPES = ("catalogue:read", "catalogue:write", "catalogue:order")
FORM = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"title": "Screen", "enum": ["13", "15"]},
        "extras": {"type": "array", "items": {"type": "string"}},
        "location": {"type": "string"},
        "contact": {"type": "string"},
        "insured": {"title": "Insured?", "type": "boolean"},
    },
}
LAPTOP = {
    "name": "Laptop for a new colleague",
    "description": "With a **dock**.",
    "form": FORM,
    "category": "hardware",
    "steps": ["Order it", "Install it", "Hand it over"],
}
ORDER = {
    "requester": {"party": "ann", "name": "Ann"},
    "answers": {"size": "13", "extras": ["dock", "bag"], "insured": True},
}


@pytest.fixture
def headers(key_of):
    return key_of("main", *SCOPES)


async def put(client, headers, item="laptop", **fields):
    return await client.put(f"/v1/catalogue/{item}", json=LAPTOP | fields, headers=headers)


async def order(client, headers, item="laptop", *, key=None, **fields):
    given = headers | ({} if key is None else {"Idempotency-Key": key})
    return await client.post(f"/v1/catalogue/{item}/orders", json=ORDER | fields, headers=given)


async def count(base, table):
    async with base.database.read() as connection:
        return (await connection.execute(text(f"SELECT count(*) FROM kb.{table}"))).scalar_one()


async def test_a_service_is_written_read_listed_and_revised(client, headers):
    made = await put(client, headers)
    assert (made.status_code, made.json()["version"], made.json()["form"]) == (201, 1, FORM)
    again = await put(client, headers)
    assert (again.status_code, again.json()["version"]) == (200, 1), "what says the same is no new version"
    assert (await put(client, headers, name="Laptop", based_on=1)).json()["version"] == 2
    assert (await client.get("/v1/catalogue/laptop", headers=headers)).json()["name"] == "Laptop"
    first = await client.get("/v1/catalogue/laptop", params={"version": 1}, headers=headers)
    assert first.json()["name"] == LAPTOP["name"]
    (listed,) = (await client.get("/v1/catalogue", headers=headers)).json()["services"]
    assert (listed["item"], listed["version"], listed["name"]) == ("laptop", 2, "Laptop")


async def test_a_form_keeps_the_order_of_its_fields(client, headers):
    turned = {"type": "object", "properties": {name: {} for name in ("zone", "b", "aaaa")}}
    await put(client, headers, form=turned)
    kept = (await client.get("/v1/catalogue/laptop", headers=headers)).json()["form"]
    assert list(kept["properties"]) == ["zone", "b", "aaaa"]
    other = turned | {"properties": dict(reversed(turned["properties"].items()))}
    assert (await put(client, headers, form=other, based_on=1)).json()["version"] == 2


async def test_of_two_authors_the_second_gets_a_conflict(client, headers):
    await put(client, headers)
    assert (await put(client, headers, name="A", based_on=1)).status_code == 200
    refused = await put(client, headers, name="B", based_on=1)
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert "version 2" in refused.json()["detail"]
    assert (await put(client, headers, "phone", based_on=1)).status_code == 409
    made = await asyncio.gather(*(put(client, headers, "chair", name=f"Chair {number}") for number in range(5)))
    assert sorted(one.status_code for one in made) == [201, 409, 409, 409, 409]


async def test_what_cannot_be_ordered_is_listed_on_demand_alone(client, headers):
    for item in ("laptop", "phone", "chair"):
        await put(client, headers, item, active=item != "phone")

    async def listed(**options):
        page = (await client.get("/v1/catalogue", params=options, headers=headers)).json()
        return [one["item"] for one in page["services"]], page["next"]

    assert await listed() == (["chair", "laptop"], None)
    assert await listed(inactive=True, limit=2) == (["chair", "laptop"], "laptop")
    assert await listed(inactive=True, limit=2, after="laptop") == (["phone"], None)
    assert (await order(client, headers, "phone")).status_code == 409


async def test_an_order_is_sent_to_intake_with_what_was_answered_and_its_steps(base, client, headers):
    await put(client, headers)
    answers = ORDER["answers"] | {"location": "Room 4", "contact": "+44 20 7946 0123"}
    accepted = await order(client, headers, answers=answers)
    assert accepted.status_code == 202, accepted.text
    ticket = accepted.json()["order"]
    assert accepted.headers["location"] == f"/v1/catalogue/orders/{ticket}"
    (told,) = await base.sent("service.ordered.v1")
    assert (told.subject, told.tenant, told.source) == (ticket, "main", "/tierdesk/kb")
    assert (told.data.item, told.data.version, told.data.category) == ("laptop", 1, "hardware")
    assert (told.data.title, told.data.requester.party) == (LAPTOP["name"], "ann")
    assert (told.data.location, told.data.contact) == ("Room 4", "+44 20 7946 0123")
    assert told.data.text == (
        "To be done:\n1. Order it\n2. Install it\n3. Hand it over\n\n"
        "Ordered with:\nScreen: 13\nextras: dock, bag\nlocation: Room 4\nInsured?: yes"
    )


async def test_an_order_is_followed_by_the_events_of_its_ticket(base, client, headers, policy):
    await put(client, headers)
    ticket = (await order(client, headers)).json()["order"]
    path = f"/v1/catalogue/orders/{ticket}"
    found = (await client.get(path, headers=headers)).json()
    assert (found["status"], found["ticket"], found["answers"]) == ("ordered", None, ORDER["answers"])
    for sequence, status in ((1, Status.ACCEPTED), (2, Status.RESOLVED)):
        event = events.Replied(sequence=sequence, at=NOW, actor=Actor(kind=ActorKind.DESK, id="desk"), text="x")
        data = events.TicketChanged(
            reference="TD-TEST-0001", policy_version=policy.version, status=status, first_sequence=sequence,
            sequence=sequence, events=(event,),
        )  # fmt: skip
        for tenant in ("main", "other"):
            told = seal(
                data, message_id=uuid4(), source="/test", subject=ticket, time=NOW, tenant=tenant, sequence=sequence
            )
            assert await base.receive(base.tickets, told) == []
        found = (await client.get(path, headers=headers)).json()
        assert (found["status"], found["ticket"]) == (status.value, {"id": ticket, "reference": "TD-TEST-0001"})


async def test_the_same_key_is_one_order_whatever_became_of_the_service(base, client, headers):
    await put(client, headers)
    first = await order(client, headers, key="one")
    await put(client, headers, active=False, based_on=1)
    again = await order(client, headers, key="one")
    assert (again.status_code, again.content) == (202, first.content)
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    other = await order(client, headers, key="one", answers={"size": "15"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    elsewhere = await order(client, headers, "phone", key="one")
    assert elsewhere.status_code == 422
    assert await count(base, "service_order") == len(await base.sent("service.ordered")) == 1


async def test_orders_under_one_key_that_come_at_once_are_one(base, client, headers):
    await put(client, headers)
    answers = await asyncio.gather(*(order(client, headers, key="one") for _ in range(8)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert await count(base, "service_order") == len(await base.sent("service.ordered")) == 1


async def test_orders_without_a_key_are_each_one(base, client, headers):
    await put(client, headers)
    assert len({(await order(client, headers)).json()["order"] for _ in range(3)}) == 3
    assert await count(base, "service_order") == len(await base.sent("service.ordered")) == 3


async def test_answers_that_do_not_fit_are_told_by_their_pointer_and_order_nothing(base, client, headers):
    await put(client, headers)
    refused = await order(client, headers, answers={"size": "99", "extras": [1]}, key="one")
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert refused.json()["errors"] == [
        {"field": "/answers/size", "message": 'must be one of ["13", "15"]'},
        {"field": "/answers/extras/0", "message": "must be of the type string"},
    ]
    assert await count(base, "service_order") == len(await base.sent("service.ordered")) == 0
    assert (await order(client, headers, key="one")).status_code == 202, "the key is free"


async def test_an_order_of_a_form_that_is_out_of_date_is_refused(client, headers):
    await put(client, headers)
    assert (await order(client, headers, version=1)).status_code == 202
    await put(client, headers, name="Laptop", based_on=1)
    assert (await order(client, headers, version=1)).status_code == 409
    assert (await order(client, headers, version=2)).status_code == 202


async def test_odd_texts_are_ordered_as_they_were_written(base, client, headers):
    await put(client, headers, form={"type": "object"})
    for words in (
        "\u202e\u05e9\u05dc\u05d5\u05dd",
        "🖨️",
        "<script>alert(1)</script>",
        "x" * 10_000,
        "'; DROP TABLE kb.post; --",
    ):
        ticket = (await order(client, headers, answers={"why": words})).json()["order"]
        found = (await client.get(f"/v1/catalogue/orders/{ticket}", headers=headers)).json()
        assert found["answers"] == {"why": words}
        assert f"why: {words}" in (await base.sent("service.ordered"))[-1].data.text
    huge = {"why": 10**4_000, "and": -1.5e300}
    ticket = (await order(client, headers, answers=huge)).json()["order"]
    assert (await client.get(f"/v1/catalogue/orders/{ticket}", headers=headers)).json()["answers"] == huge
    for answers in ({"why": "a\x00b"}, {"a\x00b": 1}):
        refused = await order(client, headers, answers=answers)
        assert refused.status_code == 422


async def test_a_bad_field_is_named(client, headers):
    for change, field in (
        ({"name": ""}, "name"),
        ({"form": []}, "form"),
        ({"form": {"type": "object", "properties": {"a": {"$ref": "http://x"}}}}, "form/properties/a/$ref"),
        ({"form": {"type": "object", "properties": {"a": {"pattern": "("}}}}, "form/properties/a/pattern"),
        ({"form": {"type": "object", "title": "\x00"}}, "form/title"),
        ({"category": "nothing"}, "category"),
        ({"category": "Not A Name"}, "category"),
        ({"steps": ["x"] * 31}, "steps"),
        ({"based_on": -1}, "based_on"),
        ({"price": 1}, "price"),
    ):
        answer = await put(client, headers, **change)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), change
        assert answer.json()["errors"][0]["field"] == field
    await put(client, headers)
    for change, field in (
        ({"requester": {}}, "requester.party"),
        ({"answers": []}, "answers"),
        ({"version": 0}, "version"),
        ({"price": 1}, "price"),
    ):
        answer = await order(client, headers, **change)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), change
    for key in ("x" * 201, "caf\u00e9".encode()):
        answer = await client.post(
            "/v1/catalogue/laptop/orders", json=ORDER, headers=headers | {"Idempotency-Key": key}
        )
        assert answer.status_code == 422


async def test_no_tenant_sees_or_orders_what_is_another_s(base, client, headers, key_of):
    foreign = key_of("other", *SCOPES)
    await put(client, headers)
    ticket = (await order(client, headers, key="one")).json()["order"]
    assert (await client.get("/v1/catalogue", headers=foreign)).json() == {"services": [], "next": None}
    for path in ("/v1/catalogue/laptop", f"/v1/catalogue/orders/{ticket}"):
        assert (await client.get(path, headers=foreign)).status_code == 404
    assert (await order(client, foreign, key="one")).status_code == 404
    assert (await put(client, foreign, name="Mine")).status_code == 201
    assert (await client.get("/v1/catalogue/laptop", headers=headers)).json()["name"] == LAPTOP["name"]
    assert (await order(client, foreign, key="one")).json()["order"] != ticket


async def test_each_endpoint_asks_for_its_scope(client, key_of):
    for method, path, scope in (
        ("GET", "/v1/catalogue", "catalogue:read"),
        ("GET", "/v1/catalogue/laptop", "catalogue:read"),
        ("PUT", "/v1/catalogue/laptop", "catalogue:write"),
        ("POST", "/v1/catalogue/laptop/orders", "catalogue:order"),
        ("GET", f"/v1/catalogue/orders/{uuid4()}", "catalogue:order"),
    ):
        assert (await client.request(method, path)).status_code == 401
        others = [one for one in SCOPES if one != scope]
        assert (await client.request(method, path, headers=key_of("main", *others))).status_code == 403


def test_the_longest_order_is_a_message():
    form = {"type": "object", "properties": {f"p{n}": {"title": "t" * 300} for n in range(95)}}
    service = Service("main", "laptop", 1, "L" * 300, "", form, "hardware", ("s" * 300,) * 30, active=True)
    answers = {f"p{n}": "a" * 160 for n in range(95)}
    assert len(json.dumps(answers)) < 16_384
    from tierdesk_contracts.intake import Requester

    told = word_order(service, Requester(party="ann"), answers)
    envelope = seal(told, message_id=UUID(int=1), source="/x", subject="x", time=NOW, tenant="main")
    assert told.text.endswith("a" * 160)
    assert len(envelope.to_bytes()) < 80_000
