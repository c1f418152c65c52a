"""What can go wrong between a service and its database, and what a handler may say of one message."""

from __future__ import annotations

from typing import Final

import asyncpg
from sqlalchemy import exc


class StoreError(Exception):
    """The base of what this library raises.

    The tree:

    StoreError
    ├── DatabaseUnavailableError   nothing is wrong with the request: answer 503, or do it again
    ├── TransientError             said by `decide`: this message cannot be decided yet
    │   └── GapError               it waits for a predecessor of the same subject
    ├── PermanentError             said by `decide`: this message can never be applied
    ├── OversizedMessageError      a message to publish is larger than the bus takes
    └── RelayInTheWayError         a relay does not give its partitions up
    """


class DatabaseUnavailableError(StoreError):
    """The database cannot be reached, or the connection was lost; an HTTP endpoint answers 503 with `Retry-After`.

    With `commit_unknown` the connection was lost while a commit was under way: the transaction may have happened. Do
    the same again under the same key, and that key tells.
    """

    def __init__(self, reason: str, *, commit_unknown: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.commit_unknown = commit_unknown


class TransientError(StoreError):
    """`decide` cannot decide this message yet, for a cause outside of the subject's own messages.

    It waits as a row and is tried again, later each time; later messages of the same subject queue behind it.
    """

    def __init__(self, reason: str, *, retry_in_seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_in_seconds = retry_in_seconds


class GapError(TransientError):
    """`decide` waits for a predecessor of the same subject.

    It is tried again as soon as anything of that subject is applied, and when it is due. Others do not queue behind
    it: its predecessor is among them.
    """


class PermanentError(StoreError):
    """`decide` refuses this message for good: it is parked with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OversizedMessageError(StoreError):
    """A transaction wants to publish a message that the bus would refuse for its size; nothing of it is committed.

    In a consumer the batch is then taken apart: what made the message is parked, or fits when it is published alone.
    """

    def __init__(self, message_type: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"a message {message_type} would have {size_bytes} bytes, {limit_bytes} are allowed")
        self.message_type = message_type
        self.size_bytes = size_bytes


class RelayInTheWayError(StoreError):
    """A relay of this schema holds its partitions and does not give way: it hangs, or is of an older release."""

    def __init__(self, schema: str, waited_seconds: float) -> None:
        super().__init__(
            f"the relay of {schema} did not give way within {waited_seconds:g} seconds; stop the service and try again"
        )
        self.schema = schema


_UNIQUE_VIOLATION: Final = "23505"
_REDO_STATES: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "57014",  # query_canceled: the statement's time was over
    }
)
_UNAVAILABLE_STATES: Final = frozenset({"25006", "25P03", "28000", "28P01", "3D000"})
"""Read-only transaction (a standby), ended for idling in a transaction, not authorised (yet), no such database (yet)."""
_UNAVAILABLE_CLASSES: Final = frozenset({"08", "53", "57", "58"})
"""Connection exceptions, insufficient resources, operator intervention, system errors."""


def sqlstate(error: BaseException) -> str | None:
    """The five characters that PostgreSQL gave for this error, through whatever wraps it."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else None


def is_taken(error: BaseException) -> bool:
    """Whether a row was refused since another has its key: somebody was first."""
    return sqlstate(error) == _UNIQUE_VIOLATION


def as_unavailable(error: BaseException) -> DatabaseUnavailableError | None:
    """The `DatabaseUnavailableError` that this error of the driver amounts to; None when it is about the request.

    Knows the errors of SQLAlchemy and asyncpg. A bare `OSError` or `TimeoutError` counts, since it stands for a
    failed connect or a query past its time: ask only about errors that came out of a database call.
    """
    if isinstance(error, DatabaseUnavailableError):
        return error
    state = sqlstate(error)
    if state is not None:
        if state in _REDO_STATES:
            return None
        lost = state in _UNAVAILABLE_STATES or state[:2] in _UNAVAILABLE_CLASSES
    else:
        cause = error.orig.__cause__ if isinstance(error, exc.DBAPIError) and error.orig else error
        lost = isinstance(cause, (OSError, TimeoutError, exc.TimeoutError, asyncpg.InternalClientError))
        lost = lost or (isinstance(cause, asyncpg.InterfaceError) and "closed" in str(cause))
        lost = lost or (isinstance(error, exc.DBAPIError) and error.connection_invalidated)
    if not lost:
        return None
    reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no answer in time'}"
    return DatabaseUnavailableError(reason)


def is_redo(error: BaseException) -> bool:
    """Whether the same transaction, done again, may succeed: nothing in it is at fault.

    Serialization failures, deadlocks, lock and statement timeouts, and what `Database` calls unavailable.
    """
    return isinstance(error, DatabaseUnavailableError) or sqlstate(error) in _REDO_STATES
