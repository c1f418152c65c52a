"""Codes, passwords, tokens, masks, and the reading of replies."""

from hypothesis import given
from hypothesis import strategies as st

from tierdesk_bots.codes import derive_code, derive_password, derive_token, is_code, mask_address, read_token
from tierdesk_bots.replies import Meaning, read_reply

secrets = st.binary(min_size=32, max_size=64)
numbers = st.integers(1, 1000)
codes = st.from_regex(r"[0-9]{8}", fullmatch=True)
words = st.text(st.characters(exclude_categories=("Nd",), exclude_characters=">"), max_size=50)


@given(secrets, st.uuids(), numbers)
def test_a_code_is_eight_digits_and_the_same_each_time(secret, assignment, number):
    code = derive_code(secret, assignment, number)
    assert len(code) == 8
    assert code.isascii()
    assert code.isdecimal()
    assert is_code(code, derive_code(secret, assignment, number))


@given(st.lists(st.tuples(secrets, st.uuids(), numbers), min_size=2, max_size=2, unique=True))
def test_codes_and_passwords_tell_nothing_of_those_of_other_assignments(pair):
    (one, first, number), (other, second, another) = pair
    if (one, first) != (other, second):
        assert derive_password(one, first) != derive_password(other, second)
    # Two of eight digits may be equal by chance; two of each, one after the other, may not.
    assert [derive_code(one, first, number + step) for step in range(4)] != [
        derive_code(other, second, another + step) for step in range(4)
    ]


def test_codes_of_many_assignments_are_spread_evenly():
    secret = b"s" * 32
    firsts = [derive_code(secret, assignment, 1)[0] for assignment in uuids(5000)]
    assert all(400 < firsts.count(digit) < 600 for digit in "0123456789")


def uuids(count):
    import uuid

    return [uuid.uuid5(uuid.NAMESPACE_DNS, str(number)) for number in range(count)]


@given(secrets, st.uuids())
def test_a_temporary_password_has_all_kinds_of_characters_and_none_that_look_alike(secret, assignment):
    password = derive_password(secret, assignment)
    assert len(password) == 19
    assert password == derive_password(secret, assignment)
    assert {kind for letter in password for kind in ("upper", "lower", "digit") if getattr(letter, f"is{kind}")()} == {
        "upper", "lower", "digit",
    }  # fmt: skip
    assert not set(password) & set("0O1lI")


@given(secrets, secrets, st.uuids())
def test_a_token_names_its_assignment_to_who_made_it_alone(secret, other, assignment):
    token = derive_token(secret, assignment)
    assert read_token(secret, token) == assignment
    if other != secret:
        assert read_token(other, token) is None


@given(secrets, st.uuids(), st.integers(0, 42), st.sampled_from("AQgw-_09zé /+"))
def test_a_token_with_any_other_character_is_none(secret, assignment, place, letter):
    token = derive_token(secret, assignment)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert read_token(secret, changed) is None


@given(secrets, st.text())
def test_any_other_text_is_no_token(secret, text):
    assert read_token(secret, text) is None


@given(st.emails())
def test_a_masked_address_shows_one_letter_and_the_domain(address):
    local, _, domain = address.rpartition("@")
    masked = mask_address(address)
    assert masked == f"{local[0]}***@{domain}"


@given(st.text(st.characters(exclude_characters="@")))
def test_what_is_no_address_is_masked_whole(text):
    assert mask_address(text) == "***"


@given(codes, words, words, st.sampled_from(["", " ", "-", "\u00a0"]))
def test_a_code_is_found_among_words_however_it_is_set_apart(code, before, after, gap):
    reading = read_reply(f"{before.rstrip('-')}\n{code[:4]}{gap}{code[4:]}.{after}")
    assert (reading.meaning, reading.code) == (Meaning.CODE, code)


@given(codes)
def test_digits_of_any_script_are_digits(code):
    arabic = code.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    assert read_reply(arabic).code == code


@given(st.lists(codes, min_size=2, max_size=20, unique=True))
def test_one_reply_is_one_try(several):
    assert read_reply(", ".join(several)).code == several[0]


@given(st.text(max_size=9000))
def test_any_text_is_read_and_a_code_is_eight_digits(text):
    reading = read_reply(text)
    assert (reading.meaning is Meaning.CODE) == (len(reading.code) == 8 and reading.code.isascii())


def test_words_are_read_as_people_mean_them():
    expected = {
        Meaning.REFUSAL: [
            "no", "No.", "NO!", "stop", "Stop it.", "no thanks", "I did not ask for this", "I didn't ask!", "It was not me",
            "No, I want a person", "please call me", "I do not want that", "cancel",
        ],
        Meaning.AGAIN: [
            "again", "Again, please", "no mail came", "No code arrived", "I did not get it", "I haven't received anything",
            "send a new code", "resend", "nothing came",
        ],
        Meaning.UNCLEAR: [
            "", "yes", "what code?", "I know nothing about this", "My phone is 020 7946 0000", "1234567", "123456789",
            "> no", "> again\nok", "call 12 34 56 78 90", "November",
        ],
    }  # fmt: skip
    for meaning, texts in expected.items():
        for text in texts:
            assert read_reply(text).meaning is meaning, text


def test_a_code_that_is_only_quoted_does_not_count():
    assert read_reply("> 1234 5678\nwhat is this?").meaning is Meaning.UNCLEAR
