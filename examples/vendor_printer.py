"""A printer supplier, as an outside party in its own namespace.

python examples/vendor_printer.py --bus amqp://printer-vendor:PASSWORD@broker/v-main.printer-vendor
"""

import argparse
import asyncio
import os
from functools import partial
from typing import Unpack

from tierdesk_tier import Job, Options, serve_vendor


async def repair(job: Job, *, visit_seconds: float) -> None:
    """What the supplier does about one broken machine."""
    await job.progress("Technician booked.", answer="A technician comes to look at the machine today.")
    await job.pause("visit", "On the way.")
    await asyncio.sleep(visit_seconds)
    await job.resume("On site.")
    await job.resolve("Fuser unit replaced.", root_cause="Worn fuser", steps_tried=["Printed the test page"])


async def run(
    bus_url: str,
    stop: asyncio.Event | None = None,
    *,
    namespace: str = "",
    namespace_prefix: str = "",
    visit_seconds: float = 2.0,
    **options: Unpack[Options],
) -> None:
    """Work until `stop`, or without it until SIGINT or SIGTERM."""
    options.setdefault("workers", 4)
    await serve_vendor(
        bus_url,
        worker="technician-1",
        work=partial(repair, visit_seconds=visit_seconds),
        namespace=namespace,
        namespace_prefix=namespace_prefix,
        stop=stop,
        **options,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bus", default=os.environ.get("TIERDESK_BUS_URL"), help="or TIERDESK_BUS_URL")
    parser.add_argument("--namespace", default="", help="only where the URL does not name the vendor's own")
    arguments = parser.parse_args()
    if not arguments.bus:
        parser.error("name the bus with --bus or TIERDESK_BUS_URL")
    asyncio.run(run(arguments.bus, namespace=arguments.namespace))
