"""What a file is, by its content: in whatever pieces it comes, and whatever its name says."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_intake.domain.attachment_kinds import KINDS, TEXT, UNKNOWN, KindJudge
from tierdesk_intake.domain.refusals import RefusalKind, RefusedError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
GIF = b"GIF89a\x01\x00\x01\x00" + b"\x00" * 64
BY_ENDING = {ending: kind for kind, ending in KINDS.items()}
SCRIPT = b"<script>alert(1)</script>"


def archive(*names, first=b""):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as folder:
        if first:
            folder.writestr(zipfile.ZipInfo("mimetype"), first)
        for name in names:
            folder.writestr(name, b"content " * 20)
    return packed.getvalue()


def judged(content, name="file", cut=None):
    judge = KindJudge(name)
    cut = cut or len(content)
    for start in range(0, len(content), cut):
        judge.look(content[start : start + cut])
    return judge.media_type


KNOWN = {
    "png": (PNG, "image/png"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\x00\xff" * 100, "image/jpeg"),
    "gif": (GIF, "image/gif"),
    "webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
    "wav": (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
    "bmp": (b"BM" + b"\x00" * 12 + b"\x28\x00\x00\x00" + b"\x00" * 40, "image/bmp"),
    "heic": (b"\x00\x00\x00\x18ftypheic\x00\x00", "image/heic"),
    "mp4": (b"\x00\x00\x00\x18ftypisom\x00\x00", "video/mp4"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "application/pdf"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "application/gzip"),
    "zip": (archive("a.txt", "b.txt"), "application/zip"),
    "empty zip": (archive(), "application/zip"),
    "docx": (archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"), BY_ENDING["docx"]),
    "xlsx": (archive("[Content_Types].xml", "xl/workbook.xml"), BY_ENDING["xlsx"]),
    "odt": (archive("content.xml", first=BY_ENDING["odt"].encode()), BY_ENDING["odt"]),
    "text": (b"Since nine, the printer blinks.\r\n\tRed.\n", TEXT),
    "text with letters": ("Der Drucker blinkt r\u00f6tlich \U0001f5a8".encode(), TEXT),
    "a log in colours": (b"\x1b[31mERROR\x1b[0m out of paper\n", TEXT),
    "text that begins as a DOS program": (b"MZ 0001 is the number of the printer\n", TEXT),
}
UNTOLD = {
    "a page": b"<!DOCTYPE html><title>x</title>",
    "a page after spaces": b" \n\t<HTML><body>x",
    "a page late in a text": b"x" * 5_000 + b"<iframe src=x>",
    "a page after a byte order mark": b"\xef\xbb\xbf<?xml version='1.0'?><x/>",
    "a drawing": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a script of a shell": b"#!/bin/sh\nrm -rf /\n",
    "a page behind a GIF": GIF + SCRIPT,
    "a script behind a PNG, far off": PNG + b"\x00" * 300_000 + SCRIPT.upper(),
    "a PDF with a script": b"%PDF-1.7\n1 0 obj << /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>",
    "a document with macros": archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    "a link": b"[InternetShortcut]\nURL=javascript:alert(1)\n",
    "bytes": b"\x00\x01\x02\x03",
    "half a character": "r\u00f6tlich".encode()[:2],
    "latin-1": "r\u00f6tlich".encode("latin-1"),
    "UTF-16": "x".encode("utf-16"),
    "NUL in a text": b"a\x00b",
    "rich text": b"{\\rtf1 x}",
    "an old document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500,
}
PROGRAMS = {
    "Windows": b"MZ\x90\x00\x03" + b"\x00" * 200 + b"PE\x00\x00",
    "Linux": b"\x7fELF\x02\x01\x01",
    "macOS": b"\xcf\xfa\xed\xfe\x07",
    "Java": b"\xca\xfe\xba\xbe\x00\x00\x00\x34",
    "WebAssembly": b"\x00asm\x01\x00\x00\x00",
    "a shortcut": b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00",
    "a Debian package": b"!<arch>\ndebian-binary",
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("cut", [None, 4_096])
def test_what_shows_its_signature_is_told(name, cut):
    content, kind = KNOWN[name]
    assert judged(content, cut=cut) == kind


@pytest.mark.parametrize("name", UNTOLD)
@pytest.mark.parametrize("cut", [None, 4_096])
def test_what_something_might_run_and_what_nobody_knows_is_bytes(name, cut):
    assert judged(UNTOLD[name], cut=cut) == UNKNOWN


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_refused_whatever_they_are_called(name):
    for called in ("report.pdf", "x.png", name):
        with pytest.raises(RefusedError) as refused:
            judged(PROGRAMS[name], called)
        assert refused.value.kind is RefusalKind.UNSUPPORTED


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.txt", "a", "a.png.", ".png"])
def test_a_name_makes_nothing_of_a_page(name):
    assert judged(b"<html>", name) == UNKNOWN
    assert judged(b"\x00\x01", name) == UNKNOWN


@pytest.mark.parametrize("name", ["a.html", "a.SVG", "report.pdf.js", "a.bat", "a.png.hta"])
def test_a_name_by_which_a_system_runs_a_file_makes_bytes_of_it(name):
    assert judged(b"plain", name) == UNKNOWN
    assert judged(PNG, name) == UNKNOWN


def test_a_mark_across_two_pieces_is_found():
    content = b"x" * 100 + SCRIPT + b"x" * 100
    assert {judged(content, cut=cut) for cut in range(1, len(content))} == {UNKNOWN}
    assert judged(content.replace(b"<", b"")) == TEXT


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<#{"), min_size=1), st.integers(1, 9))
def test_any_text_is_text_in_whatever_pieces(text, cut):
    assert judged(f"The printer: {text}".encode(), cut=cut) in {TEXT} | (
        {UNKNOWN} if "script:" in text.lower() else set()
    )


@given(st.binary(min_size=1, max_size=2_000), st.integers(1, 50))
def test_any_bytes_are_something_or_refused(content, cut):
    try:
        kind = judged(content, cut=cut)
    except RefusedError:
        return
    assert kind in KINDS
