"""Password resets on a real desk, with the bot as a program."""

import hashlib
import json
import time

from bots.tests.conftest import wait_until

WRONG = "0000 0001"


def account(people, name):
    return next(one for one in json.loads(people.read_text())["accounts"] if one["name"] == name)


def steps_of(escalated):
    return {step["step"]: step.get("result", "") for step in escalated["steps_tried"]}


def test_the_code_from_the_mail_sets_a_password_that_must_be_changed(requester, make_password_bot, tmp_path):
    bot = make_password_bot()
    ticket = requester.report("ann", contact="thief@example.net")
    code = requester.code()
    (asked,) = requester.wait_for(ticket, "progressed")
    assert "a***@example.org" in asked["answer"]
    requester.wait_for(ticket, "paused")
    requester.reply(ticket, f"The code is {code}. Thank you!")
    (resolved,) = requester.wait_for(ticket, "resolved")
    assert "temporary password was set" in resolved["how"]

    letters = requester.letters()
    assert [letter["to"] for letter in letters] == ["ann.archer@example.org"] * 2
    password = letters[1].get_content().split("\n    ")[1].splitlines()[0]
    kept = account(tmp_path / "people.json", "ann")["password"]
    assert kept["must_change"] is True
    digest = hashlib.scrypt(password.encode(), salt=bytes.fromhex(kept["salt"]), n=2**14, r=8, p=1)
    assert digest.hex() == kept["scrypt"]

    told = json.dumps(requester.story(ticket)).replace(f"The code is {code}", "")
    for secret in (code, code.replace(" ", ""), password, "ann.archer@"):
        assert secret not in told
        assert secret not in bot.state()
        assert secret not in bot.log
    assert bot.stop() == 0


def test_three_wrong_codes_go_to_people_with_what_was_tried(requester, make_password_bot, tmp_path):
    make_password_bot()
    ticket = requester.report("ann")
    requester.code()
    for number in range(1, 4):
        requester.wait_for(ticket, "paused", number)
        requester.reply(ticket, WRONG)
    escalated = requester.wait_for_handing_on(ticket)
    assert escalated["reason"] == "first_fix_failed"
    assert steps_of(escalated) == {
        "Looked the requester up in the directory": "The account may be reset by machine.",
        "Sent a one-time code to a***@example.org, the registered address": "Handed over to the mail relay.",
        "Compared the code in the reply": "Wrong, 3 times.",
    }
    assert "password" not in account(tmp_path / "people.json", "ann")


def test_a_right_code_after_two_wrong_ones_counts_and_a_void_one_does_not(requester, make_password_bot):
    make_password_bot()
    ticket = requester.report("ann")
    first = requester.code()
    requester.wait_for(ticket, "paused")
    requester.reply(ticket, WRONG)
    requester.wait_for(ticket, "paused", 2)
    requester.reply(ticket, "No mail came, send it again please")
    second = requester.code(2)
    assert first != second
    requester.wait_for(ticket, "paused", 3)
    requester.reply(ticket, first)
    requester.wait_for(ticket, "paused", 4)
    requester.reply(ticket, second)
    assert requester.wait_for(ticket, "resolved")


def test_a_requester_who_says_nothing_goes_to_people(requester, make_password_bot):
    make_password_bot("--code-minutes", "0.02")
    ticket = requester.report("ann")
    escalated = requester.wait_for_handing_on(ticket)
    assert steps_of(escalated)["Asked the requester for the code"] == "No code within 0.02 minutes."


def test_accounts_that_no_machine_may_reset_go_to_people_at_once_and_no_mail_goes_out(requester, make_password_bot):
    make_password_bot()
    expected = {
        "root": ("beyond_scope", "The account is privileged; those are never reset by machine."),
        "gone": ("beyond_scope", "The account is disabled."),
        "mute": ("beyond_scope", "The account has no registered address."),
        "stranger": ("beyond_scope", "The directory has no account of this requester."),
        "twin": ("beyond_scope", "The directory has more than one account of this name or address."),
    }
    tickets = {name: requester.report(name) for name in expected}
    for name, ticket in tickets.items():
        escalated = requester.wait_for_handing_on(ticket)
        assert (escalated["reason"], escalated["findings"]) == expected[name]
        assert list(steps_of(escalated)) == ["Looked the requester up in the directory"]
        assert requester.log(ticket, "paused") == []
    assert requester.letters() == []


def test_another_category_goes_to_people_at_once(requester, make_password_bot):
    make_password_bot()
    escalated = requester.wait_for_handing_on(requester.report("ann", category="badge"))
    assert (escalated["reason"], escalated["steps_tried"]) == ("beyond_scope", [])
    assert requester.letters() == []


