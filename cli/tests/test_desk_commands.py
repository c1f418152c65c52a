"""Commands on a desk that runs."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from e2e.desks import DeskProcess, Done
from e2e.desks import tierdesk as run_alone
from tierdesk_runtime.secrets import Secrets

REPOSITORY = Path(__file__).parents[2]
POLICY = """
name: "A desk of the tests [bold]"
tiers: [{id: l1}]
groups: [{id: front, tier: l1}]
edges: []
categories: [{id: other, tier: l1, group: front}]
default_category: other
"""


@pytest.fixture
def ask(desk, tierdesk):
    """Runs a command, without a process of its own, on the desk that runs."""
    return lambda *arguments: tierdesk(*arguments, "--data", desk.folder)


def ask_by_http(desk: DeskProcess) -> httpx2.Client:
    """A client with the key that the desk made."""
    key = Secrets.load(desk.folder / "secrets.json").local_key()
    return httpx2.Client(base_url=desk.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False)


def post(desk: DeskProcess, title: str, **fields: object) -> str:
    """Post a problem; answer its reference once the router has it."""
    with ask_by_http(desk) as client:
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": title} | fields
        answer = client.post("/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        end = time.monotonic() + 20
        while client.get(f"/v1/tickets/{answer.json()['ticket']}").status_code != 200:
            assert time.monotonic() < end, "the ticket was not opened within 20 s"
            time.sleep(0.05)
    return answer.json()["reference"]


def put_back_five_tiers(desk: DeskProcess, ask: Callable[..., Done]) -> None:
    """Put the policy of the other tests in force, and wait until intake has heard of it."""
    assert ask("policy", "apply", REPOSITORY / "deploy" / "policy" / "five-tier.yaml").code == 0
    event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "Heard?", "category": "pc-and-laptop"}
    end = time.monotonic() + 20
    with ask_by_http(desk) as client:
        while client.post("/v1/events", json=event).status_code != 202:
            assert time.monotonic() < end, "intake did not hear of the policy within 20 s"
            time.sleep(0.05)


def test_the_desk_uses_the_free_port_that_it_says(desk):
    assert urlsplit(desk.url).port not in {None, 0, 8080}
    assert httpx2.get(f"{desk.url}/readyz", trust_env=False).status_code == 200


def test_tickets_are_listed_and_told_with_the_reason_for_their_place(desk, ask):
    reference = post(desk, "The laptop stays dark", category="pc-and-laptop", impact=3, urgency=1)
    listed = ask("tickets")
    assert listed.code == 0
    (line,) = [line for line in listed.out.splitlines() if line.startswith(reference)]
    assert "l2" in line
    assert "category" in line
    assert reference not in ask("tickets", "--tier", "l3").out
    for name in (reference, reference.lower()):
        told = ask("tickets", name)
        assert told.code == 0
        assert "make priority 3" in " ".join(told.out.split())
        assert [word for word in ("opened", "triaged", "offered") if word in told.out] == [
            "opened",
            "triaged",
            "offered",
        ]


def test_what_others_wrote_cannot_command_the_terminal(desk, ask):
    title = "\x1b[31mred\x1b]0;owned\x07 [bold]not bold[/bold] [/nothing] \u202eevil \x9b2J \r\nsecond line"
    reference = post(desk, title, text="\x1b[2J", location="\x1b[1A here", requester={"party": "\x1b[8mann"})
    for done in (ask("tickets"), ask("tickets", reference)):
        assert done.code == 0
        assert "[bold]not bold[/bold] [/nothing]" in " ".join(done.out.split())
        assert not set("\x1b\x07\x9b\u202e\r") & set(done.out)


@pytest.mark.parametrize("name", ["TD-0000-0000", "nothing", "a?limit=1", "%00", "\U0001f600", "[bold]", "x" * 5000])
def test_a_ticket_that_is_not_there(desk, ask, name):
    told = ask("tickets", name).check_one_line(1)
    assert told.endswith("No such ticket; Give a ticket's identifier, or its reference as TD-….")


@pytest.mark.parametrize("name", ["../policy", "a/b"])
def test_a_name_that_reaches_for_another_path(desk, ask, name):
    assert ask("tickets", name).check_one_line(1).endswith(": Not Found")


def test_a_ticket_that_does_not_escalate_needs_no_acknowledgement(desk, ask):
    reference = post(desk, "Nothing is late")
    told = ask("acknowledge", reference, "--note", "I am on it.").check_one_line(1)
    assert told.endswith(f"Nothing to acknowledge; nothing escalates {reference}.")


def test_a_status_that_is_none_and_a_key_of_nobody(desk, ask):
    assert "status: " in ask("tickets", "--status", "lost").check_one_line(1)
    told = ask("tickets", "--key", "tierdesk_local_nobody").check_one_line(1)
    assert told.startswith("GET /v1/tickets: Unknown key; ")


def test_a_policy_is_put_in_force_once_and_a_broken_one_changes_nothing(desk, ask, tmp_path):
    good, broken = tmp_path / "good.yaml", tmp_path / "broken.yaml"
    good.write_text(POLICY)
    broken.write_text(POLICY.replace("default_category: other", "default_category: another"))
    done = ask("policy", "apply", good)
    assert done.code == 0
    assert "[bold] is in force now: " in done.out
    assert "was in force already: " in ask("policy", "apply", good).out
    refused = ask("policy", "apply", broken)
    assert refused.check_one_line(2).startswith(f"{broken}:7: default_category: ")
    reference = post(desk, "For the desk of the tests")
    (line,) = [line for line in ask("tickets").out.splitlines() if line.startswith(reference)]
    assert line.split()[2:4] == ["l1", "front"]
    put_back_five_tiers(desk, ask)


def test_a_ticket_is_explained_by_the_policy_it_was_opened_under(desk, ask, tmp_path):
    reference = post(desk, "A stolen laptop", category="pc-and-laptop")
    other = tmp_path / "other.yaml"
    other.write_text(POLICY)
    assert ask("policy", "apply", other).code == 0
    told = ask("policy", "explain", reference)
    assert told.code == 0
    lines = [line.rstrip() for line in told.out.splitlines()]
    assert lines[:2] == [
        f"{reference}  A stolen laptop",
        (
            "Went first to Infrastructure and data centre (infrastructure), tier l3 Engineers, with priority 1 (critical): "
            "decided by the rule security."
        ),
    ]
    road = lines[lines.index("Its road (times in UTC)") + 1 :]
    assert [line.split(maxsplit=2)[2] for line in road[:2]] == [
        "opened in the portal",
        "offered to Infrastructure and data centre (l3)",
    ]
    assert road[3] == "Now"
    assert re.fullmatch(
        r"  Infrastructure and data centre \(l3\) is asked until \S+ \S+; nobody has accepted it yet\.", road[4]
    )
    anew = ask("policy", "explain", reference, "--policy", other)
    assert anew.out.splitlines()[1] == "Decided anew, by another policy than the ticket's own."
    assert "Goes to front, tier l1, with priority " in anew.out
    assert "Its road" not in anew.out
    assert ask("policy", "explain", "TD-0000-0000").code == 1
    assert "tier l3 is not in this policy" in ask("policy", "check", other, "--running").out
    put_back_five_tiers(desk, ask)


def test_a_vendor_is_played_on_the_embedded_desk_until_a_signal_comes(desk, ask):
    reference = post(desk, "The copier jams", category="printer-and-copier-machine", impact=2, urgency=2)
    command = [
        sys.executable, "-m", "tierdesk_cli", "vendor", "mock", "--data", desk.folder, "--namespace", "v-main.printer-vendor",
        "--accept-after", "1s", "--work-for", "1s",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mock:
        assert mock.stdout is not None
        lines = [mock.stdout.readline() for _ in range(5)]
        mock.send_signal(signal.SIGINT)
        assert mock.wait(60) == 0
    assert [line.split()[2] for line in lines[1:]] == [
        "work.offered.v1",
        "outcome.accepted.v1",
        "work.assigned.v1",
        "outcome.resolved.v1",
    ]
    end = time.monotonic() + 60
    while "resolved by mock-1 of " not in ask("policy", "explain", reference).out:
        assert time.monotonic() < end, ask("policy", "explain", reference)
        time.sleep(0.2)


def test_a_second_desk_on_the_same_port_is_refused_and_leaves_nothing_running(desk, server_folder, reaper):
    second = server_folder / "second"
    reaper.watch_postgres(second / "postgres" / "data")
    port = str(urlsplit(desk.url).port)
    told = run_alone("up", "--data", second, "--port", port).check_one_line(1)
    assert told.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use; ")
    assert not (second / "postgres" / "data" / "postmaster.pid").exists()
    assert httpx2.get(f"{desk.url}/readyz", trust_env=False).status_code == 200


def test_a_second_desk_on_the_same_data_is_refused(desk):
    told = run_alone("up", "--data", desk.folder, "--port", "0").check_one_line(1)
    assert told == f"a desk runs on {desk.folder} already; stop it first, or choose another folder with --data"
    assert httpx2.get(f"{desk.url}/readyz", trust_env=False).status_code == 200


def test_an_address_at_which_something_else_answers_is_named(desk, tierdesk, tmp_path):
    done = tierdesk("tickets", "--url", f"{desk.url}/healthz", "--key", "k", "--data", tmp_path)
    assert done.check_one_line(1).startswith("GET /v1/tickets: ")


def test_the_log_of_the_desk_is_json_without_keys(desk):
    key = Secrets.load(desk.folder / "secrets.json").local_key()
    assert desk.log_lines()
    assert key.rpartition("_")[2] not in (desk.folder / "desk.log").read_text()
    assert not [line for line in desk.log_lines() if line["level"] == "error"]
