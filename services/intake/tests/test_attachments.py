"""Files of tickets: in as a stream, checked while they come, out as they came; nothing of a stranger, nothing of half a one."""

import concurrent.futures
import hashlib
import io
import os
import zipfile
from uuid import UUID, uuid4

import pytest

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
PATH = "/v1/events/attachments"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 100
PIECE = 256 * 1024
LIMIT = 10 * 1024 * 1024
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def open_ticket(intake, tenant="main"):
    with intake.client(tenant) as client:
        return client.post("/v1/events", json=PROBLEM).json()["ticket"]


@pytest.fixture
def ticket(shared_intake):
    return open_ticket(shared_intake)


def attach(intake, ticket, content, name="file.bin", *, tenant="main", **headers):
    with intake.client(tenant) as client:
        return client.post(PATH, params={"ticket": ticket, "name": name}, content=content, headers=headers)


def listed(intake, ticket, tenant="main"):
    with intake.reader(tenant) as client:
        answer = client.get(PATH, params={"ticket": ticket})
    return answer.json()["attachments"] if answer.status_code == 200 else answer.status_code


def leftovers(intake):
    """Rows of uploads that are not whole, and pieces of none."""
    (row,) = intake.query("""
        SELECT (SELECT count(*) FROM intake.attachment WHERE number IS NULL) AS unfinished,
            (SELECT count(*) FROM intake.attachment_piece AS piece WHERE NOT EXISTS (
                SELECT FROM intake.attachment AS whole WHERE whole.id = piece.attachment AND number IS NOT NULL)) AS pieces
    """)
    return tuple(row)


def check_problem(answer, status, field=None):
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    if field is not None:
        assert [fault["field"] for fault in problem["errors"]] == [field]


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7, LIMIT])
def test_what_went_in_comes_out_to_the_byte(shared_intake, ticket, size):
    content = os.urandom(size - 1) + b"\xff"
    answer = attach(shared_intake, ticket, content, "photo of it.png")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    reference = shared_intake.query("SELECT reference FROM intake.ticket WHERE id = $1", UUID(ticket))[0][0]
    assert told | {"id": "", "added_at": ""} == {
        "id": "",
        "ticket": ticket,
        "number": 1,
        "name": "photo of it.png",
        "file_name": f"{reference}-1.bin",
        "media_type": "application/octet-stream",
        "size_bytes": size,
        "sha256": hashlib.sha256(content).hexdigest(),
        "added_at": "",
    }
    assert answer.headers["Location"] == f"{PATH}/{told['id']}"
    with shared_intake.reader() as client:
        got = client.get(answer.headers["Location"])
    assert got.content == content
    assert got.headers["Content-Length"] == str(size)
    assert listed(shared_intake, ticket) == [told]


def test_a_file_is_always_stored_by_a_browser_and_never_shown(shared_intake, ticket):
    for content, kind, ending in (
        (PNG, "image/png", "png"),
        (b"Since nine.", "text/plain; charset=utf-8", "txt"),
        (b"<html><script>alert(1)</script>", "application/octet-stream", "bin"),
        (b'<svg onload="alert(1)"/>', "application/octet-stream", "bin"),
        (b"#!/bin/sh\nid", "application/octet-stream", "bin"),
        (b"GIF89a/*<script>*/=1;alert(1)", "application/octet-stream", "bin"),
        (EICAR, "text/plain; charset=utf-8", "txt"),
    ):
        said = {"Content-Type": "text/html", "Content-Disposition": 'inline; filename="x.html.png"'}
        told = attach(shared_intake, ticket, content, None, **said).json()
        assert told["name"] == "x.html.png"
        with shared_intake.reader() as client:
            got = client.get(f"{PATH}/{told['id']}")
        assert got.content == content
        assert got.headers["Content-Type"] == kind
        disposition = got.headers["Content-Disposition"]
        assert disposition == f'attachment; filename="{told["file_name"]}"'
        assert told["file_name"].endswith(f"-{told['number']}.{ending}")
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert "no-store" in got.headers["Cache-Control"]


NAMES = {
    "../../etc/passwd": "passwd",
    "CON": "CON",
    "report\u202egpj.exe": "reportgpj.exe",
    "n\x00ul\r\nX-Evil: 1": "nul X-Evil: 1",
    '"; filename="x.html': '"; filename="x.html',
    "<svg onload=alert(1)>.png": "<svg onload=alert(1)>.png",
    "invoice.pdf.exe": "invoice.pdf.exe",
    "x" * 251 + ".png": "x" * 196 + ".png",
    "": "attachment",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_a_text_and_names_nothing(shared_intake, ticket, name):
    told = attach(shared_intake, ticket, b"x\x00", name).json()
    assert told["name"] == NAMES[name]
    with shared_intake.reader() as client:
        headers = client.get(f"{PATH}/{told['id']}").headers
    assert "x-evil" not in headers
    assert headers["Content-Disposition"] == f'attachment; filename="{told["file_name"]}"'
    assert told["file_name"].isascii()


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Content-Disposition": "attachment; filename*=UTF-8''r%C3%B6t.png"}, "r\u00f6t.png"),
        ({"Content-Type": 'image/png; name="a b.png"'}, "a b.png"),
        ({"Content-Type": "image/png"}, "attachment"),
    ],
)
def test_headers_give_the_name_where_the_address_gives_none(shared_intake, ticket, headers, name):
    assert attach(shared_intake, ticket, PNG, None, **headers).json()["name"] == name


