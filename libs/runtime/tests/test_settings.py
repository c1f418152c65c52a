from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tierdesk_runtime.settings import Settings, SettingsError, redact_url

URL = "postgresql://admin:hunter2@db:5432/desk"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("TIERDESK_"):
            monkeypatch.delenv(name)


def test_settings_come_from_the_environment_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERDESK_DATABASE_URL", URL)
    monkeypatch.setenv("TIERDESK_SECRETS_FILE", "/etc/desk/secrets.json")
    monkeypatch.setenv("TIERDESK_HTTP_PORT", "9000")
    settings = Settings()
    assert (settings.database_url, settings.http_port, settings.http_host) == (URL, 9000, "127.0.0.1")
    assert settings.secrets_file == Path("/etc/desk/secrets.json")
    assert settings.body_limit_bytes == 1024 * 1024
    assert settings.default_tenant == "main"


def test_a_secret_may_stand_in_a_file_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tierdesk_database_url").write_text(URL + "\n")
    (tmp_path / "tierdesk_amqp_url").write_text("amqp://file")
    monkeypatch.setenv("TIERDESK_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("TIERDESK_SECRETS_FILE", "s.json")
    assert Settings().database_url == URL
    monkeypatch.setenv("TIERDESK_AMQP_URL", "amqp://environment")
    assert Settings().bus == "amqp://environment"


def test_rabbitmq_wins_over_the_bus_url_and_none_is_an_error_that_names_both() -> None:
    base = Settings(database_url=URL, secrets_file=Path("s.json"))
    with pytest.raises(SettingsError, match=r"TIERDESK_AMQP_URL .* TIERDESK_BUS_URL"):
        _ = base.bus
    assert base.model_copy(update={"bus_url": "postgresql://b"}).bus == "postgresql://b"
    assert base.model_copy(update={"bus_url": "postgresql://b", "amqp_url": "amqp://a"}).bus == "amqp://a"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "mysql://x"),
        ("http_port", "70000"),
        ("drain_seconds", "-1"),
        ("body_limit_bytes", "10"),
        ("log_level", "loud"),
        ("default_tenant", "Not A Tenant"),
        ("namespace_prefix", "a/b"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{"database_url": URL, "secrets_file": "s.json", name: value})


def test_settings_are_frozen_and_their_text_shows_no_password() -> None:
    settings = Settings(database_url=URL, secrets_file=Path("s.json"), amqp_url="amqp://u:hunter2@mq/")
    with pytest.raises(ValidationError):
        settings.http_port = 1
    assert "hunter2" not in repr(settings)
    assert redact_url(URL) == "postgresql://admin:***@db:5432/desk"
    assert redact_url("postgresql:///desk") == "postgresql:///desk"
