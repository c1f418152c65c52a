"""A whole desk in one process: its servers, its schemas, its settings."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from tierdesk_bus import BusError
from tierdesk_bus import connect as connect_bus
from tierdesk_cli.environment import read_settings
from tierdesk_cli.errors import CommandError
from tierdesk_cli.home import Home
from tierdesk_cli.servers import open_schemas
from tierdesk_cli.services import DEFINITIONS, definitions
from tierdesk_desk.accounts import Accounts, NameTakenError, create_first_administrator
from tierdesk_desk.app import DEFINITION as DESK
from tierdesk_desk.domain.roles import Grant, Role
from tierdesk_desk.hashing import PasswordHashing
from tierdesk_kb.app import DEFINITION as KB
from tierdesk_kb.samples import load_sample_synonyms, load_samples
from tierdesk_router.app import DEFINITION as ROUTER
from tierdesk_router.handlers.policies import tell_policies
from tierdesk_runtime.clock import Clock, load_clock
from tierdesk_runtime.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tierdesk_runtime.identifiers import Identifiers
from tierdesk_runtime.logs import configure_logging
from tierdesk_runtime.secrets import Secrets, SecretsError
from tierdesk_runtime.serving import serve
from tierdesk_runtime.settings import Settings
from tierdesk_store import Database, DatabaseUnavailableError, migrate, service_url

SAMPLE_LOGIN: Final = "ann"
SAMPLE_REQUESTER: Final = {"party": "ann@example.org", "name": "Ann Archer", "phone": "+44 20 7946 0018"}
"""Who asks in the first event that a new desk suggests, and in its portal."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a desk stands on: settings that reach a database and a bus, and the secrets. `newcomers` are as in `prepare`."""

    settings: Settings
    secrets: Secrets
    newcomers: tuple[str, ...] = ()


def open_secrets(path: Path) -> Secrets:
    """The secrets file, made at first start. Raises `CommandError`."""
    try:
        if path.exists():
            secrets = Secrets.load(path)
            secrets.add_services(DEFINITIONS)
            return secrets
        return Secrets.create(path, services=DEFINITIONS)
    except SecretsError as error:
        raise CommandError(str(error)) from error


@contextlib.asynccontextmanager
async def stand_up(home: Home, **given: Any) -> AsyncIterator[Ground]:
    """Start what is not there already, bring the schemas up to date, and stop what was started.

    With `TIERDESK_DATABASE_URL` set that database is used, else an embedded PostgreSQL in `home`. The bus is
    `TIERDESK_AMQP_URL` or `TIERDESK_BUS_URL`, else the database. Raises `CommandError`.
    """
    home.create()
    secrets = open_secrets(home.secrets_file)
    with home.log_file.open("ab", buffering=0) as log:
        configure_logging(os.environ.get("TIERDESK_LOG_LEVEL", "info"), stream=log)
        async with _standing(home, secrets, given) as ground:
            yield ground


@contextlib.asynccontextmanager
async def _standing(home: Home, secrets: Secrets, given: dict[str, Any]) -> AsyncIterator[Ground]:
    async with _reaching_database(home) as database_url:
        bus_url = os.environ.get("TIERDESK_AMQP_URL") or os.environ.get("TIERDESK_BUS_URL") or database_url
        settings = read_settings(database_url=database_url, bus_url=bus_url, secrets_file=home.secrets_file, **given)
        yield Ground(settings, secrets, await prepare(settings, secrets))


@contextlib.asynccontextmanager
async def _reaching_database(home: Home) -> AsyncIterator[str]:
    """The URL of the database that is given, else of an embedded one, which runs meanwhile and for this desk alone."""
    database_url = os.environ.get("TIERDESK_DATABASE_URL")
    if database_url:
        yield database_url
        return
    with home.hold():
        embedded = EmbeddedPostgres(home.postgres)
        try:
            await asyncio.to_thread(embedded.start)
        except EmbeddedPostgresError as error:
            raise CommandError(str(error)) from error
        try:
            yield embedded.url()
        finally:
            await asyncio.to_thread(embedded.stop)


async def prepare(settings: Settings, secrets: Secrets) -> tuple[str, ...]:
    """Bring schemas and queues of all services up to date. Answers the newcomers: services that are new on a desk that has a policy.

    What was published before their queues were there has not reached them. The policies are told them anew, since without these
    they can do nothing. Raises `CommandError`.
    """
    new = await asyncio.to_thread(migrate_all, settings.database_url, secrets)
    await declare_all(settings)
    if not new or ROUTER.name in new:
        return ()
    async with open_schemas(settings.database_url, ROUTER.name, name="tierdesk-migrate") as (router,):
        told = await tell_policies(router, load_clock(settings.clock_file), Identifiers())
    return new if told else ()


