"""Commands without a desk: what is wrong is one line that says what to do, and an exit code."""

import json
import os
import socket
from pathlib import Path

import pytest

from tierdesk_cli.errors import CommandError
from tierdesk_cli.examples import ways_to_suppliers
from tierdesk_cli.explaining import explain
from tierdesk_cli.home import Home, default_folder
from tierdesk_policy import load_policy_file
from tierdesk_runtime.secrets import Secrets

from .exports import as_csv, row

REPOSITORY = Path(__file__).parents[2]
NOWHERE = "postgresql://tierdesk:s3cret-canary@127.0.0.1:1/desk"


def test_a_good_policy_is_told_by_its_parts_and_its_version(tierdesk):
    for name in ("five-tier", "two-tier"):
        done = tierdesk("policy", "check", REPOSITORY / "deploy" / "policy" / f"{name}.yaml")
        assert done.code == 0
        assert "No faults." in done.out
        assert len(done.out.splitlines()[-1]) >= 64


def test_each_fault_of_a_policy_has_its_file_line_and_field(tierdesk, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        "name: Broken\n"
        "tiers: [{id: l1}]\n"
        "groups:\n"
        "  - {id: front, tier: l9}\n"
        "categories:\n"
        "  - {id: other, tier: l1, group: front, colour: red}\n"
    )
    done = tierdesk("policy", "check", broken)
    assert done.code == 2
    assert done.err.startswith(f"tierdesk: {broken}:")
    faults = done.err.removeprefix("tierdesk: ").splitlines()
    assert any(fault.startswith(f"{broken}:4: groups.0.tier: ") for fault in faults), faults
    assert any(fault.startswith(f"{broken}:6: categories.0.colour: ") for fault in faults), faults
    assert all(fault.startswith(f"{broken}:") for fault in faults)


def test_each_fault_of_calendars_and_targets_has_its_line_and_field(tierdesk, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        "name: Broken\n"
        "tiers: [{id: l1}]\n"
        "groups: [{id: front, tier: l1}]\n"
        "categories: [{id: other, tier: l1, group: front}]\n"
        "targets:\n"
        "  - {kind: resolution, within: 3650d, calendar: sundays}\n"
        "  - {kind: visit, within: -4h}\n"
        "calendars:\n"
        "  - {id: sundays, tz: UTC, weekly: {sun: ['09:00-17:00']}}\n"
        "  - {id: never, tz: UTC, weekly: {}}\n"
        "  - {id: office, tz: Mars/Base, weekly: {mon: ['09:00-25:00', '10:00-10:00']}, holidays: [2027-02-29]}\n"
    )
    done = tierdesk("policy", "check", broken)
    assert done.code == 2
    told = [fault.split(":")[1:3] for fault in done.err.removeprefix("tierdesk: ").splitlines()]
    assert told == [
        ["6", " targets.0.within"],
        ["7", " targets.1.within"],
        ["10", " calendars.1"],
        ["11", " calendars.2.weekly.mon.0"],
        ["11", " calendars.2.weekly.mon.1"],
        ["11", " calendars.2.holidays.0"],
        ["11", " calendars.2.tz"],
    ]


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"name: [", b"- 1\n", b"name: a\x00b\n", b"a: &a [*a]\n", b"x" * 2_000_000]
)
def test_a_file_that_is_no_policy(tierdesk, tmp_path, body):
    file = tmp_path / "policy.yaml"
    file.write_bytes(body)
    done = tierdesk("policy", "check", file)
    assert done.code == 2
    assert all(line.removeprefix("tierdesk: ").startswith(str(file)) for line in done.err.splitlines())
    assert "Traceback" not in done.err


def test_a_policy_that_is_not_there(tierdesk, tmp_path):
    told = tierdesk("policy", "check", tmp_path / "none.yaml").check_one_line(2)
    assert told == f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"


