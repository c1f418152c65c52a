"""A program that mints one of each kind of identifier and prints them: what two processes must never have in common."""

from __future__ import annotations

import json
import os
import random
import secrets
import uuid

from opentelemetry.sdk.trace import RandomIdGenerator

from tierdesk_runtime.identifiers import Identifiers

if __name__ == "__main__":
    own, traces = Identifiers(), RandomIdGenerator()
    minted = {
        "identifier": str(own.new()),
        "reference": own.reference(),
        "uuid": str(uuid.uuid4()),
        "random": random.random(),
        "random bits": random.getrandbits(128),
        "new random": random.Random().random(),
        "secret": secrets.token_hex(),
        "trace": traces.generate_trace_id(),
    }
    print(json.dumps({"process": os.getpid(), "environment": dict(os.environ), "minted": minted}))
