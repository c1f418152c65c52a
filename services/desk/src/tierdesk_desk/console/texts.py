"""Texts, dates and durations in the language of whoever reads."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime, format_skeleton, format_time, get_timezone
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_percent
from babel.units import format_unit

TRANSLATIONS: Final = Path(__file__).parent / "translations"
DEFAULT: Final = "en"
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60))
Words = Mapping[str, Mapping[str, str]]
"""By kind and word."""


def N_(text: str) -> str:  # noqa: N802 - the mark by which catalogues find a text
    """Mark a text for the catalogue; it is translated when it is shown."""
    return text


def load_translations(folder: Path = TRANSLATIONS) -> Mapping[str, NullTranslations]:
    """The catalogues of this folder, `<language>/messages.po`, by language."""
    return {path.parent.name: _load(path) for path in sorted(folder.glob("*/messages.po"))}


def _load(path: Path) -> GNUTranslations:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parent.name, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def negotiate(accept_language: str, known: Mapping[str, NullTranslations]) -> Locale:
    """The locale asked for first, as `Accept-Language` ranks them, whose language is known; else `DEFAULT`."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language[:1_000].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), place, tag))
        except ValueError:
            continue
    for _, _, tag in sorted(ranked):
        language = tag.lower().partition("-")[0]
        if language in known:
            try:
                return Locale.parse(tag, sep="-")
            except (ValueError, UnknownLocaleError):
                return Locale.parse(language)
    return Locale.parse(DEFAULT)


@dataclass(frozen=True, slots=True)
class Formats:
    """How moments and stretches of time are written. `zone` is where the desk stands."""

    locale: Locale
    zone: tzinfo

    @classmethod
    def of(cls, locale: Locale, zone_name: str) -> Formats:
        """For this locale; in UTC where the zone is not known here."""
        try:
            zone = get_timezone(zone_name)
        except LookupError:
            zone = get_timezone("UTC")
        return cls(locale, zone)

    def moment(self, at: datetime, now: datetime) -> str:
        """The time of day, with the day where it is not today's, and the year where it is not this year's."""
        local, today = at.astimezone(self.zone), now.astimezone(self.zone)
        if local.date() == today.date():
            return str(format_time(local, "short", tzinfo=self.zone, locale=self.locale))
        day = format_skeleton("MMMd" if local.year == today.year else "yMMMd", local, locale=self.locale)
        return f"{day}, {format_time(local, 'short', tzinfo=self.zone, locale=self.locale)}"

    def day(self, at: datetime) -> str:
        """The day of the week and of the year."""
        return str(format_skeleton("yMMMMEEEEd", at.astimezone(self.zone), locale=self.locale))

    def time(self, at: datetime) -> str:
        """The time of day alone."""
        return str(format_time(at, "short", tzinfo=self.zone, locale=self.locale))

    def full(self, at: datetime) -> str:
        """Day and time with the zone."""
        return str(format_datetime(at, "long", tzinfo=self.zone, locale=self.locale))

    def duration(self, length: timedelta) -> str:
        """The two largest units, as `2 hr 14 min`; under a minute `0 min`. Always positive."""
        left = abs(int(length.total_seconds()))
        parts: list[str] = []
        for unit, seconds in _UNITS:
            count, left = divmod(left, seconds)
            if count or (unit == "minute" and not parts):
                parts.append(_count(count, unit, self.locale))
            elif parts:
                break
            if len(parts) == 2:
                break
        return " ".join(parts)

    def size(self, number: int) -> str:
        """A number of bytes, in the unit in which it is short."""
        for unit, bytes_of_unit in (("megabyte", 1_000_000), ("kilobyte", 1_000)):
            if number >= bytes_of_unit:
                size = round(number / bytes_of_unit, 1 if number < 10 * bytes_of_unit else None)
                return str(format_unit(size, f"digital-{unit}", length="short", locale=self.locale))
        return str(format_unit(number, "digital-byte", length="short", locale=self.locale))

    def percent(self, share: float) -> str:
        """A share in whole per cent."""
        return str(format_percent(share, locale=self.locale))


@lru_cache(maxsize=10_000)
def _count(count: int, unit: str, locale: Locale) -> str:
    """Kept, since a board says the same few of them again and again, and Babel takes its time."""
    return str(format_unit(count, unit, length="short", locale=locale))