def test_a_policy_with_escape_sequences_is_told_without_them(tierdesk, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text('name: "\\e[2Jgone"\n"\\e[31mred": 1\n')
    done = tierdesk("policy", "check", file)
    assert done.code == 2
    assert "\x1b" not in done.out + done.err


CALENDAR = {"tz": "Europe/London", "weekly": {"mon": [["09:00", "17:00"]]}}
FACT = {"id": "f-1", "op": "is_open", "calendar": "c", "at": "2026-03-02T10:00:00Z", "expected": True}


@pytest.mark.parametrize(
    ("document", "code", "last_line"),
    [
        ({"calendars": {"c": CALENDAR}, "vectors": [FACT]}, 0, "1 passed, 0 failed"),
        ({"calendars": {"c": CALENDAR}, "vectors": [FACT, FACT | {"expected": False}]}, 1, "1 passed, 1 failed"),
        ({"calendars": {"c": CALENDAR}, "vectors": [FACT | {"op": "is_late"}]}, 2, "0 passed, 0 failed"),
        ({"facts": []}, 2, "0 passed, 0 failed"),
    ],
)
def test_facts_of_business_time_are_counted(tierdesk, tmp_path, document, code, last_line):
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(document))
    done = tierdesk("calendar", "verify", file)
    assert (done.code, done.out.splitlines()[-1]) == (code, last_line)
    assert len(done.out.splitlines()) == (1 if code == 0 else 2)


def test_a_fact_with_escape_sequences_is_told_without_them(tierdesk, tmp_path):
    file = tmp_path / "facts.json"
    fact = FACT | {"id": "\x1b]0;owned\x07", "expected": False}
    file.write_text(json.dumps({"calendars": {"c": CALENDAR}, "vectors": [fact]}))
    done = tierdesk("calendar", "verify", file)
    assert done.code == 1
    assert "owned" in done.out
    assert "\x1b" not in done.out


def test_an_export_of_another_format_and_one_that_is_none(tierdesk, tmp_path):
    export = tmp_path / "export.csv"
    export.write_text(as_csv([row(impact="9")]))
    told = tierdesk("replay", export, "--format", "zendesk").check_one_line(2)
    assert told == "format 'zendesk' is not known; there is servicenow"
    told = tierdesk("replay", export).check_one_line(2)
    assert told == f"{export}:2: impact: '9' is no number from 1 to 3"
    told = tierdesk("replay", tmp_path / "none.csv").check_one_line(2)
    assert told == f"{tmp_path / 'none.csv'}: cannot be read: No such file or directory"


@pytest.mark.parametrize("command", [("tickets",), ("tickets", "TD-0000-0000"), ("policy", "apply", "{policy}")])
def test_no_desk_has_run_here(tierdesk, tmp_path, command):
    policy = REPOSITORY / "deploy" / "policy" / "two-tier.yaml"
    told = tierdesk(*(part.format(policy=policy) for part in command), "--data", tmp_path / "none").check_one_line(1)
    assert told.startswith("no desk has run here yet: start one with `tierdesk up`")


def test_a_desk_that_does_not_answer_any_more(tierdesk, tmp_path):
    Secrets.create(tmp_path / "secrets.json")
    Home(tmp_path).remember_address("http://127.0.0.1:1")
    told = tierdesk("tickets", "--data", tmp_path).check_one_line(1)
    assert told.startswith("no desk answers at http://127.0.0.1:1 (")
    assert told.endswith("start one with `tierdesk up`")


@pytest.mark.parametrize(
    "url", ["nonsense", "http://127.0.0.1:1\n", "http://[::1", "ftp://desk", "http://127.0.0.1:99999"]
)
def test_an_address_that_is_none(tierdesk, tmp_path, url):
    tierdesk("tickets", "--url", url, "--key", "k", "--data", tmp_path)
    done = tierdesk("tickets", "--url", url, "--key", "k", "--data", tmp_path)
    done.check_one_line(done.code)


