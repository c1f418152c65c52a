"""Both bots on a desk whose bus is RabbitMQ; each test tells the ticket's whole log when it ends."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from bots.tests.conftest import running_desk

from e2e.whole_desk import migrated_database

RUNNER = Path(__file__).parents[2] / "examples" / "diagnose.py"


@pytest.fixture(scope="module")
def rabbit_desk(database_server, broker, tmp_path_factory):
    with (
        migrated_database(database_server) as url,
        broker.fresh_vhost() as amqp_url,
        running_desk(
            tmp_path_factory.mktemp("desk"), url, bus_url=None, amqp_url=amqp_url,
            amqp_management_url=broker.management_url,
        ) as desk,
    ):  # fmt: skip
        yield desk


@pytest.fixture
def desk(rabbit_desk):
    return rabbit_desk


@pytest.fixture
def tell(record_property):
    def tell(story):
        ticket = story["ticket"]
        lines = [
            f"{ticket['reference']} {ticket['title']}",
            f"{ticket['status']} at {ticket['tier']}/{ticket['group']}",
        ]
        for event in story["log"]:
            who = "requester" if event["actor"]["kind"] == "requester" else event["actor"]["id"]
            lines.append(f"{event['sequence']:>3} {event['at'][11:19]} {who:<18} {_describe(event)}")
            words = [event.get(name) for name in ("text", "answer", "note", "how", "findings")]
            lines += [f"      | {line}" for text in words if text for line in text.splitlines() if line]
            lines += [f"      tried: {step['step']}: {step['result']}" for step in event.get("steps_tried") or []]
        record_property("told", "\n" + "\n".join(lines))
        return "\n".join(lines)

    return tell


def _describe(event):
    place = f" to {event['to_tier']}/{event['to_group']}" if "to_tier" in event else ""
    place = f" to {event['tier']}/{event['group']}" if event["kind"] == "offered" else place
    return event["kind"] + place + (f" ({event['reason']})" if "reason" in event else "")


def test_a_password_reset_that_is_refused_and_handed_on(requester, make_password_bot, tell):
    make_password_bot()
    ticket = requester.report("ann", title="Locked out since this morning")
    requester.code()
    requester.wait_for(ticket, "paused")
    requester.reply(ticket, "No, I did not ask for this. Please call me.")
    requester.wait_for_handing_on(ticket)
    told = tell(requester.story(ticket))
    assert "escalated to l1/service-desk (beyond_scope)\n      | The requester wants no reset by machine." in told
    assert "tried: Asked the requester for the code: The requester refused." in told


def test_a_password_reset_goes_on_after_the_bot_was_killed(requester, make_password_bot):
    bot = make_password_bot()
    ticket = requester.report("ann")
    code = requester.code()
    requester.wait_for(ticket, "paused")
    bot.kill9()
    requester.reply(ticket, code)
    bot.start()
    requester.wait_for(ticket, "resolved")
    assert len(requester.letters()) == 2
    assert len(requester.log(ticket, "paused")) == 1


def test_a_diagnosis(requester, make_bot, tell):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    make_bot(
        "diagnostics", "--listen", f"127.0.0.1:{port}", "--public-url", f"http://127.0.0.1:{port}",
        "--names", "intranet.invalid",
    )  # fmt: skip
    ticket = requester.report(category="slow", title="The intranet does not open")
    requester.wait_for(ticket, "paused")
    link = re.search(r"http://\S+", requester.log(ticket, "progressed")[0]["answer"]).group()
    subprocess.run([sys.executable, RUNNER, link, "--yes"], check=True, capture_output=True, timeout=60)
    requester.wait_for_handing_on(ticket)
    told = tell(requester.story(ticket))
    assert "tried: Operating system: Linux" in told
    assert "escalated to l1/service-desk (beyond_scope)\n      | A name of ours is not known to the device." in told
