"""The file that names the providers: what it says, and every fault told with its place."""

import re
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient

from tierdesk_desk.app import build
from tierdesk_desk.domain.accounts import read_grant
from tierdesk_desk.provider_settings import read_providers
from tierdesk_runtime.clock import SystemClock
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.service import Parts
from tierdesk_runtime.settings import Settings, SettingsError
from tierdesk_store import Database

DOCUMENT = Path(__file__).parents[4] / "docs" / "accounts.md"
LEAST = """
providers:
  - id: company
    name: Company
    issuer: https://login.example
    client_id: desk
"""


def write(folder, text):
    path = folder / "providers.yaml"
    path.write_text(text)
    return path


def test_what_is_left_out_is_careful(tmp_path):
    (one,) = read_providers(write(tmp_path, LEAST)).providers
    assert (one.tenant, one.scopes, one.login_claim) == (
        "main",
        ("openid", "profile", "email"),
        ("preferred_username",),
    )
    assert (one.link_by_login, one.creates_accounts, one.email_is_verified, one.grants) == (False, False, False, ())


def test_the_example_of_the_document_is_read(tmp_path):
    example = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
    (tmp_path / "company.secret").write_text("secret")
    read = read_providers(write(tmp_path, example))
    (one,) = read.of_tenant("main")
    assert one.client_secret_file == tmp_path / "company.secret"
    assert one.grants[0].grants == (read_grant("agent:l1"),)
    assert read.passwords_of == {"main": ("admin",)}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", ":1: the document must be a mapping"), ("providers: [", ":2: not YAML"), ("providers: []\nproviders: []", ":2: providers: told"),
        ("surprise: 1", "surprise: Extra inputs"),
        (LEAST.replace("https", "http"), ":5: providers.0.issuer: write it as the provider does"),
        (LEAST + "    surprise: 1\n", ":7: providers.0.surprise: Extra"),
        (LEAST + "    scopes: [email]\n", "openid is missing"),
        (LEAST + "    client_secret_file: gone\n", ":7: company: the client's secret cannot be read"),
        (LEAST + "    client_secret_file: empty\n", ":7: company: the file of the client's secret is empty"),
        (LEAST + "    ca_file: empty\n", ":7: company: no certificates"),
        (LEAST + "    session_hours: 0\n", ":7: providers.0.session_hours"),
        (LEAST + "    first_grants: [king]\n", ":7: providers.0.first_grants: 'king' is no role"),
        (LEAST + "    grants: [{claim: groups, value: x, grants: [author:l1]}]\n", ":7: providers.0.grants.0.grants"),
        (LEAST + "    grants: [{claim: groups, value: x, grants: []}]\n", ":7: providers.0.grants.0.grants"),
        (LEAST + LEAST.partition("providers:\n")[2], "two have the same id"),
        (LEAST + LEAST.partition("providers:\n")[2].replace("id: company", "id: other"), "the same issuer"),
        (LEAST + "passwords_of: {other: [admin]}\n", "passwords_of: other has no provider"),
        (LEAST + "passwords_of: {main: []}\n", ":7: passwords_of.main"),
    ],
)  # fmt: skip
def test_every_fault_is_told_with_its_place(tmp_path, text, fault):
    (tmp_path / "empty").write_text("\n")
    path = write(tmp_path, text)
    with pytest.raises(SettingsError, match=r"^TIERDESK_DESK_PROVIDERS_FILE: ") as told:
        read_providers(path)
    assert fault in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        read_providers(tmp_path / "gone.yaml")


@pytest.fixture
def parts(tmp_path):
    secrets = Secrets.create(tmp_path / "secrets.json")
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", secrets_file=secrets.path)
    database = Database(settings.database_url, schema="desk", name="nobody's")
    return Parts(settings, database, None, SystemClock(), Identifiers(), KeyRing(secrets), secrets)


async def test_the_desk_has_the_doors_that_the_file_names(parts, tmp_path, monkeypatch):
    monkeypatch.setenv("TIERDESK_DESK_PROVIDERS_FILE", str(write(tmp_path, LEAST + "passwords_of: {main: [admin]}\n")))
    with pytest.raises(SettingsError, match="TIERDESK_DESK_PUBLIC_URL"):
        await build(parts)
    monkeypatch.setenv("TIERDESK_DESK_PUBLIC_URL", "https://desk.example")
    service = await build(parts)
    async with AsyncClient(transport=ASGITransport(app=service.app), base_url="https://desk.example") as client:
        page = await client.get("/login", headers={"Accept": "text/html"})
    assert 'href="/login/company?next=/"' in page.text
    assert "With a password of this desk" in page.text
    monkeypatch.setenv("TIERDESK_DESK_PROVIDERS_FILE", str(write(tmp_path, "providers: 1")))
    with pytest.raises(SettingsError, match=":1: providers"):
        await build(parts)