@pytest.mark.parametrize("key", ["caf\u00e9", "a\nb", "\x1b[31m"])
def test_a_key_that_cannot_be_one(tierdesk, tmp_path, key):
    told = tierdesk("tickets", "--url", "http://127.0.0.1:1", "--key", key, "--data", tmp_path).check_one_line(2)
    assert told == "the API key holds characters that no key has; copy it again"


def test_a_secrets_file_that_others_can_read_or_that_is_broken(tierdesk, tmp_path):
    Home(tmp_path).remember_address("http://127.0.0.1:1")
    secrets = tmp_path / "secrets.json"
    secrets.write_text("{}")
    secrets.chmod(0o644)
    assert "chmod 600" in tierdesk("tickets", "--data", tmp_path).check_one_line(1)
    secrets.chmod(0o600)
    told = tierdesk("tickets", "--data", tmp_path).check_one_line(1)
    assert told.startswith(f"{secrets}: ")


def test_doctor_names_each_thing_that_is_absent_and_what_to_do(tierdesk, tmp_path):
    done = tierdesk("doctor", "--data", tmp_path / "none")
    assert done.check_one_line(1) == "3 of 3 checks are not well"
    assert [line.split()[:2] for line in done.out.splitlines() if line.startswith("ill")] == [
        ["ill", "secrets"],
        ["ill", "database"],
        ["ill", "desk"],
    ]
    assert done.out.count("→") == 3


def test_doctor_of_servers_that_are_away_shows_no_password(tierdesk, tmp_path):
    done = tierdesk("doctor", "--data", tmp_path, database_url=NOWHERE, bus_url=NOWHERE)
    done.check_one_line(1)
    assert "database" in done.out
    assert "s3cret-canary" not in done.out + done.err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "set TIERDESK_SECRETS_FILE to where keys and passwords are to be kept"),
        ({"secrets_file": "{here}/s.json"}, "TIERDESK_DATABASE_URL: "),
        ({"secrets_file": "{here}/s.json", "database_url": "mysql://x"}, "TIERDESK_DATABASE_URL: "),
        ({"secrets_file": "{here}/s.json", "database_url": "postgresql://u:s3cret/canary@h/d"}, "TIERDESK_DATABASE_URL: "),
        ({"secrets_file": "{here}/s.json", "database_url": NOWHERE}, "no bus: set TIERDESK_AMQP_URL"),
        ({"secrets_file": "{here}/s.json", "database_url": NOWHERE, "bus_url": "redis://x"}, "TIERDESK_BUS_URL: "),
        ({"secrets_file": "{here}/s.json", "database_url": NOWHERE, "bus_url": NOWHERE, "http_port": "x"}, "TIERDESK_HTTP_PORT: "),
        ({"secrets_file": "{here}/s.json", "database_url": NOWHERE, "bus_url": NOWHERE}, "the database does not answer ("),
    ],
)  # fmt: skip
def test_settings_that_lack_or_do_not_fit_are_named(tierdesk, tmp_path, settings, told):
    given = {name: value.format(here=tmp_path) for name, value in settings.items()}
    done = tierdesk("migrate", **given)
    assert done.check_one_line(1 if "does not answer" in told else 2).startswith(told)
    assert "s3cret" not in done.out + done.err


def test_serving_what_is_no_service_and_without_secrets(tierdesk, tmp_path):
    assert (
        tierdesk("serve", "portal").check_one_line(2)
        == "no service 'portal'; there are bridge, desk, intake, kb, router, sla"
    )
    assert tierdesk("serve", "intake").check_one_line(2).startswith("TIERDESK_DATABASE_URL: ")
    settings = {
        "database_url": NOWHERE,
        "bus_url": NOWHERE,
        "secrets_file": str(tmp_path / "none.json"),
        "http_port": "0",
    }
    done = tierdesk("serve", "intake", **settings)
    assert done.code == 1
    assert done.err.splitlines()[-1] == f"tierdesk: {tmp_path / 'none.json'}: No such file or directory"
    assert "Traceback" not in done.err


