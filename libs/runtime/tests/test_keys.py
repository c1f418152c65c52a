from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.key_format import SCOPES, issue, split
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.secrets import Secrets

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Time:
    """The ring's two clocks, in the hands of the test."""

    def __init__(self) -> None:
        self.now = START
        self.monotonic = 100.0

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets.create(tmp_path / "secrets.json")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def ring(secrets: Secrets, time: Time) -> KeyRing:
    return KeyRing(secrets, now=lambda: time.now, monotonic=lambda: time.monotonic)


def refusal(ring: KeyRing, header: str | None) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        ring.authenticate(header)
    return refused.value


def test_a_minted_key_names_its_tenant_scopes_and_label(ring: KeyRing) -> None:
    key = ring.mint("portal", "acme", ["events:write"])
    principal = ring.authenticate(f"Bearer {key}")
    assert (principal.tenant, principal.scopes, principal.label) == ("acme", {"events:write"}, "portal")
    assert f"_{principal.key_id}_" in key


def test_the_local_key_has_every_scope_of_the_default_tenant(secrets: Secrets, ring: KeyRing) -> None:
    principal = ring.authenticate(f"Bearer {secrets.local_key()}")
    assert principal.tenant == "main"
    assert principal.scopes == SCOPES


def test_the_scheme_is_read_in_any_case(ring: KeyRing) -> None:
    assert ring.authenticate(f"bearer {ring.mint('a', 'main', SCOPES)}").label == "a"


def test_every_kind_of_bad_key_is_refused_alike(ring: KeyRing) -> None:
    key = ring.mint("portal", "main", ["events:write"])
    other = ring.mint("portal", "main", ["events:write"])
    revoked = ring.mint("portal", "main", ["events:write"])
    ring.revoke(revoked.split("_")[2])
    middle = len(key) - 20
    flipped = key[:middle] + ("x" if key[middle] != "x" else "y") + key[middle + 1 :]
    wrong_secret = swap_secret(key, other)
    headers = [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {key}",
        key,
        f"Bearer {key[:-1]}",
        f"Bearer {key}0",
        f"Bearer {flipped}",
        f"Bearer {key.upper()}",
        f"Bearer {key} {key}",
        f"Bearer {wrong_secret}",
        f"Bearer {revoked}",
        f"Bearer {key.replace('_local_', '_live_')}",
        "Bearer tierdesk_local_\u0661\u0662\u0663",
        "Bearer " + "A" * 100_000,
    ]
    problems = [refusal(ring, header) for header in headers]
    assert {(problem.status, problem.title, problem.detail) for problem in problems} == {
        (401, problems[0].title, problems[0].detail)
    }
    assert all(problem.headers["WWW-Authenticate"].startswith("Bearer") for problem in problems)
    assert ring.authenticate(f"Bearer {key}").label == "portal"


def swap_secret(key: str, other: str) -> str:
    """`key` with the secret of `other` and a checksum that is right."""
    from tierdesk_runtime.key_format import _checksum

    head, secret = key.rsplit("_", 1)[0], other.rsplit("_", 1)[1][:43]
    text = f"{head}_{secret}"
    return text + _checksum(text)


def test_a_wrong_secret_with_a_right_checksum_reaches_the_comparison_and_fails(ring: KeyRing) -> None:
    key, other = ring.mint("a", "main", SCOPES), ring.mint("b", "main", SCOPES)
    forged = swap_secret(key, other)
    assert split(forged) is not None
    assert refusal(ring, f"Bearer {forged}").status == 401


def test_two_keys_of_one_label_live_until_the_first_is_revoked(ring: KeyRing) -> None:
    first, second = ring.mint("portal", "main", SCOPES), ring.mint("portal", "main", SCOPES)
    assert ring.authenticate(f"Bearer {first}").label == ring.authenticate(f"Bearer {second}").label
    ring.revoke(first.split("_")[2])
    assert refusal(ring, f"Bearer {first}").status == 401
    assert ring.authenticate(f"Bearer {second}").label == "portal"


def test_a_key_is_refused_from_the_instant_it_expires(ring: KeyRing, time: Time) -> None:
    key = ring.mint("guest", "main", SCOPES, expires_at=START + timedelta(seconds=10))
    time.pass_seconds(9.999)
    assert ring.authenticate(f"Bearer {key}").label == "guest"
    time.pass_seconds(0.001)
    assert refusal(ring, f"Bearer {key}").status == 401


def test_another_process_sees_a_new_key_and_a_revoked_one_within_a_second(
    secrets: Secrets, ring: KeyRing, time: Time
) -> None:
    elsewhere = KeyRing(Secrets.load(secrets.path), now=lambda: time.now, monotonic=lambda: time.monotonic)
    key = ring.mint("portal", "main", SCOPES)
    assert refusal(elsewhere, f"Bearer {key}").status == 401
    time.pass_seconds(1.0)
    assert elsewhere.authenticate(f"Bearer {key}").label == "portal"
    ring.revoke(key.split("_")[2])
    time.pass_seconds(1.0)
    assert refusal(elsewhere, f"Bearer {key}").status == 401


def test_a_broken_secrets_file_leaves_the_known_keys_working(secrets: Secrets, ring: KeyRing, time: Time) -> None:
    key = ring.mint("portal", "main", SCOPES)
    secrets.path.write_text("{")
    time.pass_seconds(5.0)
    assert ring.authenticate(f"Bearer {key}").label == "portal"


def test_a_key_cannot_be_minted_for_a_scope_that_does_not_exist(ring: KeyRing) -> None:
    with pytest.raises(ValueError, match="tickets:erase"):
        ring.mint("portal", "main", ["tickets:erase"])
    with pytest.raises(ValueError, match="none"):
        ring.mint("portal", "main", [])


def test_a_stored_scope_that_this_release_does_not_know_grants_nothing(secrets: Secrets) -> None:
    document = json.loads(secrets.path.read_text())
    document["keys"][0]["scopes"] = ["events:write", "everything"]
    secrets.path.write_text(json.dumps(document))
    ring = KeyRing(Secrets.load(secrets.path))
    assert ring.authenticate(f"Bearer {secrets.local_key()}").scopes == {"events:write"}


def test_the_file_holds_no_key_that_could_be_used(secrets: Secrets, ring: KeyRing) -> None:
    key = ring.mint("portal", "main", SCOPES)
    secret = key.rsplit("_", 1)[1][:43]
    assert secret not in secrets.path.read_text()


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_key_by_chance(text: str) -> None:
    assert split(text) is None
    assert split(f"tierdesk_local_{text}") is None


@given(st.integers(0, 200), st.characters(codec="ascii", categories=["L", "N"]))
def test_one_changed_letter_breaks_a_key(position: int, letter: str) -> None:
    key, stored = issue(environment="local", pepper=b"p" * 32, label="a", tenant="main", scopes=SCOPES, now=START)
    position %= len(key)
    changed = key[:position] + letter + key[position + 1 :]
    parts = split(changed)
    if changed == key:
        assert parts is not None
        assert parts.id == stored.id
    else:
        assert parts is None