def migrate_all(database_url: str, secrets: Secrets) -> tuple[str, ...]:
    """Bring every service's schema up to date; answers the names of those that were not there. Raises `CommandError`."""
    new = []
    for definition in DEFINITIONS.values():
        try:
            if migrate(database_url, definition.schema, password=secrets.database_password(definition.name)):
                new.append(definition.name)
        except DatabaseUnavailableError as error:
            raise CommandError(f"the database does not answer ({error}); check TIERDESK_DATABASE_URL") from error
        except SQLAlchemyError as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(f"the schema {definition.name} cannot be brought up to date: {reason}") from error
    return tuple(new)


def tell_of_newcomers(newcomers: tuple[str, ...]) -> str:
    """What whoever runs the desk should know of them."""
    return (
        f"New on this desk: {', '.join(newcomers)}. Of tickets that are there already it knows nothing until you run "
        "`tierdesk rebuild --since 29d`."
    )


async def declare_all(settings: Settings) -> None:
    """Make every service's queues exist, before any of them publishes. Raises `CommandError`."""
    try:
        bus = await connect_bus(
            settings.bus, name="tierdesk-migrate", management_url=settings.amqp_management_url, wait_seconds=30.0
        )
        try:
            for definition in DEFINITIONS.values():
                await bus.declare(definition.topology)
        finally:
            await bus.close()
    except BusError as error:
        raise CommandError(f"the bus does not answer ({error}); check TIERDESK_AMQP_URL") from error


async def load_sample_articles(ground: Ground, tenant: str, clock: Clock) -> int:
    """Publish the sample articles for `tenant`, those that it lacks, with words that mean the same; answer how many."""
    url = service_url(ground.settings.database_url, KB.name, ground.secrets.database_password(KB.name))
    database = Database(url, schema=KB.schema.name, name="tierdesk-samples", pool_size=1)
    try:
        await load_sample_synonyms(database, clock, tenant=tenant)
        return await load_samples(database, clock, Identifiers(), tenant=tenant)
    finally:
        await database.close()


async def create_first_login(ground: Ground, tenant: str, clock: Clock, *, works: bool) -> tuple[str, str] | None:
    """Make the account `admin` of a tenant that has none, and answer login and password; None when it has any.

    With `works` it is an agent and a lead of all groups too, writes articles and moderates: for whoever tries the desk out alone.
    """
    url = service_url(ground.settings.database_url, DESK.name, ground.secrets.database_password(DESK.name))
    database = Database(url, schema=DESK.schema.name, name="tierdesk-first-login", pool_size=1)
    grants = (
        [Grant(role) for role in (Role.AGENT, Role.LEAD, Role.PUBLISHER, Role.OPERATOR, Role.MODERATOR)]
        if works
        else []
    )
    try:
        return await create_first_administrator(
            database, tenant, clock, Identifiers(), grants=grants, must_change=not works
        )
    finally:
        await database.close()


async def create_sample_requester(ground: Ground, tenant: str, clock: Clock) -> tuple[str, str] | None:
    """Make an account for the requester of the examples, and answer login and password; None when there is one already."""
    url = service_url(ground.settings.database_url, DESK.name, ground.secrets.database_password(DESK.name))
    database = Database(url, schema=DESK.schema.name, name="tierdesk-sample-requester", pool_size=1)
    hashing = PasswordHashing()
    try:
        account, password = await Accounts(database, hashing, clock, Identifiers()).add(
            tenant,
            SAMPLE_LOGIN,
            by="desk",
            display_name=SAMPLE_REQUESTER["name"],
            party=SAMPLE_REQUESTER["party"],
            grants=[Grant(Role.REQUESTER)],
            must_change=False,
        )
    except NameTakenError:
        return None
    finally:
        hashing.close()
        await database.close()
    return account.name, password


@contextlib.asynccontextmanager
async def running(
    ground: Ground, *, clock: Clock | None = None, worked: frozenset[str] | None = None
) -> AsyncIterator[str]:
    """Run all services beside the caller; give the address; drain them at the end. `worked` is as in `serve_all`."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    async def tell(url: str) -> None:
        if not ready.done():
            ready.set_result(url)

    task = asyncio.create_task(serve_all(ground, clock=clock, worked=worked, on_ready=tell, stop=stop))
    try:
        waited: tuple[asyncio.Future[Any], ...] = (task, ready)
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            raise CommandError("the desk stopped before it was ready; its log says why")
        yield ready.result()
    finally:
        stop.set()
        await task


async def serve_all(
    ground: Ground,
    *,
    clock: Clock | None = None,
    worked: frozenset[str] | None = None,
    mails: Path | None = None,
    on_ready: Callable[[str], Awaitable[None]],
    stop: asyncio.Event,
) -> None:
    """Run all services until `stop` or a signal. `worked` names the groups that people work at the desk, where given; `mails` is
    where mail is laid that no setting sends elsewhere.
    """
    await serve(definitions(worked=worked, mails=mails), ground.settings, clock=clock, on_ready=on_ready, stop=stop)
