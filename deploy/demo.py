"""The example people, bot and vendors beside a desk in containers, until SIGTERM; and the sample articles, once."""

# ruff: noqa: INP001 - run as a file, never imported

import asyncio
import sys
import tempfile
from pathlib import Path

from tierdesk_cli.desk import Ground, load_sample_articles, open_secrets
from tierdesk_cli.environment import read_settings
from tierdesk_cli.examples import Examples
from tierdesk_cli.up import policy_in_force
from tierdesk_runtime.clock import load_clock
from tierdesk_runtime.logs import configure_logging
from tierdesk_tier import until_stopped


async def run(router_url: str) -> None:
    """Work every group of the policy that is in force."""
    settings = read_settings()
    configure_logging(settings.log_level)
    ground = Ground(settings, open_secrets(settings.secrets_file))
    await load_sample_articles(ground, settings.default_tenant, load_clock(settings.clock_file))
    async with until_stopped() as stop:
        policy = await policy_in_force(router_url, ground.secrets)
        await Examples(settings.bus, policy, settings.namespace_prefix, Path(tempfile.gettempdir(), "bot")).run(stop)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
