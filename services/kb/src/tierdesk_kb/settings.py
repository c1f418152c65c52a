"""What an operator may set for the knowledge base alone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class KbSettings(BaseSettings):
    """Environment variables `TIERDESK_KB_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="TIERDESK_KB_", frozen=True, extra="ignore")

    stale_article_days: Annotated[
        int, Field(ge=1, le=36_500, description="Days without a change after which a published article is stale.")
    ] = 365
    semantic: Annotated[
        bool,
        Field(description="Whether searches rank English articles by meaning too. Needs requirements/semantic.txt."),
    ] = False
