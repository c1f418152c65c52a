"""`tierdesk rebuild`: how far back, what it counts, and what it sends again."""

import re
import time
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_cli.errors import CommandError
from tierdesk_cli.rebuild import read_since
from tierdesk_runtime.secrets import Secrets

from .test_commands import NOWHERE
from .test_desk_commands import post

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given_", "back"),
    [("90s", timedelta(seconds=90)), ("45m", timedelta(minutes=45)), ("2h", timedelta(hours=2)), ("3d", timedelta(days=3))],
)  # fmt: skip
def test_a_span_reaches_back_from_now(given_, back):
    assert read_since(given_, NOON) == NOON - back


@given(st.timedeltas(timedelta(), timedelta(days=29)), st.integers(-14, 14))
def test_a_time_is_read_in_its_zone(back, hours):
    at = (NOON - back).replace(microsecond=0)
    written = (at + timedelta(hours=hours)).replace(tzinfo=None).isoformat() + f"{hours:+03d}:00"
    if at >= NOON - timedelta(days=29):
        assert read_since(written, NOON) == at


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ("yesterday", "no span such as 2h"),
        ("2w", "no span such as 2h"),
        ("-2h", "no span such as 2h"),
        ("", "no span such as 2h"),
        ("999999d", "no span such as 2h"),
        ("2026-03-02T09:30:00", "has no zone; write 2026-03-02T09:30:00Z if it is UTC"),
        ("2026-03-02T13:00:00Z", "has not come yet"),
        ("30d", "at most 29 days back"),
        ("2020-01-01T00:00:00Z", "at most 29 days back"),
    ],
)
def test_what_names_no_time_that_can_be_reached(given_, told):
    with pytest.raises(CommandError, match=re.escape(told)) as refused:
        read_since(given_, NOON)
    assert refused.value.exit_code == 2


def counts(text):
    return {name: int(count) for name, count in re.findall(r"^(\w+): (\d+) messages", text, re.MULTILINE)}


def test_a_dry_run_counts_and_changes_nothing_and_then_everything_goes_out_again(desk, tierdesk):
    def rebuild(*arguments):
        done = tierdesk("rebuild", "--since", "1h", *arguments, "--data", desk.folder)
        assert done.code == 0, done.err
        return done.out

    reference = post(desk, "Unread mail", category="pc-and-laptop")
    for _ in range(2):
        dry = rebuild("--dry-run")
        assert set(counts(dry)) == {"router", "intake", "sla", "kb", "bridge", "desk"}
        assert counts(dry)["intake"] == 1
        assert "router: 1 policies would be told anew" in dry
        assert "router: 1 offers that nobody has accepted would be made anew" in dry
    assert counts(rebuild("--service", "intake")) == {"intake": 1}
    told = rebuild()
    assert counts(told)["router"] >= counts(dry)["router"]
    assert "router: 1 policies are told anew" in told
    assert "router: 1 offers that nobody has accepted are made anew" in told

    key = Secrets.load(desk.folder / "secrets.json").local_key()
    with httpx2.Client(base_url=desk.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as client:
        kinds = [event["kind"] for event in client.get(f"/v1/tickets/{reference}").json()["log"]]
    assert kinds == ["opened", "triaged", "facts_requested", "offered", "withdrawn", "offered"]
    end = time.monotonic() + 30
    while "outbox 0 " not in (told := tierdesk("doctor", "--data", desk.folder).out):
        assert time.monotonic() < end, told
        time.sleep(0.2)
    assert "parked 0" in told


def test_a_service_that_is_none_a_bus_that_is_away_and_no_desk(desk, tierdesk, tmp_path):
    told = tierdesk("rebuild", "--since", "1h", "--service", "billing", "--data", desk.folder).check_one_line(2)
    assert told.startswith("no service 'billing'")
    assert "no span" in tierdesk("rebuild", "--since", "soon", "--data", desk.folder).check_one_line(2)
    told = tierdesk("rebuild", "--since", "1h", "--data", tmp_path).check_one_line(1)
    assert told.startswith(f"no PostgreSQL runs on {tmp_path}: ")
    told = tierdesk("rebuild", "--since", "1h", "--data", tmp_path, database_url=NOWHERE).check_one_line(1)
    assert "s3cret-canary" not in told


def test_help_teaches_by_an_example(tierdesk):
    done = tierdesk("rebuild", "--help")
    assert "tierdesk rebuild --since 2h --dry-run" in " ".join(done.out.replace("│", " ").split())
