"""What an operator may set for the bridge alone."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Final

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tierdesk_runtime.settings import SettingsError

_PREFIX: Final = "TIERDESK_BRIDGE_"


class BridgeSettings(BaseSettings):
    """Environment variables `TIERDESK_BRIDGE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    private_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        NoDecode,
        Field(description="Networks beside the public internet that webhooks may go to, with commas between them."),
    ] = ()

    @field_validator("private_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @classmethod
    def read(cls) -> BridgeSettings:
        """The settings of the environment. Raises `SettingsError` with the variable that is at fault."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = f"{_PREFIX}{first['loc'][0]}".upper()
            raise SettingsError(f"{name}: {first['input']!r}: {first['msg']}") from error
