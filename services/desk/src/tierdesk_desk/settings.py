"""What an operator may set for the desk alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DeskSettings(BaseSettings):
    """Environment variables `TIERDESK_DESK_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="TIERDESK_DESK_", env_ignore_empty=True, frozen=True, extra="ignore")

    groups: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9-]{0,39}(,[a-z][a-z0-9-]{0,39})*$",
            description="The groups that people work at this desk, as `service-desk,networks`, or `none`. Without it: all "
            "groups in house, but for those of a tier that answers by itself.",
        ),
    ] = None
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$",
            description="Where people reach the desk, as `https://desk.example`. With https, cookies are sent over it alone; "
            "requests that come from pages of any other address are refused. Without it: of any other host.",
        ),
    ] = None
    services_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s/?#@]+$",
            description="Where the console asks the other services, as `http://proxy:8080`. Without it: this process.",
        ),
    ] = None
    providers_file: Annotated[
        Path | None,
        Field(
            description="A YAML file of the OpenID providers at which people sign in (docs/accounts.md). Needs `public_url`. "
            "Without it: local accounts alone."
        ),
    ] = None

    @property
    def named_groups(self) -> frozenset[str] | None:
        """The groups that are named; None for all that people work."""
        return None if self.groups is None else frozenset(self.groups.split(",")) - {"none"}
