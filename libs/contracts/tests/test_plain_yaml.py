import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tierdesk_contracts.plain_yaml import to_yaml

AMBIGUOUS = [
    "", " ", "yes", "No", "on", "null", "~", "true", "1", "1.5", "0x1f", "1_000", "1:30", "2026-11-22", "=", "<<", "-",
    "- a", "a: b", "a:", "a #b", "#a", "a#b", "&a", "*a", "!a", "%a", "@a", "`a", "'a'", '"a"', "a\\b", "a\nb", "a\tb",
    " a", "a ", "[a]", "{a}", "a, b", "?", "? a", "|", ">", "y", "N", "---", "...", "é", "\u2028", "\ufeff", "\x85",
    "\x7f", "\x00", "a  b", "$ref", "#/x", "a: ", ".5", "1e3", "inf", ".inf", "nan", ".nan",
]  # fmt: skip

texts = st.text(max_size=30) | st.sampled_from(AMBIGUOUS)
keys = st.text(max_size=20) | st.sampled_from(AMBIGUOUS)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=30,
)


@given(plain)
@example(dict.fromkeys(AMBIGUOUS, "x"))
@example([[], {}, [[]], [{}], {"a": []}, [[1, [2]], {"b": [{"c": None}]}]])
@example(1e-07)
@example(1.5e300)
def test_what_was_written_is_read_back_by_another_reader(value: object) -> None:
    assert yaml.safe_load(to_yaml(value)) == value  # type: ignore[arg-type]  # plain by construction


@given(plain)
def test_each_text_stays_a_text_and_each_boolean_a_boolean(value: object) -> None:
    assert repr(yaml.safe_load(to_yaml([value]))) == repr([value])  # type: ignore[list-item]  # plain by construction


def test_a_common_sentence_needs_no_quotes() -> None:
    assert to_yaml({"summary": "Solved, and how.", "list": ["a", {"b": 1, "c": 2}]}) == (
        "summary: Solved, and how.\nlist:\n- a\n- b: 1\n  c: 2\n"
    )


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_yaml([value])


def test_a_key_too_long_for_readers_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        to_yaml({"k" * 2000: 1})


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        to_yaml([b"x"])  # type: ignore[list-item]  # the point
