"""How a vendor did, as an operator reads it at a terminal."""

import io
import json
import time

import httpx2
import pytest
from rich.console import Console

from tierdesk_cli.scorecard import print_refusals, print_scorecard, tell_seconds
from tierdesk_runtime.secrets import Secrets

HOSTILE = "rob [red]\x1b[2J"
SPAN = {"count": 2, "median_seconds": 42.0, "p90_seconds": 3_700.0, "worst_seconds": 200_000.0}
CARD = {
    "vendor": {"id": "acme", "name": f"Acme {HOSTILE}", "group": "l4-acme", "covers": [], "open_offered": 1},
    "since": "2026-03-01T00:00:00Z",
    "until": "2026-03-31T00:00:00Z",
    "figures": {
        "offered": 9, "accepted": 7, "not_accepted_in_time": 2, "handed_back": 1, "taken_back": 6, "resolved": 5, "reopened": 3,
        "time_to_accept": SPAN, "time_to_resolve": {"count": 0, "median_seconds": None, "p90_seconds": None, "worst_seconds": None},
    },
    "refused": {"stale": 4},
    "open": [
        {
            "ticket_id": "t", "reference": "TD-1", "group": "g", "worker": HOSTILE, "offered_at": "2026-03-02T09:00:00Z",
            "accepted_at": None, "age_seconds": 90.0,
        }
    ],
}  # fmt: skip
REFUSAL = {
    "at": "2026-03-02T09:00:00Z", "reason": "stale", "worker": HOSTILE, "ordinal": 2, "assignment_id": "a-1", "detail": HOSTILE,
}  # fmt: skip


@pytest.fixture
def shown():
    stream = io.StringIO()
    return Console(file=stream, width=160), stream


def test_the_figures_of_a_scorecard_stand_each_on_its_line(shown):
    console, stream = shown
    print_scorecard(CARD, console)
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert ["not", "accepted", "in", "time", "2"] in lines
    assert ["reopened", "after", "its", "resolution", "3"] in lines
    assert ["taken", "back", "by", "the", "desk", "6"] in lines
    assert ["answers", "refused", "as", "stale", "4"] in lines
    assert ["to", "accept", "2", "42.0", "s", "1", "h", "1", "min", "2", "d", "7", "h"] in lines
    assert ["to", "resolve", "0", "-", "-", "-"] in lines
    assert "TD-1" in stream.getvalue()


def test_the_contract_stands_above_the_figures(shown):
    console, stream = shown
    contract = {"reference": "C-2031", "starts": None, "ends": "2027-12-31"}
    print_scorecard(CARD | {"vendor": CARD["vendor"] | {"contract": contract}}, console)
    assert stream.getvalue().splitlines()[1] == "contract C-2031 until 2027-12-31"


def test_what_others_wrote_commands_no_terminal(shown):
    console, stream = shown
    print_scorecard(CARD, console)
    print_refusals([REFUSAL], console)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("[red]") == 4


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3_599, "59 min 59 s"), (86_400, "1 d 0 h")],
)
def test_a_span_is_told_in_its_two_largest_units(seconds, told):
    assert tell_seconds(seconds) == told


def test_a_running_desk_tells_of_its_vendors(desk, tierdesk):
    key = Secrets.load(desk.folder / "secrets.json").local_key()
    with httpx2.Client(base_url=desk.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "Jam"}
        posted = client.post("/v1/events", json=event | {"category": "printer-and-copier-machine"})
        assert posted.status_code == 202, posted.text
        end = time.monotonic() + 20
        while not any(vendor["open_offered"] for vendor in client.get("/v1/vendors").json()):
            assert time.monotonic() < end, "nothing was offered to the vendor within 20 s"
            time.sleep(0.05)

    def ask(*arguments):
        return tierdesk("vendor", *arguments, "--data", desk.folder)

    told = ask("scorecard", "printer-vendor")
    assert told.code == 0
    assert posted.json()["reference"] in told.out
    card = json.loads(ask("scorecard", "printer-vendor", "--json").out)
    assert card["figures"]["offered"] >= 1
    assert ask("refusals", "printer-vendor").out.strip() == "Nothing of it was refused."
    assert json.loads(ask("refusals", "printer-vendor", "--json").out) == []
    assert "No such vendor" in ask("scorecard", "nobody").check_one_line(1)
    assert "from" in ask("scorecard", "printer-vendor", "--from", "2099-01-01T00:00:00Z").check_one_line(1)
