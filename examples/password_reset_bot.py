"""A bot that works the group password-reset of tier l0, and hands everything else to people.

python examples/password_reset_bot.py --bus amqp://USER:PASSWORD@broker/VHOST
"""

import argparse
import asyncio
import os
from typing import Unpack

from tierdesk_tier import Job, Options, serve_tier

CATEGORIES = {"password", "password-reset"}


async def reset(job: Job) -> None:
    """Send a link, if that is what is asked for."""
    if job.case.category not in CATEGORIES:
        await job.escalate("beyond_scope", findings="This is not about a forgotten password.")
        return
    # A real bot asks its directory for the link here, with job.assignment_id as the key of the request:
    # the work function may be run again after a crash, and must not make a second one.
    await job.answer("We have sent a link for a new password to the address on file. It works once, for 15 minutes.")
    await job.resolve("Sent a one-time link for a new password.", root_cause="Password forgotten")


async def run(
    bus_url: str, stop: asyncio.Event | None = None, *, tenant: str = "main", **options: Unpack[Options]
) -> None:
    """Work until `stop`, or without it until SIGINT or SIGTERM."""
    options.setdefault("workers", 8)
    await serve_tier(
        bus_url,
        tenant=tenant,
        tier="l0",
        group="password-reset",
        worker="password-bot",
        work=reset,
        stop=stop,
        **options,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", default=os.environ.get("TIERDESK_BUS_URL"), help="or TIERDESK_BUS_URL")
    parser.add_argument("--tenant", default="main")
    arguments = parser.parse_args()
    if not arguments.bus:
        parser.error("name the bus with --bus or TIERDESK_BUS_URL")
    asyncio.run(run(arguments.bus, tenant=arguments.tenant))
