"""What an operator may set: environment variables `TIERDESK_<NAME>`, or files of the same name in `TIERDESK_SECRETS_DIR`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

DEFAULT_TENANT = "main"
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^:/@\s]*):[^/@\s]*@")
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^:,/?#@\s\[\]]*)(:[0-9]+)?"
_SERVER = re.compile(rf"[a-z]+://([^@/?#\s]*@)?{_HOST}(,{_HOST})*([/?#].*)?")

Seconds = Annotated[float, Field(gt=0, le=3600)]


class SettingsError(Exception):
    """A setting is missing or does not fit another; the text names the variable."""


def redact_url(url: str) -> str:
    """The address without its password, for logs and messages."""
    return _PASSWORD_IN_URL.sub(r"\1:***@", url)


def _check_server(url: str) -> str:
    if not _SERVER.fullmatch(url):  # never the value: a password may stand anywhere in it
        raise ValueError("no address of a server; characters such as / and @ in a password are written as %2F and %40")
    return url


ServerUrl = Annotated[str, AfterValidator(_check_server)]


class Settings(BaseSettings):
    """The settings of a process; every service in it shares them. Raises `pydantic.ValidationError` at construction.

    Arguments win over the environment, the environment over files.
    """

    model_config = SettingsConfigDict(env_prefix="TIERDESK_", env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: Annotated[
        ServerUrl,
        Field(
            pattern=r"^postgresql://",
            repr=False,
            description="Where PostgreSQL is. `tierdesk migrate` signs in as the user it names, who may create roles and "
            "schemas; services use only host, port and database of it and sign in as their own role.",
        ),
    ]
    bus_url: Annotated[
        ServerUrl | None,
        Field(
            repr=False,
            pattern=r"^(amqps?|postgresql)://",
            description="The bus: `amqp://`, `amqps://` or `postgresql://`.",
        ),
    ] = None
    amqp_url: Annotated[
        ServerUrl | None, Field(repr=False, pattern=r"^amqps?://", description="RabbitMQ; wins over `bus_url`.")
    ] = None
    amqp_management_url: Annotated[
        str | None, Field(repr=False, description="RabbitMQ's management API, for vendors' virtual hosts and limits.")
    ] = None
    namespace_prefix: Annotated[
        str, Field(pattern=r"^[a-z0-9-]*$", description="Set before the name of each vendor's namespace.")
    ] = ""
    secrets_file: Annotated[Path, Field(description="Keys and passwords of this desk; readable by its user alone.")]
    policy_file: Annotated[Path | None, Field(description="A policy to apply at start, when it differs.")] = None
    first_policy_file: Annotated[
        Path | None, Field(description="A policy to apply at start when there is none yet.")
    ] = None
    default_tenant: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] = DEFAULT_TENANT
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535, description="0 takes any free port.")] = 8080
    body_limit_bytes: Annotated[int, Field(ge=1024, description="The longest request body.")] = 1024 * 1024
    batch_body_limit_bytes: Annotated[int, Field(ge=1024, description="The longest body of a batch.")] = (
        16 * 1024 * 1024
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: Annotated[
        ServerUrl | None,
        Field(
            repr=False,
            pattern=r"^https?://",
            description="Where traces go, by OTLP over HTTP; without it there are none. Needs requirements/telemetry.txt.",
        ),
    ] = None
    clock_file: Annotated[Path | None, Field(description="A fast business clock for demonstration and replay.")] = None
    drain_delay_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=600,
            description="From being told to stop until connections are refused: time for a proxy to see it.",
        ),
    ] = 0.0
    drain_seconds: Annotated[
        Seconds, Field(description="Bound of the drain after that; what is unfinished then is cut.")
    ] = 20.0

    @classmethod
    def read(cls, **given: Any) -> Self:
        """The settings, from arguments and environment. Raises `SettingsError` with the variable that is at fault."""
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = "_".join(str(part) for part in first["loc"]).upper()
            raise SettingsError(f"TIERDESK_{name}: {first['msg']}") from error

    @property
    def bus(self) -> str:
        """The address of the bus. Raises `SettingsError` when none is set: a guess could split the desk over two."""
        url = self.amqp_url or self.bus_url
        if url is None:
            raise SettingsError("no bus: set TIERDESK_AMQP_URL (RabbitMQ) or TIERDESK_BUS_URL (postgresql://…)")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files of `TIERDESK_SECRETS_DIR`; no `.env` file."""
        del dotenv_settings, file_secret_settings
        directory = os.environ.get("TIERDESK_SECRETS_DIR")
        sources = (init_settings, env_settings)
        return (*sources, SecretsSettingsSource(settings_cls, directory)) if directory else sources