def test_serving_at_a_port_that_is_taken(tierdesk, tmp_path):
    Secrets.create(tmp_path / "secrets.json")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"database_url": NOWHERE, "bus_url": NOWHERE, "secrets_file": str(tmp_path / "secrets.json")}
        done = tierdesk("serve", "intake", **settings, http_port=str(port))
    told = done.check_one_line(1)
    assert told == f"cannot listen on 127.0.0.1:{port}: Address already in use; set TIERDESK_HTTP_PORT"


def test_data_in_a_file_instead_of_a_folder(tierdesk, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    told = tierdesk("up", "--data", file, "--port", "0").check_one_line(1)
    assert told == f"{file}: File exists; choose another folder with --data"


def test_a_policy_that_does_not_load_keeps_a_desk_from_starting(tierdesk, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("name: x\n")
    done = tierdesk("up", "--data", tmp_path / "desk", "--port", "0", "--policy", file)
    assert done.code == 2
    assert done.err.startswith(f"tierdesk: {file}")
    assert not (tmp_path / "desk").exists()


def test_a_clock_file_that_is_none(tierdesk, tmp_path):
    Secrets.create(tmp_path / "secrets.json")
    clock = tmp_path / "clock.json"
    clock.write_text("{}")
    settings = {"database_url": NOWHERE, "bus_url": NOWHERE, "secrets_file": str(tmp_path / "secrets.json")}
    assert (
        tierdesk("serve", "sla", **settings, clock_file=str(clock))
        .check_one_line(2)
        .startswith(f"{clock}: not a clock")
    )


def test_the_folder_of_a_desk_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("TIERDESK_DATA", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("TIERDESK_DATA")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_folder() == Path("/var/lib/tierdesk/desk")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert default_folder() == tmp_path / "share" / "tierdesk"


def test_a_defect_keeps_its_traceback_and_an_outage_does_not():
    assert explain(KeyError("x")) is None
    assert explain(ExceptionGroup("two", [OSError("away"), KeyError("x")])) is None
    told = explain(ExceptionGroup("two", [ConnectionError("away\nand more"), CommandError("stop", exit_code=2)]))
    assert (str(told), told.exit_code) == ("away", 1)


def test_a_folder_holds_one_desk_at_a_time(tmp_path):
    with Home(tmp_path).hold(), pytest.raises(CommandError, match="already"), Home(tmp_path).hold():
        pass
    with Home(tmp_path).hold():
        assert Home(tmp_path).address() is None


EVENT = {
    "type": "problem_reported",
    "requester": {"party": "eve@board.example.org"},
    "title": "A stolen laptop",
    "category": "pc-and-laptop",
    "impact": 3,
    "urgency": 1,
}
FIVE_TIER = REPOSITORY / "deploy" / "policy" / "five-tier.yaml"


def test_an_event_is_explained_by_a_policy_file_without_a_desk(tierdesk, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps(EVENT))
    done = tierdesk("policy", "explain", event, "--policy", FIVE_TIER)
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[:2] == [
        "A stolen laptop",
        (
            "Goes to Infrastructure and data centre (infrastructure), tier l3 Engineers, with priority 1 (critical): "
            "decided by the rule security."
        ),
    ]
    assert "The requester is a VIP." in lines
    assert any(line.startswith("security decides the group and the priority the condition holds: ") for line in lines)
    assert "vip no matches too, but security comes before it" in lines


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"type": "problem_reported", "title": "x"}', "requester"),
        ('{"type": "confirmed", "ticket": "01936f3a-5c00-7000-8000-000000000001"}', "opens no ticket"),
        ("[", "event.json"),
    ],
)
def test_an_event_that_opens_nothing_is_refused_with_its_field(tierdesk, tmp_path, body, told):
    event = tmp_path / "event.json"
    event.write_text(body)
    done = tierdesk("policy", "explain", event, "--policy", FIVE_TIER)
    assert done.code == 2
    assert told in done.err
    assert tierdesk("policy", "explain", tmp_path / "none.json", "--policy", FIVE_TIER).code == 2


