"""What senders call their files, made harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_intake.domain.attachment_names import NAME_LENGTH, clean_name, name_in_headers
from tierdesk_intake.domain.refusals import RefusedError

CLEANED = {
    "../../etc/passwd": "passwd",
    "..\\..\\windows\\system32\\cmd.exe": "cmd.exe",
    "/absolute/path.png": "path.png",
    "C:\\photo.jpg": "photo.jpg",
    "CON": "CON",
    "invoice\u202egpj.exe": "invoicegpj.exe",
    "zero\u200bwidth\u2060.txt": "zerowidth.txt",
    "nul\x00byte.png": "nulbyte.png",
    "line\r\nSet-Cookie: x.png": "line Set-Cookie: x.png",
    "\x1b[31mred\x1b[0m.txt": "[31mred[0m.txt",
    "two   spaces\u2028here.txt": "two spaces here.txt",
    "trailing dots...": "trailing dots",
    "": "attachment",
    "..": "attachment",
    "a/": "attachment",
    "\u202e\u202e": "attachment",
    "invoice.pdf.exe": "invoice.pdf.exe",
    '"><svg onload=alert(1)>.png': '"><svg onload=alert(1)>.png',
    "=cmd|' /C calc'!A0.csv": "C calc'!A0.csv",
    "e\u0301.txt": "\u00e9.txt",
    "\ud800.txt": "txt",
}


@pytest.mark.parametrize("given_name", CLEANED)
def test_a_name_is_a_text_without_folders_and_tricks(given_name):
    assert clean_name(given_name) == CLEANED[given_name]


def test_a_long_name_keeps_its_ending():
    assert clean_name("x" * 251 + ".png") == "x" * (NAME_LENGTH - 4) + ".png"
    assert clean_name("x" * 255) == "x" * NAME_LENGTH
    assert len(clean_name("z" + "\u0301" * 100_000)) <= NAME_LENGTH


@given(st.text(st.characters(), max_size=400))
def test_whatever_is_given_comes_out_short_visible_and_the_same_again(given_name):
    name = clean_name(given_name)
    assert 1 <= len(name) <= NAME_LENGTH
    assert not set(name) & set("/\\\r\n\x00")
    assert not {unicodedata.category(letter) for letter in name} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert clean_name(name) == name
    name.encode()


@pytest.mark.parametrize(
    ("disposition", "content_type", "name"),
    [
        ('attachment; filename="a b.png"', None, "a b.png"),
        ("attachment; filename*=UTF-8''r%C3%B6t.png", "image/png; name=x.png", "r\u00f6t.png"),
        ("inline", 'image/png; name="x.png"', "x.png"),
        (None, "image/png", ""),
        (None, None, ""),
        ("attachment; filename*=x-none''a", None, "a"),
        ('attachment; filename="', None, '"'),
        (";;;;", ";;;;", ""),
    ],
)
def test_headers_tell_a_name(disposition, content_type, name):
    assert name_in_headers(disposition, content_type) == name


def test_a_header_that_takes_long_to_read_is_refused():
    with pytest.raises(RefusedError):
        name_in_headers("attachment" + ';"' * 1_500, None)


@given(st.text(st.characters(max_codepoint=255), max_size=500), st.text(st.characters(max_codepoint=255), max_size=500))
def test_any_header_tells_some_name(disposition, content_type):
    clean_name(name_in_headers(disposition, content_type))
