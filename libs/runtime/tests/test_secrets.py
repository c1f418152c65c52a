from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import SERVICES, Secrets, SecretsError


def test_a_new_file_and_the_local_key_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secrets.json"
    Secrets.create(path)
    for file in (path, path.with_name("local.key")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_file_has_a_password_for_each_service_and_a_phone_secret(tmp_path: Path) -> None:
    secrets = Secrets.create(tmp_path / "secrets.json")
    assert len({secrets.database_password(service) for service in SERVICES}) == len(SERVICES)
    (phone,) = secrets.webhook_secrets("phone")["main"]
    assert phone.startswith("whsec_")
    assert len(base64.b64decode(phone.removeprefix("whsec_"))) == 32
    assert secrets.webhook_secrets("mail") == {}


def test_two_desks_share_nothing(tmp_path: Path) -> None:
    one, other = Secrets.create(tmp_path / "one" / "s.json"), Secrets.create(tmp_path / "other" / "s.json")
    assert one.pepper != other.pepper
    assert one.local_key() != other.local_key()
    assert one.database_password("router") != other.database_password("router")


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    first = Secrets.create(tmp_path / "secrets.json")
    with pytest.raises(SecretsError, match="exists already"):
        Secrets.create(tmp_path / "secrets.json")
    assert Secrets.load(tmp_path / "secrets.json").local_key() == first.local_key()


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666, 0o660, 0o777])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secrets.json"
    Secrets.create(path)
    path.chmod(mode)
    with pytest.raises(SecretsError, match="chmod 600"):
        Secrets.load(path)


def test_a_file_that_its_group_may_read_is_taken_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    Secrets.create(path)
    path.chmod(0o640)
    Secrets.load(path).add_webhook_secret("acme", "phone")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d.pop("pepper"), "pepper"),
        (lambda d: d.update(pepper="c2hvcnQ="), "pepper"),
        (lambda d: d.update(version=2), "version"),
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d["keys"][0].update(tenant="Not A Tenant"), "keys.0.tenant"),
        (lambda d: d["database_passwords"].update(router=7), "database_passwords.router"),
    ],
)
def test_a_broken_file_is_refused_with_the_field_and_without_a_secret(tmp_path: Path, change, field: str) -> None:
    path = tmp_path / "secrets.json"
    secrets = Secrets.create(path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(SecretsError, match=field) as refused:
        Secrets.load(path)
    assert document["database_passwords"]["intake"] not in str(refused.value)
    assert base64.b64encode(secrets.pepper).decode() not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_document_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(body)
    path.chmod(0o600)
    with pytest.raises(SecretsError, match=r"secrets\.json"):
        Secrets.load(path)


def test_a_missing_file_and_a_missing_password_are_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match=r"secrets\.json: No such file"):
        Secrets.load(tmp_path / "secrets.json")
    with pytest.raises(SecretsError, match="'printer'"):
        Secrets.create(tmp_path / "secrets.json").database_password("printer")


def test_a_service_that_came_later_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    secrets = Secrets.create(tmp_path / "secrets.json", services=["router"])
    before = secrets.database_password("router")
    secrets.add_services(["router", "sla"])
    reread = Secrets.load(secrets.path)
    assert reread.database_password("router") == before
    assert reread.database_password("sla") not in {"", before}


def test_webhook_secrets_of_a_tenant_stand_side_by_side_for_rotation(tmp_path: Path) -> None:
    secrets = Secrets.create(tmp_path / "secrets.json")
    added = secrets.add_webhook_secret("main", "phone")
    foreign = secrets.add_webhook_secret("acme", "phone")
    assert secrets.webhook_secrets("phone")["main"][1] == added
    assert secrets.webhook_secrets("phone")["acme"] == (foreign,)


def test_webhook_secrets_are_forgotten_but_for_the_newest_and_those_of_others_stay(tmp_path: Path) -> None:
    secrets = Secrets.create(tmp_path / "secrets.json")
    foreign = secrets.add_webhook_secret("acme", "vendor.x")
    added = [secrets.add_webhook_secret("main", "vendor.x") for _ in range(3)]
    assert secrets.drop_webhook_secrets("main", "vendor.x", keep=1) == 2
    assert Secrets.load(secrets.path).webhook_secrets("vendor.x") == {"acme": (foreign,), "main": (added[2],)}
    assert secrets.drop_webhook_secrets("main", "vendor.x", keep=1) == 0
    assert secrets.drop_webhook_secrets("main", "vendor.x") == 1
    assert secrets.webhook_secrets("vendor.x") == {"acme": (foreign,)}
    assert secrets.drop_webhook_secrets("acme", "vendor.x") == 1
    assert secrets.drop_webhook_secrets("acme", "vendor.x") == 0
    assert secrets.webhook_secrets("vendor.x") == {}
    assert "main" in secrets.webhook_secrets("phone")


def test_a_file_that_vanishes_keeps_what_was_read(tmp_path: Path) -> None:
    secrets = Secrets.create(tmp_path / "secrets.json")
    before = secrets.pepper
    secrets.path.unlink()
    with pytest.raises(SecretsError, match="No such file"):
        secrets.refresh()
    assert secrets.pepper == before


MINT_FOUR = """
import sys
from pathlib import Path
from tierdesk_runtime.keys import SCOPES, KeyRing
from tierdesk_runtime.secrets import Secrets

ring = KeyRing(Secrets.load(Path(sys.argv[1])))
for _ in range(4):
    print(ring.mint("one of four", "main", SCOPES))
"""


def test_keys_minted_by_several_processes_at_once_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    Secrets.create(path)
    command = [sys.executable, "-c", MINT_FOUR, str(path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    keys = [key for process in processes for key in process.communicate(timeout=60)[0].split()]
    ring = KeyRing(Secrets.load(path))
    assert len({ring.authenticate(f"Bearer {key}").key_id for key in keys}) == 12
    assert sorted(file.name for file in tmp_path.iterdir()) == [".secrets.json.lock", "local.key", "secrets.json"]
