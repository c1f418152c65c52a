"""What an operator may set for the watcher alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SlaSettings(BaseSettings):
    """Environment variables `TIERDESK_SLA_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="TIERDESK_SLA_", frozen=True, extra="ignore")

    settle_seconds: Annotated[
        float,
        Field(
            ge=0, le=600, description="Real seconds for which an alert is held back, so that late events can arrive."
        ),
    ] = 2.0
