"""The command line: help that teaches, wrong settings told in one line, rules and journals."""

import json
import subprocess
import sys
from uuid import UUID

import pytest

from e2e.desks import run_program
from tierdesk_bots.advice import BUILT_IN, Rule, RulesError, judge, load_rules
from tierdesk_bots.diagnosis import Diagnosis
from tierdesk_bots.journal import Journals

SOME = UUID(int=1)


def bots(*arguments, **environment):
    surroundings = {"PATH": "/usr/bin:/bin", "COLUMNS": "100", **environment}
    return run_program("tierdesk_bots", *arguments, environment=surroundings)


def test_it_starts_in_an_interpreter_that_has_imported_nothing_for_it():
    command = [sys.executable, "-m", "tierdesk_bots", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "password-reset" in done.stdout


@pytest.mark.parametrize(("bot", "taught"), [("password-reset", "REGISTERED address"), ("diagnostics", "works once")])
def test_help_teaches_and_names_the_environment(bot, taught):
    done = bots(bot, "--help")
    assert done.code == 0
    assert taught in done.out
    assert "[TIERDESK_BUS_URL]" in done.out
    assert "[TIERDESK_BOT_STATE]" in done.out
    assert "example" in done.out


@pytest.fixture
def good(tmp_path):
    """Settings of a password bot that lack nothing but a bus that answers."""
    (tmp_path / "secret").write_bytes(b"s" * 32)
    (tmp_path / "short").write_bytes(b"s" * 31)
    (tmp_path / "people.json").write_text('{"accounts": []}')
    return {
        "bus": "amqp://127.0.0.1:9/x", "state": tmp_path / "state", "secret-file": tmp_path / "secret",
        "directory-file": tmp_path / "people.json", "outbox": tmp_path / "outbox", "from": "desk@example.org",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bus": None}, "name the bus"),
        ({"bus": "http://broker"}, "the bus is given as"),
        ({"state": None}, "--state is needed"),
        ({"secret-file": None}, "--secret-file is needed"),
        ({"secret-file": "short"}, "fewer than 32 bytes"),
        ({"secret-file": "none"}, "cannot read"),
        ({"from": None}, "--from is needed"),
        ({"outbox": None}, "name one way for mails"),
        ({"smtp-url": "smtp://relay"}, "name one way for mails"),
        ({"outbox": None, "smtp-url": "http://relay"}, "--smtp-url: a mail relay is given as"),
        ({"directory-file": None}, "name one directory"),
        ({"directory-file": None, "ldap-url": "ldaps://x"}, "--ldap-privileged is needed"),
        ({"code-minutes": "soon"}, "is no number of minutes"),
        ({"workers": "0"}, "is no number from 1"),
        ({"state": "secret"}, "--state: "),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(good, changes, told, tmp_path):
    files = {"short", "none", "secret"}
    settings = good | {name: tmp_path / value if value in files else value for name, value in changes.items()}
    flags = [word for name, value in settings.items() if value is not None for word in (f"--{name}", value)]
    done = bots("password-reset", *flags)
    assert done.code == 2, done
    assert told in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--public-url", "http://desk.example.org"], "--public-url: https://HOST is expected"),
        (["--listen", "here"], "not of the form HOST:PORT"),
        (["--hosts", "here"], "--hosts: 'here' is not of the form HOST:PORT"),
    ],
)
def test_a_wrong_setting_of_the_diagnostics_bot_is_told_in_one_line(good, flags, told):
    given = ["--bus", good["bus"], "--state", good["state"], "--secret-file", good["secret-file"]]
    done = bots("diagnostics", *given, "--public-url", "https://desk.example.org", *flags)
    assert done.code == 2, done
    assert told in done.err
    assert "Traceback" not in done.err


def test_the_environment_takes_the_place_of_flags(good, tmp_path):
    given = {
        f"TIERDESK_BOT_{name.replace('-', '_').upper()}": str(value) for name, value in good.items() if name != "bus"
    }
    done = bots("password-reset", TIERDESK_BUS_URL="", **given)
    assert done.code == 2
    assert "name the bus" in done.err


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"measure": "speed"}, "disk has the measures free_bytes, free_share"),
        ({"above": 1}, "either `below` or `above`"),
        ({"advice": ""}, "needs an advice"),
        ({"check": "soul"}, "Input should be"),
        ({"extra": 1}, "Extra inputs"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_place(tmp_path, rule, told):
    good = {
        "check": "disk",
        "measure": "free_share",
        "below": 0.1,
        "then": "resolve",
        "because": "full",
        "advice": "empty it",
    }
    file = tmp_path / "rules.json"
    file.write_text(json.dumps([good]))
    assert load_rules(file) == (Rule.model_validate(good),)
    file.write_text(json.dumps([good, good | rule]))
    with pytest.raises(RulesError, match=rf"rules\.json: 1.*{told}"):
        load_rules(file)


def test_one_result_that_needs_people_outweighs_any_advice():
    full = {"kind": "disk", "free_bytes": 1, "total_bytes": 1000}
    wrong_clock = {"kind": "clock", "skew_seconds": -7200.0}
    unreachable = {"kind": "tcp", "host": "mail", "port": 25, "error": "refused"}
    good = {"kind": "tcp", "host": "mail", "port": 25, "milliseconds": 3}
    expected = [
        ([full, good], 1, 1),
        ([full, wrong_clock], 2, 2),
        ([full, wrong_clock, unreachable], 0, 3),
        ([good], 0, 0),
    ]
    for results, advice, because in expected:
        verdict = judge(BUILT_IN, Diagnosis.model_validate({"results": results}).results)
        assert (len(verdict.advice), len(verdict.because)) == (advice, because)


async def test_an_effect_is_noted_when_it_took_place_and_not_done_again_after_a_restart(tmp_path):
    done = []

    async def effect():
        done.append(1)
        return {"at": "noon"}

    async def failing():
        done.append("failed")
        raise OSError

    journal = Journals(tmp_path / "state").open(SOME)
    with pytest.raises(OSError, match=r"^$"):
        await journal.once("mail", failing)
    assert await journal.once("mail", effect) == {"at": "noon"}
    again = Journals(tmp_path / "state").open(SOME)
    assert await again.once("mail", effect) == {"at": "noon"}
    assert done == ["failed", 1]
    assert again.note("mail", "something else") == {"at": "noon"}
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_journals_are_swept_after_a_month(tmp_path):
    import os
    import time

    journals = Journals(tmp_path)
    journals.open(SOME).note("lookup", entry=True)
    journals.open(UUID(int=2)).note("lookup", entry=True)
    month_ago = time.time() - 31 * 86_400
    os.utime(tmp_path / f"{SOME}.json", (month_ago, month_ago))
    Journals(tmp_path).sweep()
    assert Journals(tmp_path).find(SOME) is None
    assert Journals(tmp_path).find(UUID(int=2)) is not None
