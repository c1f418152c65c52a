"""Uploads that are cut off, wherever: nothing of them is seen, nothing is left, and what was whole stays so."""

import asyncio
import hashlib
import os
import socket
import struct
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from faults.processes import DIED_AT_FAILPOINT, ServiceProcess, environment_of
from tierdesk_intake.app import DEFINITION
from tierdesk_intake.domain.attachments import PIECE_BYTES, Content, Limits
from tierdesk_intake.handlers.unfinished_attachments import UNFINISHED_SECONDS, UnfinishedAttachments
from tierdesk_intake.store import attachment_writer
from tierdesk_runtime import framing
from tierdesk_store import Database, migrate, service_url

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
PATH = "/v1/events/attachments"
CONTENT = os.urandom(5 * PIECE_BYTES)


def open_ticket(intake):
    with intake.client() as client:
        return client.post("/v1/events", json=PROBLEM).json()["ticket"]


def rows(intake):
    """Unfinished uploads, and pieces of them."""
    (row,) = intake.query("""
        SELECT count(DISTINCT id), count(piece.number) FROM intake.attachment AS half
        LEFT JOIN intake.attachment_piece AS piece ON piece.attachment = half.id WHERE half.number IS NULL
    """)
    return tuple(row)


def wait_for(intake, *wanted):
    deadline = time.monotonic() + 20
    while rows(intake) not in wanted:
        assert time.monotonic() < deadline, f"{rows(intake)} is none of {wanted}"
        time.sleep(0.02)


def begin(intake, ticket, *, length=5 * PIECE_BYTES, send=600_000):
    """A connection on which an upload was begun."""
    host, port = intake.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=20)
    head = f"POST {PATH}?ticket={ticket} HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {intake.keys['main']}\r\n"
    client.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + CONTENT[:send])
    return client


@pytest.mark.parametrize("reset", [True, False])
def test_a_connection_that_is_cut_leaves_nothing(shared_intake, reset, capfd):
    ticket = open_ticket(shared_intake)
    client = begin(shared_intake, ticket)
    wait_for(shared_intake, (1, 2))
    with shared_intake.reader() as reader:
        assert reader.get(PATH, params={"ticket": ticket}).json() == {"attachments": [], "recordings": []}
        (half,) = shared_intake.query("SELECT id FROM intake.attachment WHERE number IS NULL")
        assert reader.get(f"{PATH}/{half['id']}").status_code == 404
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_for(shared_intake, (0, 0))
    assert "request_failed" not in "".join(capfd.readouterr())


def test_a_sender_that_stalls_is_given_up_and_leaves_nothing(shared_intake, monkeypatch):
    monkeypatch.setattr(framing, "BODY_SECONDS", 0.1)
    with begin(shared_intake, open_ticket(shared_intake)) as client:
        assert client.recv(65_536).startswith(b"HTTP/1.1 408 ")
    wait_for(shared_intake, (0, 0))


def test_no_more_come_at_a_time_than_there_is_memory_for(shared_intake, monkeypatch):
    monkeypatch.setattr(attachment_writer, "UPLOADS", 2)
    ticket = open_ticket(shared_intake)
    with shared_intake.client() as client:
        for _ in range(2):
            with begin(shared_intake, ticket), begin(shared_intake, ticket):
                wait_for(shared_intake, (2, 4))
                refused = client.post(PATH, params={"ticket": ticket}, content=b"x")
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
                assert refused.headers["Content-Type"] == "application/problem+json"
            wait_for(shared_intake, (0, 0))
        assert client.post(PATH, params={"ticket": ticket}, content=b"x").status_code == 201


def test_a_sender_that_says_less_than_it_sends_is_cut_at_what_it_said(shared_intake):
    ticket = open_ticket(shared_intake)
    with begin(shared_intake, ticket, length=1_000, send=1_000) as client:
        assert client.recv(65_536).startswith(b"HTTP/1.1 201 ")
    with shared_intake.reader() as reader:
        (told,) = reader.get(PATH, params={"ticket": ticket}).json()["attachments"]
    assert (told["size_bytes"], told["sha256"]) == (1_000, hashlib.sha256(CONTENT[:1_000]).hexdigest())