def test_what_differs_between_two_policies_is_told_with_what_follows(tierdesk, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(
        FIVE_TIER.read_text().replace(
            "{id: database, name: Database, tier: l3, group: platform}",
            "{id: database, name: Database, tier: l3, group: software}",
        )
    )
    assert tierdesk("policy", "diff", FIVE_TIER, FIVE_TIER).code == 0
    done = tierdesk("policy", "diff", FIVE_TIER, other)
    assert done.code == 1
    assert done.out.splitlines() == [
        "~ categories.database.group: platform → software",
        "",
        "So these enter the desk elsewhere:",
        "~ category database enters at: l3/platform → l3/software",
    ]


def test_what_is_lawful_and_strange_is_remarked(tierdesk, tmp_path):
    odd = tmp_path / "odd.yaml"
    odd.write_text(FIVE_TIER.read_text().replace("  - [1, 2, 3]", "  - [2, 1, 3]"))
    done = tierdesk("policy", "check", odd)
    assert done.code == 0
    assert f"Remark: {odd}:" in done.out
    assert (
        "matrix.0.0: impact 1 and urgency 1 make priority 2, but less urgency makes 1, which is more pressing"
        in done.out
    )


def test_example_people_hand_work_straight_to_a_supplier_where_an_edge_passes_a_tier_over():
    six_tier = load_policy_file(FIVE_TIER.with_name("six-tier.yaml"))
    assert list(ways_to_suppliers(six_tier)) == ["l1/printer/l4", "l1/printer-and-copier-machine/l4"]
    assert list(ways_to_suppliers(load_policy_file(FIVE_TIER.with_name("two-tier.yaml")))) == []


ICS = (
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//test//",
    "BEGIN:VEVENT",
    "DTSTART;VALUE=DATE:20201225",
    "RRULE:FREQ=YEARLY",
    "SUMMARY:Natal\x1b[31m",
    "END:VEVENT",
    "BEGIN:VEVENT",
    "DTSTART;TZID=Europe/Lisbon:20260612T120000",
    "DURATION:PT2H",
    "END:VEVENT",
    "END:VCALENDAR",
)


def test_closures_are_read_out_of_an_icalendar_file(tierdesk, tmp_path):
    file = tmp_path / "closed.ics"
    file.write_text("\r\n".join(ICS))
    done = tierdesk("calendar", "import", file, "--from", "2026", "--years", "2")
    assert done.code == 0
    assert done.out.splitlines() == [
        "# 2 events, 2026 to 2027; dates and times in Europe/Lisbon",
        "holidays_annual:",
        '  - "12-25"  # Natal [31m',
        "breaks:",
        '  2026-06-12: ["12:00-14:00"]',
    ]
    hours = tierdesk("calendar", "import", file, "--from", "2026", "--years", "1", "--as-hours").out
    assert hours.splitlines()[1:] == [
        "date_overrides:",
        '  2026-06-12: ["12:00-14:00"]',
        '  2026-12-25: ["00:00-24:00"]  # Natal [31m',
    ]


def test_an_icalendar_file_that_cannot_be_read_is_told_with_the_line(tierdesk, tmp_path):
    file = tmp_path / "closed.ics"
    file.write_text("\r\n".join(ICS).replace("FREQ=YEARLY", "FREQ=HOURLY"))
    told = tierdesk("calendar", "import", file).check_one_line(2)
    assert told == f"{file}:6: RRULE: FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY"
    told = tierdesk("calendar", "import", tmp_path / "none.ics").check_one_line(1)
    assert "No such file" in told
    file.write_text("\r\n".join(ICS[:3] + ICS[-1:]))
    told = tierdesk("calendar", "import", file, "--from", "2026").check_one_line(1)
    assert told == f"{file}: no event takes place from 2026 to 2030"
