"""Replies that name files: of their own ticket, whole, and by one reply each; the message tells of them."""

import json
from uuid import uuid4

import pytest

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
PATH = "/v1/events/attachments"


def open_ticket(client):
    return client.post("/v1/events", json=PROBLEM).json()["ticket"]


def attach(client, ticket, name="a.txt"):
    return client.post(PATH, params={"ticket": ticket, "name": name}, content=b"Since nine.").json()


def reply(client, ticket, *files, text="See there", **headers):
    event = {"type": "requester_replied", "ticket": ticket, "text": text, "attachments": [str(one) for one in files]}
    return client.post("/v1/events", json=event, headers=headers)


def check_refused(answer, status, *fields):
    assert answer.status_code == status, answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == list(fields)


def test_the_message_tells_of_the_files_in_their_order(intake):
    with intake.client() as client:
        ticket = open_ticket(client)
        first, second = attach(client, ticket, "../a\u202e.txt"), attach(client, ticket, "b.html")
        answer = reply(client, ticket, second["id"], first["id"], text="")
        assert answer.status_code == 202, answer.text
        assert client.post("/v1/events", json={"type": "requester_replied", "ticket": ticket, "text": "x"}).is_success
    _, told, plain = sorted(intake.messages(3), key=lambda message: message.sequence)
    assert told.data.text == ""
    assert [str(one.id) for one in told.data.attachments] == [second["id"], first["id"]]
    assert [one.name for one in told.data.attachments] == ["b.html", "a.txt"]
    for one, view in zip(told.data.attachments, (second, first), strict=True):
        named = {"file_name", "name", "media_type", "size_bytes"}
        assert one.model_dump(include=named) == {name: view[name] for name in named}
    assert plain.data.attachments == ()
    rows = intake.query("SELECT id, told_by FROM intake.attachment")
    assert {(str(row["id"]), row["told_by"]) for row in rows} == {
        (first["id"], told.id),
        (second["id"], told.id),
    }


def test_a_reply_repeated_under_its_key_is_one_and_a_file_is_named_once(shared_intake):
    with shared_intake.client() as client:
        ticket = open_ticket(client)
        file, another = attach(client, ticket)["id"], attach(client, ticket)["id"]
        key = {"Idempotency-Key": f"reply-{ticket}"}
        first = reply(client, ticket, file, **key)
        assert (first.status_code, reply(client, ticket, file, **key).content) == (202, first.content)
        before = shared_intake.stored()
        check_refused(reply(client, ticket, file), 422, "attachments.0")
        check_refused(reply(client, ticket, another, another), 422, "attachments.1")
        check_refused(reply(client, ticket, another, file), 422, "attachments.1")
        assert shared_intake.stored() == before
        assert reply(client, ticket, another).status_code == 202


def test_lines_of_one_batch_know_of_each_other(shared_intake):
    with shared_intake.client() as client:
        ticket = open_ticket(client)
        file = attach(client, ticket)["id"]
        event = {"type": "requester_replied", "ticket": ticket, "text": "x", "attachments": [file]}
        lines = b"\n".join(json.dumps({"key": f"{ticket}-{n}", "event": event}).encode() for n in range(2))
        answer = client.post("/v1/events:batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
    results = [json.loads(line) for line in answer.content.splitlines()]
    assert [one["status"] for one in results] == [202, 422]
    assert results[1]["problem"]["errors"][0]["field"] == "event.attachments.0"


def test_files_of_others_are_as_those_that_do_not_exist(shared_intake):
    with shared_intake.client() as client, shared_intake.client("other") as stranger:
        ticket, neighbour, foreign = open_ticket(client), open_ticket(client), open_ticket(stranger)
        own = attach(client, ticket)["id"]
        beside, theirs = attach(client, neighbour)["id"], attach(stranger, foreign)["id"]
        half = uuid4()
        shared_intake.query(
            "INSERT INTO intake.attachment (tenant, id, ticket, name, begun_at) VALUES ('main', $1, $2, 'x', now())",
            half,
            ticket,
        )
        before = shared_intake.stored()
        told = []
        for file in (beside, theirs, half, uuid4()):
            refused = reply(client, ticket, own, file)
            check_refused(refused, 404, "attachments.1")
            told.append({name: value for name, value in refused.json().items() if name != "request_id"})
        assert all(one == told[0] for one in told)
        check_refused(reply(stranger, ticket, own), 404, "ticket")
        assert shared_intake.stored() == before


@pytest.mark.parametrize("files", ["x", ["x"], [1], [None], [str(uuid4())] * 101, {}])
def test_what_names_no_file_is_refused(shared_intake, files):
    with shared_intake.client() as client:
        event = {"type": "requester_replied", "ticket": open_ticket(client), "text": "x", "attachments": files}
        answer = client.post("/v1/events", json=event)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"].startswith("attachments")
        refused = client.post("/v1/events", json=PROBLEM | {"attachments": []})
        check_refused(refused, 422, "attachments")
