"""What an operator may set for intake alone."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tierdesk_intake.domain.attachments import Limits
from tierdesk_intake.fetching.hosts import read_host
from tierdesk_runtime.settings import SettingsError

_PREFIX: Final = "TIERDESK_INTAKE_"


class IntakeSettings(BaseSettings):
    """Environment variables `TIERDESK_INTAKE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    attachment_limit_bytes: Annotated[
        int, Field(ge=1024, le=1024 * 1024 * 1024, description="The largest attachment.")
    ] = 10 * 1024 * 1024
    attachments_per_ticket: Annotated[int, Field(ge=0, le=1000, description="How many attachments a ticket has.")] = 20
    attachment_bytes_per_day: Annotated[
        int, Field(ge=0, le=2**50, description="How much a tenant attaches within a day of UTC.")
    ] = 1024 * 1024 * 1024

    recording_hosts: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="From where recordings of calls are fetched, as `https://pbx.example`, with commas between them."
        ),
    ] = ()

    @field_validator("recording_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("recording_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            read_host(one)
        return value

    @classmethod
    def read(cls) -> IntakeSettings:
        """The settings of the environment. Raises `SettingsError` with the variable that is at fault."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = f"{_PREFIX}{first['loc'][0]}".upper()
            raise SettingsError(f"{name}: {first['input']!r}: {first['msg']}") from error

    @property
    def limits(self) -> Limits:
        """What attachments may be."""
        return Limits(self.attachment_limit_bytes, self.attachments_per_ticket, self.attachment_bytes_per_day)
