"""`tierdesk parked` on a desk that runs: what was set aside is shown, comes back once, or is given up."""

import asyncio
import json
import time
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_database
from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.secrets import Secrets

from .test_commands import NOWHERE, REPOSITORY

PATIENCE_SECONDS = 60.0
POLICY = (REPOSITORY / "deploy" / "policy" / "two-tier.yaml").read_text()


@pytest.fixture
def ask(desk, tierdesk):
    return lambda *arguments: tierdesk("parked", *arguments, "--data", desk.folder)


@pytest.fixture
def query(desk):
    """Rows of the desk's database."""

    def query(statement, *arguments):
        async def fetch():
            connection = await asyncpg.connect(find_database(Home(desk.folder)))
            try:
                return await connection.fetch(statement, *arguments)
            finally:
                await connection.close()

        return asyncio.run(fetch())

    return query


@pytest.fixture
def park(query):
    """Parks a message of a tenant that nobody else uses; answers its identifier."""

    def park(tenant, *, body=b"no JSON", reason="it cannot be read", subject="s", schema="router"):
        parked_id = str(uuid4())
        query(
            f"INSERT INTO {schema}.parked (id, consumer, tenant, subject, message_id, type, namespace, queue, body, reason)"
            " VALUES ($1, $2, $3, $4, 'm', 'intake.alert.v1', '', 'router.intake', $5, $6)",
            parked_id, f"{schema}.intake", tenant, subject, body, reason,
        )  # fmt: skip
        return parked_id

    return park


def wait_until(look, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


def test_a_ticket_whose_tenant_had_no_policy_in_time_is_brought_back_by_a_replay(desk, ask, query):
    key = KeyRing(Secrets.load(desk.folder / "secrets.json")).mint("test", "acme", SCOPES)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=desk.url, headers=headers, trust_env=False, timeout=20) as client:

        def post(**event):
            answer = wait_until(
                lambda: (got := client.post("/v1/events", json=event)).status_code != 401 and got, "the key"
            )
            assert answer.status_code == 202, answer.text
            return answer.json()

        ticket = post(type="problem_reported", requester={"party": "ann"}, title="No mail \x1b[2J")["ticket"]
        post(type="requester_replied", ticket=ticket, text="Web mail works.")

        def is_parked():
            # As if the pauses between its tries went by.
            query("UPDATE router.waiting SET due_at = now() WHERE tenant = 'acme'")
            return query("SELECT id FROM router.parked WHERE tenant = 'acme' AND resolution IS NULL")

        wait_until(is_parked, "its message is parked")
        (listed,) = json.loads(ask("list", "--tenant", "acme", "--json").out)
        assert (listed["service"], listed["type"], listed["subject"]) == (
            "router",
            "intake.problem_reported.v1",
            ticket,
        )
        assert listed["attempts"] == 12
        assert "has no policy in force yet" in listed["reason"]
        shown = ask("show", listed["id"])
        assert shown.code == 0
        assert "has no policy in force yet: apply one" in " ".join(shown.out.split())
        assert '"party": "ann"' in shown.out
        assert "\x1b" not in shown.out
        assert json.loads(ask("show", listed["id"], "--json").out)["body"]["data"]["requester"]["party"] == "ann"

        assert client.put("/v1/policy", content=POLICY).status_code == 200
        assert client.get(f"/v1/tickets/{ticket}").status_code == 404
        done = ask("replay", listed["id"])
        assert (done.code, done.out.partition(";")[0]) == (0, "1 message to be tried again")
        for command in (("replay",), ("discard", "--reason", "twice", "--yes")):
            again = ask(command[0], listed["id"], *command[1:]).check_one_line(1)
            assert again.startswith(f"{listed['id']} was replayed already at 2")

        def story():
            got = client.get(f"/v1/tickets/{ticket}")
            kinds = [event["kind"] for event in got.json()["log"]] if got.status_code == 200 else []
            return kinds if "replied" in kinds else None

        kinds = wait_until(story, "the ticket and the reply that waited behind it are there")
        assert [kinds.count(kind) for kind in ("opened", "replied")] == [1, 1]
        assert kinds.index("opened") < kinds.index("replied")
    assert json.loads(ask("list", "--tenant", "acme", "--json").out) == []
    (resolved,) = json.loads(ask("list", "--tenant", "acme", "--resolved", "--json").out)
    assert (resolved["id"], resolved["resolution"]) == (listed["id"], "replayed")