def test_a_process_that_is_killed_leaves_what_is_deleted_later(intake, tmp_path):
    """Under the same key the file can be sent again at once; what the dead process has left goes when it is old."""
    ticket = open_ticket(intake)
    process = ServiceProcess(
        "intake",
        ["-m", "tierdesk_intake"],
        environment_of(
            database_url=intake.database_url, bus_url=intake.database_url, secrets_file=str(intake.secrets.path)
        ),
        tmp_path / "intake.log",
    )
    options = {"params": {"ticket": ticket}, "content": CONTENT, "headers": {"Idempotency-Key": "killed"}}
    try:
        process.start(failpoint="attachment.after_piece:3")
        process.wait_until_ready()
        with (
            httpx2.Client(base_url=process.url, headers={"Authorization": f"Bearer {intake.keys['main']}"}) as client,
            pytest.raises(httpx2.TransportError),
        ):
            client.post(PATH, **options)
        deadline = time.monotonic() + 20
        while process.exit_code is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert process.exit_code == DIED_AT_FAILPOINT
        assert rows(intake) == (1, 3)
        with intake.client() as client:
            assert client.post(PATH, **options).json()["number"] == 1
        intake.query("UPDATE intake.attachment SET begun_at = now() - interval '1 day' WHERE number IS NULL")
        process.start()
        process.wait_until_ready()
        wait_for(intake, (0, 0))
    finally:
        process.end()
    with intake.reader() as reader:
        (told,) = reader.get(PATH, params={"ticket": ticket}).json()["attachments"]
        assert reader.get(f"{PATH}/{told['id']}").content == CONTENT


def test_only_what_is_old_and_half_is_deleted_later(intake):
    ticket = open_ticket(intake)
    with intake.client() as client:
        client.post(PATH, params={"ticket": ticket}, content=CONTENT)
    now = datetime.now(UTC)
    intake.query("UPDATE intake.attachment SET begun_at = $1", now - timedelta(days=900))
    for seconds in (UNFINISHED_SECONDS - 60, UNFINISHED_SECONDS + 60, 10 * UNFINISHED_SECONDS):
        half = uuid4()
        row = "INSERT INTO intake.attachment (tenant, id, ticket, name, begun_at) VALUES ('main', $1, $2, 'x', $3)"
        intake.query(row, half, UUID(ticket), now - timedelta(seconds=seconds))
        intake.query("INSERT INTO intake.attachment_piece VALUES ('main', $1, 0, 'x')", half)
    assert asyncio.run(sweep_twice(intake, now)) == [2, 0]
    assert rows(intake) == (1, 1)
    assert intake.count("attachment") == 2
    assert intake.count("attachment_piece") == 1 + 5


async def sweep_twice(intake, now):
    url = service_url(intake.database_url, "intake", intake.secrets.database_password("intake"))
    database = Database(url, schema="intake", name="test")
    unfinished = UnfinishedAttachments(database, lambda: now)
    try:
        return [await unfinished.sweep(), await unfinished.sweep()]
    finally:
        await database.close()


def test_without_postgresql_nothing_is_promised_and_half_a_file_is_never_a_whole_one(
    private_postgres, tmp_path, start_intake
):
    migrate(private_postgres.url(), DEFINITION.schema, password="of nobody")
    intake = start_intake(private_postgres.url(), tmp_path)
    try:
        ticket, content = open_ticket(intake), CONTENT * 4
        options = {"params": {"ticket": ticket}, "headers": {"Idempotency-Key": "outage"}}

        def pieces():
            yield content[: 3 * PIECE_BYTES]
            wait_for(intake, (1, 2), (1, 3))
            port = private_postgres.port
            private_postgres.kill()
            yield content[3 * PIECE_BYTES :]
            private_postgres.start(port=port)

        with intake.client() as client:
            refused = client.post(PATH, content=pieces(), **options)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            deadline = time.monotonic() + 30
            while (answer := client.post(PATH, content=content, **options)).status_code == 503:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert answer.status_code == 201
        location = answer.headers["Location"]
        got, port = bytearray(), private_postgres.port
        with intake.reader() as reader, pytest.raises(httpx2.TransportError):
            read_until_killed(reader, location, private_postgres, got)
        assert content.startswith(got)
        assert len(got) < len(content)
        with intake.reader() as reader:
            assert reader.get(location).status_code == 503
            private_postgres.start(port=port)
            deadline = time.monotonic() + 30
            while (whole := reader.get(location)).status_code == 503:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        assert whole.content == content
    finally:
        intake.stop()


def read_until_killed(reader, location, postgres, got):
    """Read a file, and kill the database when the first of it has come."""
    with reader.stream("GET", location) as answer:
        assert answer.status_code == 200
        for part in answer.iter_raw(4_096):
            if not got:
                postgres.kill()
            got += part


def test_however_much_comes_a_piece_is_held():
    limits = Limits(bytes=1 << 30, per_ticket=20, bytes_per_day=1 << 30)
    content, data = Content("x", limits), b"\xff" * 64_000
    tracemalloc.start()
    sizes = {len(piece) for _ in range(500) for piece in content.add(data)}
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sizes == {PIECE_BYTES}
    assert most < 8 * PIECE_BYTES  # of 122 that came; other threads of the tests count too
