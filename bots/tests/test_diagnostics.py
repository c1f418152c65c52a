"""Diagnoses on a real desk: the bot as a program, and the runner as a program on the requester's device."""

import ast
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

RUNNER = Path(__file__).parents[2] / "examples" / "diagnose.py"
FULL_DISK = {"kind": "disk", "free_bytes": 10**9, "total_bytes": 10**12}
NO_NAME = {"kind": "dns", "name": "intranet.example.org", "addresses": [], "error": "not known"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.fixture
def make_diagnostics_bot(make_bot):
    def make(*arguments):
        port = free_port()
        bot = make_bot(
            "diagnostics", "--listen", f"127.0.0.1:{port}", "--public-url", f"http://127.0.0.1:{port}", *arguments
        )  # fmt: skip
        bot.url = f"http://127.0.0.1:{port}"
        return bot

    return make


def link_of(requester, ticket):
    (asked,) = requester.wait_for(ticket, "progressed")
    requester.wait_for(ticket, "paused")
    return re.search(r"http://\S+", asked["answer"]).group()


def post(link, document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return httpx2.post(link, content=body, headers={"Content-Type": "application/json"} | headers, trust_env=False)


def run(link, *arguments, says="y\n"):
    return subprocess.run(
        [sys.executable, RUNNER, link, *arguments], input=says, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_a_diagnosis_lands_typed_on_the_ticket_and_goes_to_people_with_what_was_seen(requester, make_diagnostics_bot):
    closed = free_port()
    bot = make_diagnostics_bot("--names", "localhost", "--hosts", f"127.0.0.1:{closed}")
    ticket = requester.report(category="slow", title="Everything is slow")
    link = link_of(requester, ticket)
    done = run(link)
    assert done.returncode == 0, done
    assert "This is what would be sent" in done.stdout
    escalated = requester.wait_for_handing_on(ticket)
    steps = {step["step"]: step["result"] for step in escalated["steps_tried"]}
    assert steps["Operating system"].startswith("Linux")
    assert re.search(r"of .* GB", steps["Free disk space"])
    assert steps["Name localhost"]
    assert steps[f"Connection to 127.0.0.1:{closed}"] == "Connection refused"
    assert "A server of ours cannot be reached." in escalated["findings"]
    note = next(event["note"] for event in requester.log(ticket, "progressed") if event.get("note"))
    assert "- Operating system: Linux" in note
    assert bot.stop() == 0


def test_a_simple_cause_is_solved_by_advice(requester, make_diagnostics_bot):
    make_diagnostics_bot()
    ticket = requester.report(category="slow")
    assert post(link_of(requester, ticket), {"results": [FULL_DISK]}).json() == {"status": "received"}
    (resolved,) = requester.wait_for(ticket, "resolved")
    assert resolved["root_cause"] == "The disk is full."
    assert any("Empty the recycle bin" in event.get("answer", "") for event in requester.log(ticket, "progressed"))


def test_who_looks_at_the_results_and_says_no_goes_to_people_and_nothing_is_sent(requester, make_diagnostics_bot):
    make_diagnostics_bot()
    ticket = requester.report(category="slow")
    done = run(link_of(requester, ticket), says="n\n")
    assert "Nothing was sent but your no" in done.stdout
    escalated = requester.wait_for_handing_on(ticket)
    (step,) = escalated["steps_tried"]
    assert step == {
        "step": "Asked the requester to run the diagnosis on the device",
        "result": "The requester looked at the results and did not send them.",
    }


def test_a_no_on_the_ticket_goes_to_people_and_other_words_do_not(requester, make_diagnostics_bot):
    make_diagnostics_bot()
    ticket = requester.report(category="slow")
    link = link_of(requester, ticket)
    requester.reply(ticket, "I am at lunch, later.")
    requester.wait_for(ticket, "paused", 2)
    requester.reply(ticket, "No, I want to talk to a person.")
    assert requester.wait_for_handing_on(ticket)["steps_tried"][0]["result"] == "The requester refused."
    assert post(link, {"results": [FULL_DISK]}).status_code == 404


def test_a_device_that_never_answers_goes_to_people(requester, make_diagnostics_bot):
    make_diagnostics_bot("--wait-minutes", "0.02")
    ticket = requester.report(category="slow")
    escalated = requester.wait_for_handing_on(ticket)
    assert escalated["findings"] == "No diagnosis: None came within 0.02 minutes."


def test_a_link_works_once_and_takes_nothing_but_a_diagnosis(requester, make_diagnostics_bot):
    bot = make_diagnostics_bot()
    ticket = requester.report(category="slow")
    link = link_of(requester, ticket)
    asked = httpx2.get(link, trust_env=False).json()
    assert asked["reference"] == requester.story(ticket)["ticket"]["reference"]
    assert [check["kind"] for check in asked["checks"]] == ["system", "disk", "memory", "clock", "printers"]

    stranger = link[:-4] + ("AAAA" if not link.endswith("AAAA") else "BBBB")
    refused = {
        404: [post(stranger, {"results": [FULL_DISK]}), post(f"{bot.url}/v1/diagnoses/x", {"refused": True})],
        405: [httpx2.delete(link, trust_env=False)],
        413: [post(link, b" " * 70_000)],
        415: [post(link, {"results": [FULL_DISK]}, **{"Content-Type": "text/plain"})],
        422: [
            post(link, b"{"), post(link, {}), post(link, {"results": []}), post(link, {"results": [{"kind": "spy"}]}),
            post(link, {"results": [FULL_DISK], "refused": True}), post(link, {"results": [FULL_DISK] * 61}),
            post(link, {"results": [FULL_DISK | {"free_bytes": -1}]}), post(link, {"results": [FULL_DISK | {"x": 1}]}),
        ],
    }  # fmt: skip
    for status, answers in refused.items():
        for answer in answers:
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
    assert refused[422][-1].json()["errors"] == [
        {"field": "results.0.disk.x", "message": "Extra inputs are not permitted"}
    ]
    assert post(link, {"results": [NO_NAME]}).status_code == 200
    assert post(link, {"results": [FULL_DISK]}).status_code == 409
    assert httpx2.get(link, trust_env=False).status_code == 409
    assert "A name of ours" in requester.wait_for_handing_on(ticket)["findings"]
    assert post(link, {"results": [FULL_DISK]}).status_code == 409
    assert link.rpartition("/")[2] not in bot.log + bot.state()


def test_a_bot_that_is_killed_between_the_result_and_its_report_reports_it_once(requester, make_diagnostics_bot):
    bot = make_diagnostics_bot()
    ticket = requester.report(category="slow")
    link = link_of(requester, ticket)
    requester.reply(ticket, "One moment please.")
    requester.wait_for(ticket, "paused", 2)
    assert post(link, {"results": [FULL_DISK]}).status_code == 200
    bot.kill9()
    bot.start()
    requester.wait_for(ticket, "resolved")
    events = requester.log(ticket, "progressed")
    assert len([event for event in events if event.get("note")]) == 1
    assert len([event for event in events if event.get("answer")]) == 2
    assert len(requester.log(ticket, "paused")) == 2


def test_a_result_is_taken_right_after_a_crash_before_the_work_has_come_again(requester, make_diagnostics_bot):
    bot = make_diagnostics_bot()
    ticket = requester.report(category="slow")
    link = link_of(requester, ticket)
    bot.kill9()
    bot.start()
    end = time.monotonic() + 60
    while True:
        try:
            answer = post(link, {"results": [FULL_DISK]})
            break
        except httpx2.TransportError:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert answer.status_code == 200
    assert requester.wait_for(ticket, "resolved")


def test_the_rules_of_a_company_take_the_place_of_the_built_in_ones(requester, make_diagnostics_bot, tmp_path):
    rules = tmp_path / "rules.json"
    rule = {
        "check": "memory", "measure": "available_share", "below": 0.5, "then": "resolve",
        "because": "Too much is open.", "advice": "Close something.",
    }  # fmt: skip
    rules.write_text(json.dumps([rule]))
    make_diagnostics_bot("--rules", rules)
    ticket = requester.report(category="slow")
    post(
        link_of(requester, ticket), {"results": [{"kind": "memory", "available_bytes": 1, "total_bytes": 4}, FULL_DISK]}
    )
    (resolved,) = requester.wait_for(ticket, "resolved")
    assert resolved["how"] == "Too much is open. Advised: Close something."


def test_the_runner_is_written_for_old_pythons_and_needs_nothing_but_python():
    tree = ast.parse(RUNNER.read_text(), feature_version=(3, 8))
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
    }
    assert modules <= sys.stdlib_module_names


def test_the_runner_sends_nothing_to_an_address_without_encryption():
    done = run("http://desk.example.org/v1/diagnoses/x")
    assert done.returncode == 2
    assert "the link begins with https://" in done.stderr
