"""A vendor without AMQP: takes the desk's webhooks, and answers by signed callbacks. The standard library is all it needs.

    export WEBHOOK_SECRET=whsec_...     # what `tierdesk vendor webhook set` printed
    python examples/vendor_webhook.py --listen 8900 --desk https://desk.example.com/v1/bridge/printer-vendor/outcomes

It listens on plain HTTP: put what ends TLS in front of it. What it holds is in memory; a real one keeps `id` and message in
a table before it answers 204, since what was answered 2xx does not come again.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = dict[str, Any]
KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
WORKER = "technician-1"
TOLERANCE_SECONDS = 300
todo: queue.Queue[Message] = queue.Queue()
seen: set[str] = set()


def sign(webhook_id: str, timestamp: str, body: bytes) -> str:
    """The signature of Standard Webhooks."""
    mac = hmac.digest(KEY, f"{webhook_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(mac).decode()


class Webhooks(BaseHTTPRequestHandler):
    """Takes what the desk says: verified, once, answered before anything is done about it."""

    def do_POST(self) -> None:
        """204 for what the desk signed, 401 for anything else."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        webhook_id, timestamp = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        given = self.headers.get("webhook-signature", "").split()  # several while a secret is replaced
        ours = sign(webhook_id, timestamp, body)
        fresh = timestamp.isdigit() and abs(time.time() - int(timestamp)) <= TOLERANCE_SECONDS
        good = fresh and any(hmac.compare_digest(ours.encode(), one.encode()) for one in given)
        if good and webhook_id not in seen:  # it may come twice
            seen.add(webhook_id)
            todo.put(json.loads(body))
        self.send_response(204 if good else 401)
        self.end_headers()


def answer(desk: str, message: Message, kind: str, ordinal: int, **said: object) -> None:
    """Tell the desk an outcome, again and again under the same identifier until it is taken or refused."""
    work = message["data"]
    told = {
        "assignment_id": work["assignment_id"],
        "token": work["token"],
        "worker": WORKER,
        "ordinal": ordinal,
        **said,
    }
    # The same outcome always has the same identifier, so that it counts once.
    outcome_id = str(uuid.uuid5(uuid.UUID(work["assignment_id"]), f"{work['token']} {ordinal} {kind}"))
    envelope = {
        "specversion": "1.0",
        "id": outcome_id,
        "type": f"outcome.{kind}.v1",
        "source": "/vendor",
        "subject": message["subject"],
        "tenant": message["tenant"],
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": told,
    }
    body = json.dumps(envelope).encode()
    while True:
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": outcome_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(outcome_id, timestamp, body),
        }
        try:
            request = urllib.request.Request(desk, body, headers)  # noqa: S310 - its own desk, named at the start
            with urllib.request.urlopen(request, timeout=15):  # noqa: S310 - as above
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:
                print(f"{kind} was refused: {error.read().decode()}", flush=True)
                return
        except OSError as error:
            print(f"the desk does not answer: {error}", flush=True)
        time.sleep(2)


def work_on(desk: str, message: Message) -> None:
    """Accept what is offered; repair and resolve what is ours; hear what was refused."""
    match message["type"]:
        case "work.offered.v1":
            answer(desk, message, "accepted", 1)
        case "work.assigned.v1":
            answer(desk, message, "progressed", 2, note="Technician booked.", answer="A technician comes today.")
            answer(desk, message, "resolved", 3, how="Fuser unit replaced.", root_cause="Worn fuser")
        case "work.withdrawn.v1" | "work.rejected.v1":
            print(f"{message['type']}: {message['data']}", flush=True)


def main() -> None:
    """Listen, and work on what comes, one message at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, required=True, metavar="PORT")
    parser.add_argument("--desk", required=True, metavar="URL", help="where the desk takes outcomes")
    given = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", given.listen), Webhooks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"takes webhooks at http://127.0.0.1:{server.server_port}/", flush=True)
    while True:
        work_on(given.desk, todo.get())


if __name__ == "__main__":
    main()
