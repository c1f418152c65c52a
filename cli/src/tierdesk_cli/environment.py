"""What the environment says, for commands."""

from __future__ import annotations

from typing import Any

from tierdesk_cli.errors import CommandError
from tierdesk_runtime.settings import Settings, SettingsError


def read_settings(**given: Any) -> Settings:
    """Settings from arguments and environment. Raises `CommandError` with the variable that is at fault."""
    try:
        return Settings.read(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:
        raise CommandError(str(error), exit_code=2) from error
