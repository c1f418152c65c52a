from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.user_tokens import LONGEST_SECONDS, _encode, _proof, is_user_token, mint, read_user_token

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOON = NOW + timedelta(seconds=60)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets.create(tmp_path_factory.mktemp("desk") / "secrets.json")


@pytest.fixture(scope="module")
def token(secrets: Secrets) -> str:
    return mint(secrets, "acme", "ana", ["tickets:read", "articles:write"], SOON)


@pytest.fixture
def ring(secrets: Secrets) -> KeyRing:
    return KeyRing(secrets, now=lambda: NOW)


def forge(secrets: Secrets, **changes: object) -> str:
    """A token with the right proof, which says something else."""
    claims = {"v": 1, "env": "local", "tenant": "acme", "name": "ana", "scopes": ["tickets:read"], "exp": 0}
    claims["exp"] = int(SOON.timestamp())
    signed = "tierdesk-user." + _encode(json.dumps(claims | changes).encode())
    return f"{signed}.{_proof(secrets, signed)}"


def test_a_token_is_taken_as_a_key_and_tells_whose_it_is(ring: KeyRing, token: str) -> None:
    principal = ring.authenticate(f"Bearer {token}")
    assert (principal.tenant, principal.label) == ("acme", "ana")
    assert principal.scopes == {"tickets:read", "articles:write"}
    assert principal.key_id == "user-token"


def test_no_key_looks_like_a_token_and_no_token_like_a_key(secrets: Secrets, ring: KeyRing, token: str) -> None:
    from tierdesk_runtime.key_format import split

    assert split(token) is None
    assert is_user_token(token)
    assert not is_user_token(ring.mint("portal", "main", SCOPES))
    assert not is_user_token(secrets.local_key() or "")


@given(st.data())
def test_one_changed_bit_breaks_a_token(secrets: Secrets, token: str, data: st.DataObject) -> None:
    raw = bytearray(token.encode())
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))
    assert read_user_token(secrets, raw.decode("latin-1"), NOW) is None


@given(st.text(max_size=100))
def test_no_text_is_a_token_by_chance(secrets: Secrets, text: str) -> None:
    assert read_user_token(secrets, text, NOW) is None
    assert read_user_token(secrets, f"tierdesk-user.{text}", NOW) is None


@given(st.integers(1, 200))
def test_a_part_of_a_token_is_none(secrets: Secrets, token: str, length: int) -> None:
    assert read_user_token(secrets, token[:-length], NOW) is None
    assert read_user_token(secrets, token + "A" * length, NOW) is None


@pytest.mark.parametrize(
    ("seconds_left", "lives"),
    [(LONGEST_SECONDS + 1, False), (LONGEST_SECONDS, True), (60, True), (1, True), (0, False), (-1, False)],
)
def test_a_token_lives_until_its_time_and_none_for_more_than_five_minutes(
    secrets: Secrets, seconds_left: int, lives: bool
) -> None:
    made = mint(secrets, "acme", "ana", ["tickets:read"], NOW + timedelta(seconds=seconds_left))
    assert (read_user_token(secrets, made, NOW) is not None) is lives
    assert LONGEST_SECONDS == 300


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2}, {"env": "live"}, {"tenant": "Acme"}, {"tenant": ""}, {"name": ""}, {"name": "x" * 201},
        {"scopes": []}, {"scopes": "tickets:read"}, {"exp": "1772442060"}, {"exp": 1e400}, {"exp": None}, {"more": 1},
    ],
)  # fmt: skip
def test_claims_that_cannot_be_are_refused_though_they_are_proved(secrets: Secrets, changes: dict[str, object]) -> None:
    assert read_user_token(secrets, forge(secrets), NOW) is not None
    assert read_user_token(secrets, forge(secrets, **changes), NOW) is None


def test_scopes_are_those_that_there_are(secrets: Secrets) -> None:
    known = read_user_token(secrets, forge(secrets, scopes=["tickets:read", "everything"]), NOW)
    assert known is not None
    assert known.scopes == {"tickets:read"}
    for wrong in (["everything"], ["tickets:read", "everything"], []):
        with pytest.raises(ValueError, match="scopes"):
            mint(secrets, "acme", "ana", wrong, SOON)
    with pytest.raises(ValueError, match="tenant"):
        mint(secrets, "Acme", "ana", ["tickets:read"], SOON)


def test_another_desks_token_and_a_proof_under_the_pepper_itself_are_refused(
    secrets: Secrets, token: str, tmp_path: Path
) -> None:
    import hmac

    other = Secrets.create(tmp_path / "secrets.json")
    assert read_user_token(other, token, NOW) is None
    signed = token.rpartition(".")[0]
    plain = base64.urlsafe_b64encode(hmac.digest(secrets.pepper, signed.encode(), "sha256")).decode().rstrip("=")
    assert read_user_token(secrets, f"{signed}.{plain}", NOW) is None


def test_every_kind_of_bad_token_is_refused_like_a_bad_key(ring: KeyRing, secrets: Secrets, token: str) -> None:
    late = mint(secrets, "acme", "ana", ["tickets:read"], NOW)
    told = set()
    for text in (late, token[:-1], "tierdesk-user.", "tierdesk-user.x.y", "tierdesk-user." + "A" * 100_000, "key"):
        with pytest.raises(ProblemError) as refused:
            ring.authenticate(f"Bearer {text}")
        told.add((refused.value.status, refused.value.title, refused.value.detail))
    assert len(told) == 1
    assert next(iter(told))[0] == 401