def test_a_no_goes_to_people(requester, make_password_bot, tmp_path):
    make_password_bot()
    ticket = requester.report("ann")
    requester.wait_for(ticket, "paused")
    requester.reply(ticket, "No. I did not ask for this!")
    escalated = requester.wait_for_handing_on(ticket)
    assert escalated["reason"] == "beyond_scope"
    assert steps_of(escalated)["Asked the requester for the code"] == "The requester refused."
    assert "password" not in account(tmp_path / "people.json", "ann")


def test_replies_that_no_machine_understands_go_to_people(requester, make_password_bot):
    make_password_bot()
    ticket = requester.report("ann")
    for number in range(1, 4):
        requester.wait_for(ticket, "paused", number)
        requester.reply(ticket, "My chair squeaks.")
    assert requester.wait_for_handing_on(ticket)["reason"] == "cause_unclear"


def test_a_relay_that_takes_no_mail_goes_to_people(requester, make_password_bot):
    make_password_bot("--smtp-url", "smtp://127.0.0.1:9")
    ticket = requester.report("ann")
    escalated = requester.wait_for_handing_on(ticket)
    step = "Sent a one-time code to a***@example.org, the registered address"
    assert steps_of(escalated)[step] == "The mail could not be handed over."
    assert escalated["findings"] == "The requester could not be reached by mail. The mail could not be handed over."


def test_a_directory_that_is_gone_when_the_code_comes_goes_to_people(requester, make_password_bot, tmp_path):
    make_password_bot()
    ticket = requester.report("ann")
    code = requester.code()
    requester.wait_for(ticket, "paused")
    (tmp_path / "people.json").unlink()
    requester.reply(ticket, code)
    escalated = requester.wait_for_handing_on(ticket)
    assert steps_of(escalated)["Set a temporary password"] == "The directory did not answer, or refused."


def test_a_password_that_is_set_and_cannot_be_mailed_is_told_to_people(requester, make_password_bot, tmp_path):
    make_password_bot()
    ticket = requester.report("ann")
    code = requester.code()
    requester.wait_for(ticket, "paused")
    (tmp_path / "outbox").rename(tmp_path / "elsewhere")
    requester.reply(ticket, code)
    steps = steps_of(requester.wait_for_handing_on(ticket))
    assert steps["Set a temporary password"] == "Done; it must be changed at the next sign-in."
    step = "Sent the temporary password to a***@example.org, the registered address"
    assert steps[step] == "The mail could not be handed over."


def test_an_incomplete_description_does_not_keep_a_bot_from_handing_on(requester, make_password_bot):
    make_password_bot()
    ticket = requester.report("ann", category="badge")
    assert requester.wait_for_handing_on(ticket)
    assert requester.log(ticket, "triaged")[0]["missing_facts"] == ["location"]


def test_a_bot_that_is_killed_between_mail_and_reply_goes_on_and_sends_no_second_mail(requester, make_password_bot):
    bot = make_password_bot()
    ticket = requester.report("ann")
    code = requester.code()
    requester.wait_for(ticket, "paused")
    requester.reply(ticket, WRONG)
    requester.wait_for(ticket, "paused", 2)
    written = [letter["date"] for letter in requester.letters()]
    bot.kill9()
    requester.reply(ticket, f"Sorry: {code}")
    time.sleep(1.5)  # so that a second letter would have another date
    bot.start()
    requester.wait_for(ticket, "resolved")
    assert len([event for event in requester.log(ticket, "progressed") if event.get("answer")]) == 2
    assert len(requester.log(ticket, "paused")) == 2
    assert len(requester.log(ticket, "resolved")) == 1
    letters = requester.letters()
    assert [letter["date"] for letter in letters][:1] == written
    assert len(letters) == 2
    assert bot.stop() == 0


def test_what_timed_out_before_a_crash_stays_so_though_the_code_came_meanwhile(requester, make_password_bot, tmp_path):
    bot = make_password_bot("--code-minutes", "0.02")
    ticket = requester.report("ann")
    code = requester.code()
    requester.wait_for_handing_on(ticket)
    bot.kill9()
    requester.reply(ticket, code)
    bot.start()
    later = requester.report("ann", category="badge")
    requester.wait_for_handing_on(later)
    assert requester.log(ticket, "resolved") == []
    assert "password" not in account(tmp_path / "people.json", "ann")


def test_where_nobody_is_above_the_bot_says_so_once_and_the_ticket_waits_for_whoever_looks(
    requester, make_password_bot
):
    bot = make_password_bot("--tier", "top", "--group", "nobody-above")
    ticket = requester.report("ann", category="stuck")
    wait_until(lambda: "stays with its worker until somebody looks" in bot.log, "the bot gives up")
    (told,) = requester.log(ticket, "progressed")
    assert told["answer"] == "This cannot be done by machine; a colleague takes over."
    assert requester.story(ticket)["ticket"]["status"] == "accepted"
