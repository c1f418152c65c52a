"""What a file is, by its content: never by what its sender says it is.

A kind is told for what shows its signature, is in this table, and holds nothing that a program might run. All else is
`application/octet-stream`: pages, drawings and scripts too, since a browser runs them (reliability §2.1, ASVS 5.2 and
5.4). Programs are refused. A container is never opened.
"""

from __future__ import annotations

import codecs
from typing import Final

from tierdesk_intake.domain.refusals import RefusalKind, RefusedError

UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN_DOCUMENT: Final = "application/vnd.oasis.opendocument"

KINDS: Final = {
    UNKNOWN: "bin",
    TEXT: "txt",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/heic": "heic",
    "image/avif": "avif",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/ogg": "ogg",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz",
    "application/x-7z-compressed": "7z",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}.presentationml.presentation": "pptx",
    f"{_OPEN_DOCUMENT}.text": "odt",
    f"{_OPEN_DOCUMENT}.spreadsheet": "ods",
    f"{_OPEN_DOCUMENT}.presentation": "odp",
}
"""Every kind that is told, with the ending of the names that we give."""

_SIGNATURES: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
)
"""Where, which bytes, what it is; the first that fits counts."""
_RIFF: Final = frozenset({"image/webp", "audio/wav"})
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OFFICE_PARTS: Final = (
    (b"word/document.xml", f"{_OFFICE}.wordprocessingml.document"),
    (b"xl/workbook.xml", f"{_OFFICE}.spreadsheetml.sheet"),
    (b"ppt/presentation.xml", f"{_OFFICE}.presentationml.presentation"),
)
_OPEN_DOCUMENT_MARK: Final = b"mimetype"
_BITMAP_HEADER: Final = 14

_PROGRAMS: Final = (
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",  # Mach-O, in its four orders, and several in one, which is Java's too
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\x00asm",
    b"dex\n",
    b"L\x00\x00\x00\x01\x14\x02\x00",  # a shortcut of Windows
    b"MSCF\x00\x00\x00\x00",  # a cabinet
    b"\xed\xab\xee\xdb",  # packages: RPM, Debian, a browser's
    b"!<arch>\n",
    b"Cr24",
)
_DOS_PROGRAM: Final = b"MZ"
_HEAD_BYTES: Final = 512

_ACTIVE: Final = (b"<script", b"javascript:", b"/javascript", b"vbaproject.bin")
"""Makes a page, a document or a table do things, wherever it stands."""
_MARKUP: Final = (b"<!doctype", b"<html", b"<svg", b"<iframe", b"<object", b"<embed", b"<?php", b"<body", b"<head")
"""Makes a browser take a text for a page. Looked for in all of a text, and where a picture begins: further on its
compressed bytes spell the shorter ones by chance."""
_TEXT_BEGINNINGS: Final = (b"<?xml", b"#!", b"{\\rtf", b"<!--")
_OVERLAP: Final = max(map(len, _ACTIVE + _MARKUP)) - 1
# fmt: off
_RUNNING_ENDINGS: Final = frozenset({
    "app", "bat", "chm", "cmd", "com", "cpl", "exe", "hta", "htm", "html", "jar", "js", "jse", "jsp", "lnk", "mht",
    "mhtml", "mjs", "msi", "msp", "pif", "php", "pl", "ps1", "psm1", "py", "rb", "reg", "scr", "sh", "shtml", "svg",
    "svgz", "swf", "url", "vb", "vbe", "vbs", "wsf", "wsh", "xht", "xhtml", "xml", "xsl",
})
# fmt: on
"""Endings by which some system runs a file. A name makes a file no better than it is, but it can make it worse."""
_NO_TEXT: Final = bytes(range(0x20)).translate(None, b"\t\n\f\r\x1b") + b"\x7f"


class KindJudge:
    """Looks at one file, piece by piece in order, and holds nothing of it but the end of the last piece."""

    def __init__(self, name: str) -> None:
        """`name` is what its sender calls it."""
        self._known: str | None = None
        self._active = name.rpartition(".")[2].lower() in _RUNNING_ENDINGS
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self._tail = b""
        self._begun = False

    @property
    def media_type(self) -> str:
        """What the pieces are together, so far."""
        if self._active:
            return UNKNOWN
        if self._known is not None:
            return self._known
        return TEXT if self._is_text() else UNKNOWN

    def look(self, piece: bytes) -> None:
        """Look at the next piece. Raises `RefusedError` when the first shows a program."""
        first, self._begun = not self._begun, True
        if first:
            _check_program(piece)
            self._known = _recognise(piece)
            self._active = self._active or _begins_as_page(piece)
        if self._known is not None:
            self._decoder = None
        elif self._decoder is not None:
            self._read(piece)
        marks = _ACTIVE + _MARKUP if first or self._decoder is not None else _ACTIVE
        window = self._tail + piece.lower()
        self._active = self._active or any(mark in window for mark in marks)
        self._tail = window[-_OVERLAP:]

    def _read(self, piece: bytes) -> None:
        assert self._decoder is not None
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError:
            self._decoder = None
        if len(piece.translate(None, _NO_TEXT)) < len(piece):
            self._decoder = None

    def _is_text(self) -> bool:
        return self._decoder is not None and not self._decoder.getstate()[0]  # no character is left unfinished


def _check_program(head: bytes) -> None:
    dos = head.startswith(_DOS_PROGRAM) and b"\x00" in head[:_HEAD_BYTES]  # a text may begin with these two letters
    if dos or head.startswith(_PROGRAMS):
        raise RefusedError(
            RefusalKind.UNSUPPORTED,
            "This is a program, and programs are not taken. Put it into an archive if it is needed.",
        )


def _recognise(head: bytes) -> str | None:
    if head.startswith(_ZIP):
        return _recognise_container(head)
    if head.startswith(b"BM") and int.from_bytes(head[_BITMAP_HEADER : _BITMAP_HEADER + 4], "little") in {40, 108, 124}:
        return "image/bmp"
    for at, signature, media_type in _SIGNATURES:
        if head.startswith(signature, at) and (media_type not in _RIFF or head.startswith(b"RIFF")):
            return media_type
    return None


def _recognise_container(head: bytes) -> str:
    """A kind of document, by names and texts that stand in an archive as they are; else an archive."""
    if head[30:38] == _OPEN_DOCUMENT_MARK:
        told = head[38:120].decode("ascii", "replace")
        found = [kind for kind in KINDS if kind.startswith(_OPEN_DOCUMENT) and told.startswith(f"{kind}PK")]
        return found[0] if found else "application/zip"
    return next((kind for part, kind in _OFFICE_PARTS if part in head), "application/zip")


def _begins_as_page(head: bytes) -> bool:
    text = head[:_HEAD_BYTES].removeprefix(codecs.BOM_UTF8).lstrip()
    return text.lower().startswith(_TEXT_BEGINNINGS)
