"""`POST /v1/events:batch` on the running service."""

import json
from uuid import uuid4

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}


def line(key, event=PROBLEM):
    return json.dumps({"key": key, "event": event}).encode()


def post(client, lines):
    body = lines if isinstance(lines, bytes) else b"\n".join(lines)
    return client.post("/v1/events:batch", content=body, headers={"Content-Type": "application/x-ndjson"})


def results(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    return [json.loads(text) for text in answer.content.splitlines()]


def test_each_line_is_answered_in_order(intake):
    with intake.client() as client:
        told = results(post(client, [line(f"k{number}") for number in range(1200)]))
    assert [one["line"] for one in told] == list(range(1, 1201))
    assert [one["key"] for one in told] == [f"k{number}" for number in range(1200)]
    assert {one["status"] for one in told} == {202}
    assert len({one["ticket"] for one in told}) == len({one["reference"] for one in told}) == 1200
    assert {message.subject for message in intake.messages(1200)} == {one["ticket"] for one in told}


def test_a_batch_sent_again_gets_the_same_tickets(intake):
    lines = [line(f"k{number}") for number in range(10)]
    with intake.client() as client:
        first, second = results(post(client, lines)), results(post(client, lines))
    assert [one.pop("replayed") for one in first] == [False] * 10
    assert [one.pop("replayed") for one in second] == [True] * 10
    assert first == second
    assert intake.count("ticket") == 10


def test_a_bad_line_harms_no_other(intake):
    with intake.client() as client:
        client.post("/v1/events", json=PROBLEM, headers={"Idempotency-Key": "taken"})
        told = results(
            post(
                client,
                [
                    line("a"),
                    b'{"key": "b", "event": {',
                    line("c", PROBLEM | {"impact": 9}),
                    b"",
                    line("d", {"type": "confirmed", "ticket": str(uuid4())}),
                    line("taken"),
                    b"\xff\xfe",
                    line("e\x00"),
                    line("f", PROBLEM | {"text": "x" * (1 << 20)}),
                    line("z"),
                ],
            )
        )
    assert [(one["line"], one["key"], one["status"]) for one in told] == [
        (1, "a", 202),
        (2, None, 400),
        (3, "c", 422),
        (5, "d", 404),
        (6, "taken", 422),
        (7, None, 400),
        (8, "e\x00", 422),
        (9, "f", 413),
        (10, "z", 202),
    ]
    fields = {one["line"]: [error["field"] for error in one["problem"].get("errors", [])] for one in told[1:-1]}
    assert fields == {
        2: ["body"], 3: ["event.impact"], 5: ["event.ticket"], 6: ["key"], 7: ["body"], 8: ["key"], 9: []
    }  # fmt: skip
    assert intake.count("ticket") == 3


def test_a_key_twice_in_a_batch_keeps_the_rule(intake):
    with intake.client() as client:
        told = results(post(client, [line("a"), line("a"), line("a", PROBLEM | {"title": "No web"}), line("b")]))
    assert [one["status"] for one in told] == [202, 202, 422, 202]
    assert told[0]["ticket"] == told[1]["ticket"]
    assert [told[0]["replayed"], told[1]["replayed"]] == [False, True]
    assert intake.count("ticket") == 2


def test_a_line_may_end_as_other_systems_end_lines(intake):
    with intake.client() as client:
        told = results(post(client, line("a") + b"\r\n" + line("b") + b"\n\n"))
        assert results(post(client, line("a")))[0]["replayed"]
    assert [one["status"] for one in told] == [202, 202]


def test_follow_ups_of_one_ticket_keep_the_order_of_their_lines(intake):
    with intake.client() as client:
        ticket = client.post("/v1/events", json=PROBLEM).json()["ticket"]
        replies = [{"type": "requester_replied", "ticket": ticket, "text": str(number)} for number in range(700)]
        told = results(post(client, [line(f"k{number}", reply) for number, reply in enumerate(replies)]))
    assert {one["status"] for one in told} == {202}
    messages = intake.messages(701)
    assert [message.position for message in messages] == list(range(1, 702))
    assert [message.data.text for message in messages[1:]] == [str(number) for number in range(700)]


def test_more_lines_than_a_batch_may_have_are_refused_whole(shared_intake):
    with shared_intake.client() as client:
        answer = post(client, [line(f"k{number}") for number in range(10_001)])
        assert answer.status_code == 413
        assert answer.json()["title"] == "Too large"
        assert post(client, b"\n" * 12_000_000).status_code == 413
    assert shared_intake.count("ticket") == 0


def test_the_largest_batch_is_taken(intake):
    with intake.client() as client:
        told = results(post(client, [line(f"k{number}") for number in range(10_000)]))
    assert len({one["ticket"] for one in told}) == 10_000


def test_an_empty_batch_is_refused(shared_intake):
    with shared_intake.client() as client:
        for body in (b"", b"\n \r\n"):
            assert post(client, body).status_code == 400


def test_a_batch_over_its_limit_is_refused(shared_intake):
    with shared_intake.client() as client:
        assert post(client, b"x" * (16 * 1024 * 1024 + 1)).status_code == 413