def test_what_is_still_at_fault_is_parked_anew_and_can_be_given_up(ask, park, query):
    first = park("faulty")
    assert ask("replay", "--tenant", "faulty").code == 0

    def anew():
        return query("SELECT id FROM router.parked WHERE body = 'no JSON' AND resolution IS NULL AND id <> $1", first)

    second = str(wait_until(anew, "it is tried and parked anew")[0]["id"])
    assert "--reason" in ask("discard", second).check_one_line(2)
    assert "--yes" in ask("discard", second, "--reason", "a test").check_one_line(2)
    assert ask("discard", second, "--reason", "a test [bold]", "--yes").out.startswith("1 message discarded")
    shown = json.loads(ask("show", second, "--json").out)
    assert (shown["resolution"], shown["detail"].splitlines()[-1]) == ("discarded", "discarded: a test [bold]")
    assert "was discarded already" in ask("replay", second).check_one_line(1)


def test_a_filter_names_several_and_nothing_else(ask, park, query):
    mine = [park("several", schema=schema) for schema in ("sla", "kb")]
    other = park("untouched", schema="kb")
    assert "2 messages would never be applied" in ask("discard", "--tenant", "several", "--reason", "x").check_one_line(
        2
    )
    assert len(json.loads(ask("list", "--tenant", "several", "--service", "kb", "--json").out)) == 1
    assert ask("discard", "--tenant", "several", "--reason", "x", "--yes").out.startswith("2 messages discarded")
    open_ones = {row["id"] for row in json.loads(ask("list", "--json").out)}
    assert other in open_ones
    assert not set(mine) & open_ones
    assert ask("discard", "--tenant", "several", "--reason", "x", "--yes").out.startswith("0 messages")
    assert ask("discard", other, "--reason", "x", "--yes").code == 0


def test_neither_reason_nor_body_can_command_the_terminal(ask, park):
    nasty = "\x1b]0;owned\x07 [bold]not bold[/bold] [/x] \u202eevil \x9b2J"
    bodies = [json.dumps({"text": nasty}).encode(), nasty.encode(), b"\xff\xfe\x1b[2J", b"[" * 100_000]
    ids = [park("nasty", body=body, reason=nasty, subject=nasty) for body in bodies]
    for done in [ask("list", "--tenant", "nasty"), *(ask("show", one) for one in ids)]:
        assert done.code == 0, done.err
        assert not set("\x1b\x07\x9b\u202e") & set(done.out)
    assert "[bold]not bold[/bold]" in " ".join(ask("show", ids[0]).out.split())
    for one in ids:
        assert not set("\x1b\x07\x9b\u202e") & set(ask("show", one, "--json").out)
    assert ask("discard", "--tenant", "nasty", "--reason", "x", "--yes").out.startswith("4 messages")


@pytest.mark.parametrize("command", ["show", "replay", "discard"])
def test_identifiers_that_are_none_or_unknown(ask, command):
    rest = ("--reason", "x", "--yes") if command == "discard" else ()
    told = ask(command, str(uuid4()), *rest).check_one_line(1)
    assert told.endswith(
        "was ever parked in router, intake, sla, kb, bridge, desk; `tierdesk parked list` shows those that are"
    )
    assert "is no identifier" in ask(command, "42\x1b[2J", *rest).check_one_line(2)


def test_a_command_that_names_nothing_and_a_service_that_is_none(ask):
    assert "--all" in ask("replay").check_one_line(2)
    assert "--all" in ask("discard", "--reason", "x", "--yes").check_one_line(2)
    assert ask("list", "--service", "billing").check_one_line(2).startswith("no service 'billing'")


@pytest.mark.parametrize("command", [("list",), ("replay", "--all"), ("show", str(uuid4()))])
def test_a_database_that_is_away_or_empty_or_nowhere(tierdesk, tmp_path, postgres_url, command):
    told = tierdesk("parked", *command, "--data", tmp_path).check_one_line(1)
    assert told.startswith(f"no PostgreSQL runs on {tmp_path}: ")
    told = tierdesk("parked", *command, "--data", tmp_path, database_url=NOWHERE).check_one_line(1)
    assert "s3cret-canary" not in told
    told = tierdesk("parked", *command, "--data", tmp_path, database_url=postgres_url).check_one_line(1)
    assert told.endswith("run `tierdesk migrate`")


@pytest.mark.parametrize("command", ["list", "show", "replay", "discard"])
def test_help_teaches_by_an_example(tierdesk, command):
    done = tierdesk("parked", command, "--help")
    assert done.code == 0
    assert f"tierdesk parked {command} " in " ".join(done.out.replace("│", " ").split())
