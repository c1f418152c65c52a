"""Telephone numbers come to one form, whatever wrote them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_desk.domain.numbers import normalise, tail_of


@pytest.mark.parametrize(
    ("told", "country", "number"),
    [
        ("+44 20 7946 0018", None, "+442079460018"),
        ("00442079460018", None, "+442079460018"),
        ("442079460018", None, "+442079460018"),
        ("020 7946 0018", "GB", "+442079460018"),
        (" (020) 7946-0018 ", "GB", "+442079460018"),
        ("+44 20 7946 0018", "DE", "+442079460018"),
        ("4711", "GB", "4711"),
        ("anonymous", "GB", "anonymous"),
        ("sip:ann@pbx.example", None, "sip:ann@pbx.example"),
        ("", "GB", ""),
    ],
)
def test_a_number_has_one_form(told, country, number):
    assert normalise(told, country) == number


@given(st.text(max_size=260), st.sampled_from([None, "GB", "DE", "XX"]))
def test_any_text_has_a_form_that_does_not_change_again(told, country):
    number = normalise(told, country)
    assert len(number) <= 200
    assert normalise(number, country) == number or number == told.strip()[:200].strip()
    assert set(tail_of(number)) <= set("0123456789")
    assert len(tail_of(number)) <= 8
