"""Mails as they go over the wire: whatever people wrote, the headers are ours."""

import email
import email.policy
import unicodedata
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_desk.domain.mailing import Kind, Letter, News
from tierdesk_desk.domain.reminders import REASSURANCE, REMINDER
from tierdesk_desk.mailing.letters import LetterWriter, Reader
from tierdesk_desk.mailing.phrases import HEADINGS, SAYINGS
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.store.sending import Claim
from tierdesk_policy import Occasion

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WRITER = LetterWriter(
    MailSettings(url="smtp://mail", sender="Service desk <desk@example.org>"), "https://desk.example.org"
)
OURS = {
    "From", "To", "Subject", "Date", "Message-ID", "References", "List-Id", "Auto-Submitted", "Precedence",
    "X-Auto-Response-Suppress", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
}  # fmt: skip
NASTY = st.sampled_from(
    [
        "\r\nBcc: victim@example.org", "a\nSubject: other", "\u202egnp.exe", "\x1b[31m", "=?utf-8?q?x?=", "\u2028x",
        "\x0bBcc: x", "\x85Bcc: x", "{{7*7}}", "x" * 5_000, "\n.\n", "\r\n.\r\nMAIL FROM:<x>", "From here", "'\"<>&",
    ]
)  # fmt: skip


def one(occasion="answered", *, title="The printer smokes", text="Turn it off.", ticket="t1", reference="TD-TEST-0001"):
    return News("main", "ann@example.com", occasion, ticket, reference, title, text, NOW)


def claim(letter, *, kind=Kind.NEWS, address="ann@example.com", **fields):
    told = {"ticket": letter.ticket, "reference": None, "locale": None, "values": letter.values()} | fields
    return Claim(
        "main", UUID(int=7), kind, address, message_id="<7@example.org>", attempts=0, added_at=NOW, due_at=NOW,
        lease=UUID(int=8), **told,
    )  # fmt: skip


def write(letter, **fields):
    raw = WRITER.write(claim(letter, **fields), Reader("en"), NOW)
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def text_of(message):
    return message.get_content().replace("\r\n", "\n")


def known(*news):
    return Letter(shows_titles=True).add(news)


def test_the_headers_of_a_mail():
    _, message = write(known(one()))
    assert {name: str(message[name]) for name in OURS - {"Content-Type", "MIME-Version"}} == {
        "From": "Service desk <desk@example.org>",
        "To": "ann@example.com",
        "Subject": "[TD-TEST-0001] There is an answer: The printer smokes",
        "Date": "Mon, 02 Mar 2026 09:00:00 +0000",
        "Message-ID": "<7@example.org>",
        "References": "<t1@example.org>",
        "List-Id": "<news.main.example.org>",
        "Auto-Submitted": "auto-generated",
        "Precedence": "bulk",
        "X-Auto-Response-Suppress": "All",
        "Content-Transfer-Encoding": "quoted-printable",
    }
    assert "    Turn it off.\n" in text_of(message)
    assert "https://desk.example.org/portal/requests/t1\n" in text_of(message)


def test_a_receipt_says_that_it_answers():
    assert write(known(one("opened")))[1]["Auto-Submitted"] == "auto-replied"
    assert write(known(one("opened"), one("asked")))[1]["Auto-Submitted"] == "auto-generated"


@settings(deadline=None)  # a busy machine takes its time
@given(title=NASTY | st.text(max_size=300), text=NASTY | st.text(max_size=500), verified=st.booleans())
def test_whatever_people_wrote_the_headers_are_ours(title, text, verified):
    title, text = (part.encode(errors="replace").decode() for part in (title, text))
    letter = Letter(shows_titles=verified).add([one(title=title, text=text), one("resolved", title=title, text=text)])
    raw, message = write(letter)
    assert set(message.keys()) == OURS
    assert [str(message[name]) for name in ("To", "From", "Auto-Submitted")] == [
        "ann@example.com", "Service desk <desk@example.org>", "auto-generated",
    ]  # fmt: skip
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    subject = str(message["Subject"])
    assert subject.startswith("[TD-TEST-0001] ")
    assert len(subject) <= 160
    steering = {one for one in subject if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert steering <= set("\u200c\u200d")
    if not verified:
        assert subject == "[TD-TEST-0001] It should be solved"


def test_who_is_not_known_to_own_the_address_is_shown_nothing_that_others_chose():
    letter = Letter(shows_titles=False).add([one("opened", title="Buy this: https://evil.example", text="")])
    raw, message = write(letter)
    assert b"evil" not in raw
    assert message["Subject"] == "[TD-TEST-0001] We have received your request"
    assert "https://desk.example.org/portal/requests/t1" in text_of(message)


def test_a_digest_tells_all_of_each_request():
    letter = known(one(), one("resolved", text="New fuser."), one(ticket="t2", reference="TD-TEST-0002", text="Soon."))
    _, message = write(letter)
    assert message["Subject"] == "[TD-TEST-0001] News of this and 1 other request"
    assert message["References"] is None
    text = text_of(message)
    told = ["TD-TEST-0001", "Turn it off.", "New fuser.", "/t1", "TD-TEST-0002", "Soon.", "/t2"]
    assert [text.index(part) for part in told] == sorted(text.index(part) for part in told)


def test_what_was_left_out_is_counted():
    text = text_of(write(known(*(one(text=f"Answer {number}") for number in range(53))))[1])
    assert "Answer 49" in text
    assert "Answer 50" not in text
    assert "There are 3 more changes." in text


def test_a_long_text_is_cut_and_says_so():
    text = text_of(write(known(one(text="x" * 12_000)))[1])
    assert "the whole of it stands on the page" in text


def test_an_address_beyond_ascii_is_written_as_utf8():
    raw, message = write(known(one(title="Grüße")), address="jörg@bücher.example")
    assert "To: jörg@xn--bcher-kva.example\r\n".encode() in raw
    assert message["Subject"] == "[TD-TEST-0001] There is an answer: Grüße"


def test_a_link_and_an_alarm():
    values = {"url": "https://desk.example.org/portal/link/abc", "expires_at": NOW.isoformat()}
    _, link = write(Letter(), kind=Kind.LINK, values=values, reference="TD-TEST-0001")
    assert link["Subject"] == "[TD-TEST-0001] Your link"
    assert "https://desk.example.org/portal/link/abc\n" in text_of(link)
    _, alarm = write(known(one("escalation", text="No answer for 4 hours")), kind=Kind.ALARM)
    assert alarm["Subject"] == "[TD-TEST-0001] It takes too long: The printer smokes"
    assert "No answer for 4 hours" in text_of(alarm)


@pytest.mark.parametrize("occasion", [*Occasion, REMINDER, REASSURANCE])
def test_there_are_words_for_every_occasion(occasion):
    assert HEADINGS[occasion]
    assert HEADINGS[occasion] in text_of(write(known(one(occasion)))[1])
    assert occasion in SAYINGS


def test_a_mail_that_cannot_be_read_says_so():
    with pytest.raises((KeyError, ValueError)):
        WRITER.write(claim(Letter(), values={}), Reader("en"), NOW)