REFUSED = {
    "nothing": (b"", {}, 422, "body"),
    "a byte too many": (b"\x00" * (LIMIT + 1), {}, 413, None),
    "much too much": (b"\x00" * (4 * LIMIT), {}, 413, None),
    "a program": (b"MZ\x90\x00" + b"\x00" * PIECE, {"Content-Type": "image/png"}, 415, None),
    "a form": (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 415, None),
    "another form": (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, None),
    "packed": (b"\x1f\x8b\x08", {"Content-Encoding": "gzip"}, 415, None),
    "a header too long": (b"x", {"Content-Disposition": "x" * 3_000}, 422, "Content-Disposition"),
    "no key": (b"x", {"Idempotency-Key": ""}, 422, "header.Idempotency-Key"),
    "a key too long": (b"x", {"Idempotency-Key": "k" * 201}, 422, "header.Idempotency-Key"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("announced", [True, False])
def test_what_is_refused_leaves_nothing(shared_intake, ticket, what, announced):
    content, headers, status, field = REFUSED[what]
    before = shared_intake.stored()
    name = None if field == "Content-Disposition" else "x"
    given = content if announced else (content[start : start + 50_000] for start in range(0, len(content), 50_000))
    check_problem(attach(shared_intake, ticket, given, name, **headers), status, field)
    assert shared_intake.stored() == before


def test_the_length_that_is_announced_counts_for_nothing_else(shared_intake, ticket):
    """Without a length, and cut in other places than ours."""
    content = os.urandom(3 * PIECE)
    told = attach(shared_intake, ticket, (content[at : at + 77_777] for at in range(0, len(content), 77_777))).json()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_packed_bomb_is_kept_as_the_bytes_that_it_is(shared_intake, ticket):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr("zeros", b"\x00" * 200_000_000)
        folder.writestr("../../etc/cron.d/evil", b"x")
    told = attach(shared_intake, ticket, packed.getvalue(), "bomb.zip").json()
    assert (told["media_type"], told["size_bytes"]) == ("application/zip", len(packed.getvalue()))


def test_a_ticket_has_twenty(shared_intake, ticket):
    with shared_intake.client() as client:
        answers = [
            client.post(PATH, params={"ticket": ticket, "name": f"{number}"}, content=b"x") for number in range(1_000)
        ]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409] * 980
    check_problem(answers[-1], 409)
    assert [one["number"] for one in listed(shared_intake, ticket)] == list(range(1, 21))
    assert leftovers(shared_intake) == (0, 0)


def test_many_at_once_are_numbered_without_a_gap_and_no_more_than_twenty(shared_intake, ticket):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: attach(shared_intake, ticket, os.urandom(PIECE + 1)), range(30)))
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 10
    assert sorted(answer.json()["number"] for answer in answers if answer.status_code == 201) == list(range(1, 21))
    assert leftovers(shared_intake) == (0, 0)


def test_identifiers_are_of_chance_alone(shared_intake, ticket):
    ids = [UUID(attach(shared_intake, ticket, b"x").json()["id"]).int for _ in range(20)]
    differing = 0
    for one in ids:
        differing |= ids[0] ^ one
    assert differing.bit_count() > 120  # of a bit of 128 that never differs among 20 the chance is 1 in 500,000


