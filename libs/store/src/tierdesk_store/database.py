"""The engine of one service, and its transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import CursorResult, Executable, MetaData, event, exc, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tierdesk_bus.port import Address
from tierdesk_contracts import AnyEnvelope
from tierdesk_store import driver
from tierdesk_store.errors import DatabaseUnavailableError, as_unavailable
from tierdesk_store.failpoints import failpoint
from tierdesk_store.outbox import OutgoingMessage, outgoing, outgoing_parameters, write_outgoing
from tierdesk_store.schema import LibraryTables, library_tables

POOL_SECONDS: Final = 5.0
_FAILED: Final = "tierdesk_statement_failed"
ResultT = TypeVar("ResultT")


class Transaction:
    """One open transaction. Only `Database.transaction` makes, commits and ends it."""

    def __init__(self, connection: AsyncConnection, schema: str, tables: LibraryTables) -> None:
        self.connection = connection
        self.schema = schema
        self.tables = tables
        self.outgoing: list[OutgoingMessage] = []
        self.told: list[Callable[[], None]] = []

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Execute a statement. Raises `DatabaseUnavailableError`, or SQLAlchemy's error about the statement."""
        return await self.connection.execute(statement, parameters)

    def send(self, envelope: AnyEnvelope, address: Address) -> None:
        """Publish this message when, and only when, this transaction commits: it becomes an outbox row.

        Messages of one subject to one address arrive in the order of `send`, across transactions too, provided that
        transactions which send about the same subject exclude each other by a lock, as on the ticket's row.
        """
        self.outgoing.append(outgoing(envelope, address))

    def after_commit(self, tell: Callable[[], None]) -> None:
        """Call this once the transaction has committed, for metrics: it is not called when the process dies in between.

        It must not raise.
        """
        self.told.append(tell)


class Database:
    """The pool of connections of one service, bound to its schema.

    `url` is PostgreSQL's own; `name` is what the server shows as `application_name`. No connection is opened before
    the first use. Every lost, refused or timed-out connection becomes a `DatabaseUnavailableError`, wherever in a
    transaction it happens; errors about a statement stay SQLAlchemy's.
    """

    def __init__(self, url: str, *, schema: str, name: str, pool_size: int = 8) -> None:
        self.url = url
        self.schema = schema
        self.name = name
        self.tables = library_tables(MetaData(schema=schema))
        self.outbox_written = asyncio.Event()
        """Set by each commit that may have written outbox rows; the relay clears it."""
        self._engine = _create_engine(url, schema=schema, name=name, pool_size=pool_size)
        self._reader = self._engine.execution_options(postgresql_readonly=True)
        self._alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._introduced = False
        self._introduction: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction: left normally, it writes its outbox rows in one statement, commits and wakes the relay.

        Left by an exception, it is rolled back and nothing is published. A cancellation never tears the commit: once
        begun it is waited for, then the cancellation goes on. Raises `DatabaseUnavailableError`; when that says
        `commit_unknown`, the transaction may have happened.
        """
        async with self._open(self._engine) as connection:
            _info(connection).pop(_FAILED, None)
            tx = Transaction(connection, self.schema, self.tables)
            yield tx
            try:
                await _finish_uncancelled(self._commit(tx))
            except exc.PendingRollbackError as error:
                raise DatabaseUnavailableError("the connection was lost earlier in this transaction") from error

    async def execute_alone(
        self, statement: Executable, parameters: Mapping[str, Any], messages: Sequence[tuple[AnyEnvelope, Address]]
    ) -> CursorResult[Any]:
        """Execute a statement that is a transaction by itself and writes its outbox rows too, and wake the relay.

        One round trip, where `transaction` takes four. The statement has `insert_outgoing` as a part, whose parameters
        are added here. A cancellation never tears it. Raises `DatabaseUnavailableError`; when that says
        `commit_unknown`, it may have happened; and SQLAlchemy's error about the statement, after which nothing has.
        """
        rows = outgoing_parameters([outgoing(envelope, address) for envelope, address in messages])
        async with self._open(self._alone) as connection:
            return await _finish_uncancelled(self._execute_alone(connection, statement, {**parameters, **rows}))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A READ ONLY transaction, rolled back at its end. Raises `DatabaseUnavailableError`."""
        async with self._open(self._reader) as connection:
            yield connection

    async def ping(self) -> None:
        """Answer if the database answers. Raises `DatabaseUnavailableError` within about 12 seconds."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections that are not in use."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _open(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                if not self._introduced:
                    await self._introduce()
                connection = await stack.enter_async_context(engine.connect())
            except exc.TimeoutError as error:
                raise DatabaseUnavailableError(f"no connection became free within {POOL_SECONDS:g} seconds") from error
            except Exception as error:
                unavailable = as_unavailable(error)
                if unavailable is None:
                    raise
                raise unavailable from error
            yield connection

    async def _introduce(self) -> None:
        """Open a first connection, once for all who wait for it.

        With it SQLAlchemy asks for the server's version, and a cancellation would garble that.
        """
        if self._introduction is None or self._introduction.done():
            self._introduction = asyncio.create_task(self._open_first())
        await asyncio.shield(self._introduction)

    async def _open_first(self) -> None:
        async with self._engine.connect():
            self._introduced = True

    async def _execute_alone(
        self, connection: AsyncConnection, statement: Executable, parameters: Mapping[str, Any]
    ) -> CursorResult[Any]:
        failpoint("transaction.before_commit")
        try:
            result = await connection.execute(statement, parameters)
        except DatabaseUnavailableError as error:
            raise DatabaseUnavailableError(error.reason, commit_unknown=True) from error
        failpoint("transaction.after_commit")
        self.outbox_written.set()
        return result

    async def _commit(self, tx: Transaction) -> None:
        if tx.outgoing:
            await write_outgoing(tx.connection, self.schema, tx.outgoing)
        elif _FAILED in _info(tx.connection):
            # A swallowed error has aborted the transaction: COMMIT would roll back and not say so. This raises.
            await tx.execute(text("SELECT 1"))
        failpoint("transaction.before_commit")
        try:
            await tx.connection.commit()
        except DatabaseUnavailableError as error:
            raise DatabaseUnavailableError(error.reason, commit_unknown=True) from error
        failpoint("transaction.after_commit")
        for tell in tx.told:
            tell()
        if tx.outgoing:
            self.outbox_written.set()


def _create_engine(url: str, *, schema: str, name: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: driver.connect(url, schema=schema, name=name),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # parameters hold personal data; errors are logged
        json_serializer=lambda value: to_json(value).decode(),
        json_deserializer=from_json,
    )
    event.listen(engine.sync_engine, "handle_error", _translate)
    return engine


def _translate(context: ExceptionContext) -> None:
    """The one place where a driver's error during a transaction is told from an error about a statement."""
    if context.connection is not None:
        context.connection.info[_FAILED] = True
    error = context.original_exception
    if not isinstance(error, Exception):
        return
    unavailable = as_unavailable(context.sqlalchemy_exception or error)
    if unavailable is None:
        return
    if not context.is_disconnect:
        # The connection's state is not known; the others' need not be suspected.
        context.invalidate_pool_on_disconnect = False
        context.is_disconnect = True
    raise unavailable from error


def _info(connection: AsyncConnection) -> dict[Any, Any]:
    return connection.sync_connection.info if connection.sync_connection is not None else {}


async def _finish_uncancelled(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run `work` to its end even when the caller is cancelled meanwhile; then let the cancellation go on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001, S110 - told by task.result() below
            pass
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
