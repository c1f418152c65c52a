"""Telephone numbers: one form for what telephone systems, forms and directories write in many."""

from __future__ import annotations

from typing import Final

import phonenumbers

TAIL: Final = 8
"""By so many last digits numbers are looked up: those that agree in them are compared whole."""
LONGEST: Final = 200


def normalise(number: str, country: str | None = None) -> str:
    """The number as E.164, as `+442079460018`; what cannot be read as one stays as it is, without spaces around it.

    `country` is that of numbers that name none. Telephone systems leave the plus out, so a number that is none within the
    country is tried with it.
    """
    text = number.strip()[:LONGEST]
    bare = text.removeprefix("00")
    tries = [(text, None)] if text.startswith("+") else [(text, country), (f"+{bare}", None)]
    for tried, region in tries:
        try:
            parsed = phonenumbers.parse(tried, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(parsed) and phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return text


def tail_of(number: str) -> str:
    """The last digits; empty for what has none."""
    return "".join(letter for letter in number if letter in "0123456789")[-TAIL:]
