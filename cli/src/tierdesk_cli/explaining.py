"""What a person is told of an error. Names what all libraries raise, and so loads them: when something has gone wrong."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from tierdesk_bus import BusError
from tierdesk_cli.errors import CommandError
from tierdesk_policy import PolicyError
from tierdesk_runtime.clock import ClockError
from tierdesk_runtime.embedded_postgres import EmbeddedPostgresError
from tierdesk_runtime.secrets import SecretsError
from tierdesk_runtime.serving import ServingError
from tierdesk_runtime.settings import SettingsError
from tierdesk_store import DatabaseUnavailableError, RelayInTheWayError

_INPUT: Final = (PolicyError, SettingsError, ClockError)
_SURROUNDINGS: Final = (
    ServingError,
    EmbeddedPostgresError,
    SecretsError,
    BusError,
    DatabaseUnavailableError,
    RelayInTheWayError,
    SQLAlchemyError,
    OSError,
)


def explain(error: BaseException) -> CommandError | None:
    """What a person is told of this error; None for one that is a defect, and so deserves its traceback."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, BaseExceptionGroup):
        told = [explain(one) for one in error.exceptions]
        return told[0] if all(told) else None
    if isinstance(error, _INPUT):
        return CommandError(str(error), exit_code=2)
    if isinstance(error, _SURROUNDINGS):
        return CommandError(str(error).partition("\n")[0] or type(error).__name__)
    return None
