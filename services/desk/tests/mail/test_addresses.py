"""What can be written to, and what never is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_desk.domain.addresses import AddressError, read_address
from tierdesk_desk.domain.mailing import Reason, judge_address


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ann@example.org", "ann@example.org"),
        ("  Ann.Archer+desk@EXAMPLE.org ", "ann.archer+desk@example.org"),
        ("o'neill@example.org", "o'neill@example.org"),
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_is_kept_in_one_form(text, kept):
    mailbox = read_address(text)
    assert str(mailbox) == kept
    assert str(read_address(kept)) == kept
    assert mailbox.needs_utf8 is not kept.isascii()


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "@example.org", "ann@", "ann@example", "a b@example.org", "ann@exa mple.org", "ann@@example.org",
        "a,b@example.org", "ann@example.org,bob@example.org", "Ann <ann@example.org>", '"ann"@example.org',
        "ann@example.org\r\nBcc: bob@example.org", "ann\n@example.org", "ann@[127.0.0.1]", "ann@127.0.0.1",
        ".ann@example.org", "ann.@example.org", "a..b@example.org", "ann(x)@example.org", "ann@example..org",
        "ann\u202e@example.org", "ann\u200b@example.org", "ann\x00@example.org", "ann;@example.org", "a:b@example.org",
        "x" * 65 + "@example.org", "ann@" + "x" * 64 + ".org", "ann@" + "abc." * 70 + "org", "ann@-x.org",
        "ann\\@example.org", "ann@exa_mple.org", "ann@example.org.",
    ],
)  # fmt: skip
def test_what_is_not_one_address_is_refused_and_not_repeated(text):
    with pytest.raises(AddressError) as caught:
        read_address(text)
    assert "ann" not in str(caught.value)


@settings(deadline=None)  # a busy machine takes its time
@given(st.text(max_size=80) | st.from_regex(r"[^@\s]+@[^@\s]+", fullmatch=True))
def test_whatever_comes_is_refused_or_harmless(text):
    try:
        kept = str(read_address(text))
    except AddressError:
        return
    assert kept.count("@") == 1
    assert not set(kept) & set(' \r\n\t,;:<>()[]"\\\x00')
    assert len(kept.encode()) <= 254
    assert str(read_address(kept)) == kept


@pytest.mark.parametrize(
    "address",
    ["mailer-daemon@a.org", "MAILER-DAEMON@a.org", "noreply@a.org", "no-reply@a.org", "owner-list@a.org",
     "list-request@a.org", "bounces+x@a.org", "postmaster@a.org", "desk@example.org"],
)  # fmt: skip
def test_programs_and_the_desk_itself_get_nothing(address):
    assert judge_address(address, own=frozenset({"desk@example.org"})) is Reason.MACHINE


def test_people_whose_names_look_like_it_do():
    for address in ("norbert@a.org", "daemon.hill@a.org", "lowner@a.org", "request.nina@a.org"):
        assert str(judge_address(address)) == address
