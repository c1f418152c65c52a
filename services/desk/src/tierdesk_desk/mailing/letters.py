"""Mails as texts: in the reader's language, with headers that no program answers to and nobody can add to."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy as forms
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Final

from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tierdesk_desk.console.texts import Formats, load_translations, negotiate
from tierdesk_desk.domain.addresses import read_address
from tierdesk_desk.domain.mailing import Kind
from tierdesk_desk.mailing.phrases import HEADINGS, SAYINGS
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.store.sending import Claim
from tierdesk_policy import Occasion

TEMPLATES: Final = Path(__file__).parent / "templates"
LONGEST_SUBJECT: Final = 160
_KEPT: Final = frozenset("\n\t\u200c\u200d")
"""Characters that steer, and are part of texts: line ends, tabulators, and what joins letters and emoji."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How somebody is written to: in which language, unless the mail says another, and in which zone times are told."""

    language: str
    zone: str = "UTC"


class LetterWriter:
    """Writes mails. `public_url` is where people reach the desk; without it there are no links."""

    def __init__(self, settings: MailSettings, public_url: str | None) -> None:
        self._settings = settings
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._translations = load_translations()
        self._environments = {language: _environment(texts) for language, texts in self._translations.items()}

    def write(self, claim: Claim, reader: Reader, now: datetime) -> bytes:
        """The whole mail, with its headers, as it goes over the wire. Raises `ValueError` or `KeyError` for one that is unreadable."""
        recipient = read_address(claim.address)
        locale = negotiate(claim.locale or reader.language, self._translations)
        subject, body = self._text(claim, locale, reader.zone)
        message = EmailMessage(forms.SMTPUTF8 if recipient.needs_utf8 else forms.SMTP)
        written_by = self._settings.written_by
        message["From"] = written_by
        message["To"] = Address(username=recipient.local, domain=recipient.domain)
        if self._settings.reply_to:
            answers = read_address(self._settings.reply_to)
            message["Reply-To"] = Address(written_by.display_name, answers.local, answers.domain)
        message["Subject"] = subject
        message["Date"] = format_datetime(now.astimezone(UTC))
        message["Message-ID"] = claim.message_id
        if claim.ticket is not None:  # so that mail programs show all of one ticket together
            message["References"] = f"<{claim.ticket}@{self._settings.domain}>"
        message["List-Id"] = f"<{claim.kind.value}.{claim.tenant}.{self._settings.domain}>"
        message["Auto-Submitted"] = "auto-replied" if _is_receipt(claim) else "auto-generated"
        message["Precedence"] = "bulk"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(body, cte="quoted-printable")
        return message.as_bytes()

    def _text(self, claim: Claim, locale: Locale, zone: str) -> tuple[str, str]:
        """Subject and body."""
        environment = self._environments[locale.language]
        template = environment.get_template(f"{claim.kind.value}.txt")
        translations = self._translations[locale.language]
        context = template.new_context(
            {
                "desk": self._settings.written_by.display_name,
                "takes_answers": bool(self._settings.reply_to),
                "formats": Formats.of(locale, zone),
                **self._values(claim, translations),
            }
        )
        subject, body = ("".join(template.blocks[name](context)) for name in ("subject", "body"))
        return _line(subject, LONGEST_SUBJECT), body.strip("\n") + "\n"

    def _values(self, claim: Claim, translations: NullTranslations) -> Mapping[str, Any]:
        if claim.kind is Kind.LINK:
            expires_at = claim.values.get("expires_at")
            return {
                "url": _line(claim.values["url"], 2_000),
                "expires_at": None if expires_at is None else datetime.fromisoformat(expires_at),
                "reference": claim.reference,
            }
        shows, told = claim.values["shows_titles"], claim.values["news"]
        tickets: dict[str, dict[str, Any]] = {}
        for one in told:
            ticket = tickets.setdefault(
                one["ticket"],
                {
                    "reference": one["reference"],
                    "title": _line(one["title"], LONGEST_SUBJECT) if shows else "",
                    "page": self._page(claim.kind, one["ticket"]),
                    "news": [],
                },
            )
            ticket["news"].append(self._news(one, translations))
        return {"tickets": list(tickets.values()), "left_out": claim.values["left_out"], "home": self._public_url}

    def _news(self, one: Mapping[str, Any], translations: NullTranslations) -> dict[str, Any]:
        heading, saying = HEADINGS[one["occasion"]], SAYINGS[one["occasion"]]
        return {
            "heading": translations.gettext(heading),
            "saying": translations.gettext(saying) if saying else "",
            "at": datetime.fromisoformat(one["at"]),
            "lines": _clean(one["text"]).strip().splitlines(),
            "is_cut": one["is_cut"],
        }

    def _page(self, kind: Kind, ticket: str) -> str | None:
        """Where the reader sees the ticket: requesters on its page of the portal, who works here at the desk."""
        if self._public_url is None:
            return None
        return self._public_url + "/" if kind is Kind.ALARM else page_of_request(self._public_url, ticket)


def page_of_request(public_url: str, ticket: str) -> str:
    """Where a requester sees this ticket, having signed in."""
    return f"{public_url}/portal/requests/{ticket}"


def _is_receipt(claim: Claim) -> bool:
    """Whether it answers what somebody sent, and tells nothing else (RFC 3834, section 5)."""
    told: Sequence[Mapping[str, Any]] = claim.values.get("news", ())
    return claim.kind is Kind.NEWS and all(one["occasion"] == Occasion.OPENED for one in told)


def _environment(translations: NullTranslations) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - plain text, in which nothing is markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        translations.gettext, translations.ngettext, newstyle=True
    )
    return environment


def _clean(text: str) -> str:
    """Without characters that steer, which could hide or turn what stands there."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(one for one in text if one in _KEPT or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})


def _line(text: str, longest: int) -> str:
    """The same on one line, and not longer."""
    line = " ".join(_clean(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
