"""The OpenAPI document says what the endpoints do."""

import json
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
CALL = {"event": "newCall", "direction": "in", "callId": "c-1", "from": "491", "to": "493"}


@pytest.fixture(scope="module")
def document(shared_intake):
    return shared_intake.pbx.get(f"{shared_intake.url}/openapi.json").json()


def validate(document, value, *steps):
    """Check a value against the schema that stands at these steps of the document."""
    registry = Registry().with_resource("urn:openapi", Resource(document, DRAFT202012))
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    Draft202012Validator({"$ref": f"urn:openapi#{quote(pointer)}"}, registry=registry).validate(value)


def taken(path, media_type):
    return "paths", path, "post", "requestBody", "content", media_type, "schema"


def answered(path, status, media_type):
    return "paths", path, "post", "responses", status, "content", media_type, "schema"


def test_every_reference_leads_somewhere(document):
    def references(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    found = set(references(document))
    assert found
    for reference in found:
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize(
    ("path", "media_type", "value"),
    [
        ("/v1/events", "application/json", PROBLEM),
        ("/v1/events:batch", "application/x-ndjson", {"key": "k", "event": PROBLEM}),
        ("/v1/phone/generic", "application/json", CALL),
        ("/v1/phone/generic", "application/x-www-form-urlencoded", CALL),
    ],
)
def test_what_is_taken_fits_its_schema(document, path, media_type, value):
    validate(document, value, *taken(path, media_type))


@pytest.mark.parametrize("change", [{"type": "call"}, {"title": ""}, {"impact": 4}, {"tenant": "x"}, {"requester": {}}])
def test_what_is_refused_does_not_fit(document, change):
    with pytest.raises(ValidationError):
        validate(document, PROBLEM | change, *taken("/v1/events", "application/json"))


def test_answers_fit_their_schemas(document, shared_intake):
    with shared_intake.client() as client:
        event = client.post("/v1/events", json=PROBLEM)
        lines = b'{"key": "a", "event": ' + json.dumps(PROBLEM).encode() + b'}\n{"key": 7}'
        batch = client.post("/v1/events:batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
        wrong = client.post("/v1/events", json={})
    call = shared_intake.post_call(json.dumps(CALL).encode(), webhook_id="w-1")
    validate(document, event.json(), *answered("/v1/events", "202", "application/json"))
    for line in batch.content.splitlines():
        validate(document, json.loads(line), *answered("/v1/events:batch", "200", "application/x-ndjson"))
    validate(document, call.json(), *answered("/v1/phone/generic", "200", "application/json"))
    validate(document, wrong.json(), *answered("/v1/events", "default", "application/problem+json"))


def test_keys_and_signatures_are_described(document):
    for path in ("/v1/events", "/v1/events:batch"):
        assert document["paths"][path]["post"]["security"]
    phone = document["paths"]["/v1/phone/generic"]["post"]
    names = {parameter["name"].lower() for parameter in phone["parameters"]}
    assert names == {"tierdesk-source", "webhook-id", "webhook-timestamp"}
    assert phone["security"] == [{"signature": []}]
    assert document["components"]["securitySchemes"]["signature"]["name"] == "webhook-signature"
    assert [one["name"].lower() for one in document["paths"]["/v1/events"]["post"]["parameters"]] == ["idempotency-key"]
