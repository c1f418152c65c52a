"""PostgreSQL away: never a 2xx; and afterwards each key tells what became of it. The bus away: nobody notices."""

import json
import time

from tierdesk_intake.app import DEFINITION
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres
from tierdesk_store import migrate

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
LINES = b"\n".join(json.dumps({"key": f"line-{number}", "event": PROBLEM}).encode() for number in range(3))
HANGUP = json.dumps({"event": "hangup", "direction": "in", "callId": "c-1"}).encode()


def post_everywhere(intake, key):
    with intake.client() as client:
        yield client.post("/v1/events", json=PROBLEM, headers={"Idempotency-Key": key})
        yield client.post("/v1/events:batch", content=LINES, headers={"Content-Type": "application/x-ndjson"})
    yield intake.post_call(HANGUP, webhook_id=key)


def test_without_postgresql_every_endpoint_answers_503_and_repetition_resolves_it(
    server_folder, tmp_path, start_intake
):
    postgres = EmbeddedPostgres(server_folder / "outage")
    postgres.start()
    try:
        migrate(postgres.url(), DEFINITION.schema, password="of nobody")
        intake = start_intake(postgres.url(), tmp_path)
        first = [answer.content for answer in post_everywhere(intake, "before")]
        port = postgres.port
        postgres.kill()
        for key in ("before", "during"):
            for answer in post_everywhere(intake, key):
                assert answer.status_code == 503
                assert answer.headers["Retry-After"] == "1"
                assert answer.headers["Content-Type"] == "application/problem+json"
        postgres.start(port=port)
        deadline = time.monotonic() + 30
        while next(post_everywhere(intake, "during")).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        again = [answer.content for answer in post_everywhere(intake, "before")]
        assert (again[0], again[2]) == (first[0], first[2])
        tickets = [[json.loads(line)["ticket"] for line in content.splitlines()] for content in (first[1], again[1])]
        assert tickets[0] == tickets[1]
        assert {answer.status_code for answer in post_everywhere(intake, "during")} == {200, 202}
        assert intake.count("ticket") == 1 + 3 + 1 + 1
        intake.stop()
    finally:
        postgres.stop()


def test_while_the_bus_is_away_events_are_taken_and_wait_in_the_outbox(database_server, tmp_path, start_intake):
    with database_server.fresh_database(DEFINITION.schema) as url:
        intake = start_intake(url, tmp_path, bus_url="amqp://guest:guest@127.0.0.1:1/")
        assert {answer.status_code for answer in post_everywhere(intake, "k")} == {200, 202}
        assert intake.query("SELECT count(*) FROM intake.dispatch WHERE published_at IS NULL")[0][0] == 5
        assert intake.pbx.get(f"{intake.url}/readyz").json()["state"] == "degraded"
        intake.stop()
