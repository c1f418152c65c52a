"""Pages from templates: escaped, in the reader's language, under a policy that runs nothing but our own script."""

from __future__ import annotations

import base64
import json
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tierdesk_desk.console.statics import Statics
from tierdesk_desk.console.texts import Formats, Words, load_translations, negotiate
from tierdesk_desk.console.words import WORDS, merge_words, text_of
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows
from tierdesk_desk.domain.work import Stage

TEMPLATES: Final = Path(__file__).parent / "templates"
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FRAGMENT: Final = "x-fragment"
"""The header by which the script asks for the part of a page that changes."""
FLASH_COOKIE: Final = "tierdesk_flash"
SHORTCUTS_COOKIE: Final = "tierdesk_shortcuts"
_WORDY: Final = {"party": "party", "clock": "clock", "word": "alarm"}
"""Values of texts that are words themselves, by the kind of words that they are."""
_FLASH_SECONDS: Final = 30
_LONGEST_FLASH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page, and who makes it. Without `person` nobody is signed in."""

    request: Request
    person: Person | None
    csrf: str
    now: datetime
    zone: str = "UTC"
    rate: float = 1.0
    """So many times as fast as real time business time runs."""
    is_secure: bool = False
    """Whether people reach the desk by HTTPS, so that cookies travel by it alone."""
    presence: str = "away"
    """What the person says of themselves: a word of `presence`."""


@dataclass(frozen=True, slots=True)
class Flash:
    """What became of the step before, shown once. `word` is of the kind `flash`."""

    word: str
    values: Mapping[str, str] = field(default_factory=dict)


class Renderer:
    """Makes pages. One environment of templates for each language.

    A room beside the console brings templates of its own, from `folder`, and says `words` too.
    """

    def __init__(
        self, statics: Statics | None = None, *, folder: Path | None = None, words: Words | None = None
    ) -> None:
        self.statics = statics or Statics()
        self._folders = [TEMPLATES, *([folder] if folder else [])]
        self._words = WORDS if words is None else merge_words(WORDS, words)
        self._translations = load_translations()
        self._environments = {language: self._environment(language) for language in self._translations}

    def page(
        self, visit: Visit, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Response:
        """The page, or its block `main` alone for the script. Undefined names raise: a template shows what it is given."""
        locale = negotiate(visit.request.headers.get("accept-language", ""), self._translations)
        environment = self._environments[locale.language]
        fragment = FRAGMENT in visit.request.headers
        flash = None if fragment else self._flash(visit.request)
        context = {
            **values,
            "visit": visit,
            "person": visit.person,
            "may": _permissions(visit.person),
            "flash": flash,
            "form_key": secrets.token_urlsafe(16),
            "shortcuts": visit.request.cookies.get(SHORTCUTS_COOKIE) != "off",
            "language": str(locale).replace("_", "-"),
            "formats": Formats.of(locale, visit.zone),
        }
        made = environment.get_template(template)
        text = "".join(made.blocks["main"](made.new_context(context))) if fragment else made.render(context)
        response = HTMLResponse(text, status, {**HEADERS, "Vary": FRAGMENT, **(headers or {})})
        if flash is not None:
            response.delete_cookie(FLASH_COOKIE, path="/")
        return response

    def _flash(self, request: Request) -> Flash | None:
        flash = read_flash(request)
        return flash if flash is not None and flash.word in self._words["flash"] else None

    def _environment(self, language: str) -> Environment:
        translations = self._translations[language]
        environment = Environment(
            loader=FileSystemLoader(self._folders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
            translations.gettext, translations.ngettext, newstyle=True
        )

        def word(name: object, kind: str) -> str:
            return translations.gettext(text_of(kind, str(name), self._words))

        @pass_context
        def say(context: Context, name: object, kind: str, values: Mapping[str, Any]) -> Markup:
            """The text with these values in it; nothing where it names one that is not given."""
            named: dict[str, object] = defaultdict(str)
            for key, value in values.items():
                if isinstance(value, timedelta):
                    named[key] = context["formats"].duration(value)
                else:
                    named[key] = word(value, _WORDY[key]) if key in _WORDY and value else value
            return escape(word(name, kind)) % named

        environment.globals.update(
            static=self.statics.path_of,
            Stage=Stage,
            words=lambda kind: [(name, word(name, kind)) for name in self._words[kind]],
        )
        environment.filters.update(
            word=word,
            say=say,
            zip=zip,
            moment=_moment,
            instant=_instant,
            full=_full,
            duration=_duration,
            percent=_percent,
            span=_span,
            bytes=_bytes,
        )
        return environment


def redirect(visit: Visit, path: str, flash: Flash | None = None) -> Response:
    """Go on with a GET of this path of ours, where the flash is shown."""
    response = RedirectResponse(path, 303, HEADERS)
    if flash is not None:
        text = json.dumps([flash.word, flash.values], separators=(",", ":"))
        response.set_cookie(
            FLASH_COOKIE,
            base64.urlsafe_b64encode(text.encode()).decode(),
            max_age=_FLASH_SECONDS,
            path="/",
            httponly=True,
            samesite="lax",
            secure=visit.is_secure,
        )
    return response


def read_flash(request: Request) -> Flash | None:
    """What the cookie says; None for none, and for one that is of another form than ours."""
    value = request.cookies.get(FLASH_COOKIE, "")
    if not value or len(value) > _LONGEST_FLASH:
        return None
    try:
        word, values = json.loads(base64.urlsafe_b64decode(value.encode()))
        flash = Flash(str(word), {str(name): str(said) for name, said in values.items()})
    except (ValueError, TypeError, AttributeError):
        return None
    return flash


def _permissions(person: Person | None) -> Mapping[str, bool]:
    return {verb.name: person is not None and allows(person.grants, verb) for verb in Verb}


def _instant(text: str) -> datetime:
    """The moment that another service tells as text."""
    return datetime.fromisoformat(text)


@pass_context
def _moment(context: Context, at: datetime) -> str:
    formats: Formats = context["formats"]
    return formats.moment(at, context["visit"].now)


@pass_context
def _full(context: Context, at: datetime) -> str:
    formats: Formats = context["formats"]
    return formats.full(at)


@pass_context
def _duration(context: Context, until: datetime) -> str:
    formats: Formats = context["formats"]
    return formats.duration(until - context["visit"].now)


@pass_context
def _percent(context: Context, share: float) -> str:
    formats: Formats = context["formats"]
    return formats.percent(share)


@pass_context
def _span(context: Context, length: timedelta | float | None) -> str:
    """How long something took, in seconds where it is a number; a dash for what is not known."""
    if length is None:
        return "\N{EN DASH}"
    formats: Formats = context["formats"]
    return formats.duration(length if isinstance(length, timedelta) else timedelta(seconds=length))


@pass_context
def _bytes(context: Context, number: int) -> str:
    formats: Formats = context["formats"]
    return formats.size(number)