class TestKeys:
    def test_the_same_again_gets_the_same_answer(self, shared_intake, ticket):
        key = {"Idempotency-Key": f"k-{ticket}"}
        content = os.urandom(PIECE + 5)
        first = attach(shared_intake, ticket, content, "a", **key)
        stored = shared_intake.stored()
        again = attach(shared_intake, ticket, content, "a", **key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first.headers
        assert shared_intake.stored() == stored

    def test_another_file_under_the_same_key_is_refused(self, shared_intake, ticket):
        key = {"Idempotency-Key": f"k-{ticket}"}
        attach(shared_intake, ticket, b"content", "a", **key)
        stored = shared_intake.stored()
        for other_ticket, content, name in (
            (ticket, b"Content", "a"),
            (ticket, b"content", "b"),
            (ticket, b"content" * PIECE, "a"),
            (str(uuid4()), b"content", "a"),
        ):
            check_problem(
                attach(shared_intake, other_ticket, content, name, **key),
                413 if len(content) > LIMIT else 422,
                None if len(content) > LIMIT else "Idempotency-Key",
            )
        assert shared_intake.stored() == stored

    def test_sent_many_times_at_once_it_is_one(self, shared_intake, ticket):
        content = os.urandom(PIECE * 2)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda _: attach(shared_intake, ticket, content, "a", **{"Idempotency-Key": f"many-{ticket}"}),
                    range(16),
                )
            )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
        assert len(listed(shared_intake, ticket)) == 1
        assert leftovers(shared_intake) == (0, 0)

    def test_a_refused_upload_does_not_use_its_key_up_and_keys_of_events_are_others(self, shared_intake, ticket):
        key = {"Idempotency-Key": f"r-{ticket}"}
        check_problem(attach(shared_intake, ticket, b"\x7fELF", **key), 415)
        assert attach(shared_intake, ticket, b"fine", **key).status_code == 201
        with shared_intake.client() as client:
            assert client.post("/v1/events", json=PROBLEM, headers=key).status_code == 202


class TestStrangers:
    def test_a_foreign_ticket_looks_like_one_that_does_not_exist(self, shared_intake, ticket):
        told = attach(shared_intake, ticket, PNG).json()
        before = shared_intake.stored()
        for spelled in (ticket, ticket.upper(), ticket.replace("-", ""), str(uuid4())):
            check_problem(attach(shared_intake, spelled, PNG, tenant="other"), 404, "ticket")
            assert listed(shared_intake, spelled, "other") == 404
        with shared_intake.reader("other") as client:
            for name in (told["id"], told["id"].upper(), f"{{{told['id']}}}", str(uuid4())):
                check_problem(client.get(f"{PATH}/{name}"), 404)
        assert shared_intake.stored() == before

    def test_the_same_key_of_two_tenants_are_two_keys(self, shared_intake, ticket):
        theirs = open_ticket(shared_intake, "other")
        key = {"Idempotency-Key": f"two-{ticket}"}
        first = attach(shared_intake, ticket, b"x", **key)
        second = attach(shared_intake, theirs, b"y", tenant="other", **key)
        assert (first.status_code, second.status_code) == (201, 201)

    def test_each_endpoint_asks_for_a_key_with_its_scope(self, shared_intake, ticket):
        told = attach(shared_intake, ticket, PNG).json()
        query = {"ticket": ticket}
        with shared_intake.client() as writer, shared_intake.reader() as reader:
            check_problem(reader.post(PATH, params=query, content=b"x"), 403)
            check_problem(writer.get(PATH, params=query), 403)
            check_problem(writer.get(f"{PATH}/{told['id']}"), 403)
        nobody = shared_intake.pbx
        check_problem(nobody.post(f"{shared_intake.url}{PATH}", params=query, content=b"x"), 401)
        check_problem(nobody.get(f"{shared_intake.url}{PATH}", params=query), 401)
        check_problem(nobody.get(f"{shared_intake.url}{PATH}/{told['id']}"), 401)

    def test_what_names_nothing_is_refused_by_its_field(self, shared_intake):
        with shared_intake.client() as writer, shared_intake.reader() as reader:
            check_problem(writer.post(PATH, content=b"x"), 422, "query.ticket")
            check_problem(writer.post(PATH, params={"ticket": "x"}, content=b"x"), 422, "query.ticket")
            check_problem(reader.get(PATH), 422, "query.ticket")
            check_problem(reader.get(f"{PATH}/x"), 422, "path.attachment")
            check_problem(reader.delete(f"{PATH}/{uuid4()}"), 405)


def test_a_quota_of_the_day_holds_for_each_tenant(monkeypatch, database_server, tmp_path, running):
    monkeypatch.setenv("TIERDESK_INTAKE_ATTACHMENT_BYTES_PER_DAY", "1000")
    monkeypatch.setenv("TIERDESK_INTAKE_ATTACHMENTS_PER_TICKET", "1000")
    with running(database_server, tmp_path) as intake:
        ticket, theirs = open_ticket(intake), open_ticket(intake, "other")
        check_problem(attach(intake, ticket, b"\x00" * 1_001), 429)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: attach(intake, ticket, b"\x00" * 300), range(12)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 9
        refused = next(answer for answer in answers if answer.status_code == 429)
        check_problem(refused, 429)
        assert int(refused.headers["Retry-After"]) > 0
        assert attach(intake, ticket, b"\x00" * 100).status_code == 201
        check_problem(attach(intake, ticket, b"\x00"), 429)
        assert attach(intake, theirs, b"\x00" * 300, tenant="other").status_code == 201
        assert leftovers(intake) == (0, 0)
        intake.query("UPDATE intake.attachment_day SET day = day - 1")
        assert attach(intake, ticket, b"\x00").status_code == 201
