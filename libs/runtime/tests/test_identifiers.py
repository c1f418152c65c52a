from __future__ import annotations

import re
import time
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.identifiers import Identifiers


@given(st.binary(min_size=10, max_size=10), st.integers(0, 2**48 - 1))
def test_every_identifier_is_a_version_7_uuid_of_its_millisecond(chance: bytes, moment: int) -> None:
    identifier = Identifiers(lambda size: chance[:size], lambda: moment).new()
    assert (identifier.version, identifier.variant) == (7, RFC_4122)
    assert identifier.int >> 80 == moment


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_all_74_random_bits_reach_the_identifier(one: bytes, other: bytes) -> None:
    def mint(chance: bytes) -> object:
        return Identifiers(lambda size: chance[:size], lambda: 1).new()

    kept = 2**74 - 1
    same = int.from_bytes(one, "big") & kept == int.from_bytes(other, "big") & kept
    assert (mint(one) == mint(other)) == same


def test_identifiers_of_one_millisecond_do_not_count_up() -> None:
    minted = [Identifiers(now_ms=lambda: 1_700_000_000_000).new().int for _ in range(200)]
    assert len(set(minted)) == 200
    assert minted != sorted(minted)


def test_an_identifier_carries_the_time_now() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= Identifiers().new().int >> 80 <= time.time_ns() // 1_000_000


@given(st.binary(min_size=5, max_size=5))
def test_a_reference_is_forty_random_bits_without_letters_that_look_alike(chance: bytes) -> None:
    reference = Identifiers(lambda _: chance).reference()
    assert re.fullmatch(r"TD-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", reference)
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    read = 0
    for letter in reference.removeprefix("TD-").replace("-", ""):
        read = read * 32 + digits.index(letter)
    assert read == int.from_bytes(chance, "big")


def test_every_bit_of_a_secret_is_chance() -> None:
    assert Identifiers(lambda count: b"\xff" * count).secret().bytes == b"\xff" * 16
    drawn = [Identifiers().secret().int for _ in range(64)]
    assert [bit for bit in range(128) if len({number >> bit & 1 for number in drawn}) == 1] == []


def test_a_seed_gives_the_same_identifiers_again_and_another_seed_others() -> None:
    def mint(seed: int) -> list[str]:
        identifiers = Identifiers.seeded(seed)
        return [str(identifiers.new()) for _ in range(3)] + [identifiers.reference()]

    assert mint(7) == mint(7)
    assert set(mint(7)).isdisjoint(mint(8))
