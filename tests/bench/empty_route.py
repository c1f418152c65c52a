"""A route with the key check and the model of `POST /v1/events` that stores nothing: what the endpoint is held against.

`python -m bench.empty_route` reads one JSON object from standard input (`secrets_file`, `port`), prints `ready`, and
serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tierdesk_intake.domain.events import read_event, read_line
from tierdesk_runtime.http import create_app, require
from tierdesk_runtime.keys import KeyRing
from tierdesk_runtime.logs import configure_logging
from tierdesk_runtime.secrets import Secrets
from tierdesk_runtime.settings import Settings

TICKET = "01936f3a-5c00-7000-8000-000000000001"
_ANSWER = json.dumps({"ticket": TICKET, "reference": "TD-7K3M-Q9XP", "status": "accepted"})
_writer = require("events:write")


async def take(request: Request) -> Response:
    """One event: checked, read, answered."""
    await _writer(request)
    read_event(await request.body(), now=datetime.now(UTC))
    return Response(_ANSWER, 202, {"Location": f"/v1/tickets/{TICKET}"}, media_type="application/json")


async def take_batch(request: Request) -> Response:
    """Many events: checked, read, answered."""
    await _writer(request)
    lines = (await request.body()).splitlines()
    for line in lines:
        read_line(line, now=datetime.now(UTC))
    return Response("\n".join([_ANSWER] * len(lines)), 200, media_type="application/x-ndjson")


async def run(secrets_file: str, port: int) -> None:
    """Serve."""
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1/nothing",
        secrets_file=Path(secrets_file),
        body_limit_bytes=16 * 1024 * 1024,
    )
    app = create_app(title="Nothing", ring=KeyRing(Secrets.load(settings.secrets_file)), settings=settings)
    app.router.routes.append(Route("/v1/events", take, methods=["POST"]))
    app.router.routes.append(Route("/v1/events:batch", take_batch, methods=["POST"]))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await serving


def main() -> None:
    """Do as standard input says."""
    configure_logging(
        "warning"
    )  # as the services in a benchmark: a line for each request would fill a pipe nobody reads
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(**json.load(sys.stdin)))


if __name__ == "__main__":
    main()
