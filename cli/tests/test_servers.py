"""Where commands beside a desk find its servers."""

from pathlib import Path

import pytest

from tierdesk_cli.home import Home
from tierdesk_cli.servers import find_settings

URL = "postgresql://admin:secret@database/desk"


@pytest.fixture
def secrets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "BUS_URL", "AMQP_URL", "SECRETS_FILE"):
        monkeypatch.delenv(f"TIERDESK_{name}", raising=False)
    monkeypatch.setenv("TIERDESK_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_setting_in_a_file_is_found_as_the_services_find_it(secrets_dir: Path) -> None:
    (secrets_dir / "tierdesk_database_url").write_text(f"{URL}\n")
    (secrets_dir / "tierdesk_amqp_url").write_text("amqp://desk:secret@broker/desk")
    settings = find_settings(Home(secrets_dir / "data"))
    assert settings.database_url == URL
    assert settings.bus == "amqp://desk:secret@broker/desk"


def test_a_variable_wins_over_a_file(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets_dir / "tierdesk_database_url").write_text("postgresql://nobody@nowhere/nothing")
    monkeypatch.setenv("TIERDESK_DATABASE_URL", URL)
    assert find_settings(Home(secrets_dir / "data")).database_url == URL
