"""A vendor joins the desk in containers from outside of its networks: with an address, a password, and nothing else.

Builds the images and starts all of it on whatever engine answers: `make compose-test`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiormq
import httpx2
import pytest

from .composition import CHECKOUT, Composition

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1800)]

TICKETS = 20
WORKED_SECONDS = 180.0
CATEGORY = "printer-and-copier-machine"


@pytest.fixture
def policy() -> str:
    return (CHECKOUT / "deploy/policy/five-tier.yaml").read_text()


@pytest.fixture
def overrides() -> tuple[str, ...]:
    """None: what is reached from outside is what operators publish."""
    return ()


def add_vendor(desk: Composition) -> str:
    """The address that `tierdesk vendor add` prints, with the password."""
    told = desk.compose(
        "run", "--rm", "-T", "--no-deps", "cli", "vendor", "add", "printer-vendor", "--at", desk.vendors_server
    )
    return next(word for word in told.split() if word.startswith("amqps://"))


def trust(desk: Composition) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(desk.vendors_certificate))


async def may_open(desk: Composition, address: str, namespace: str) -> bool:
    """Whether the vendor's credential opens this virtual host."""
    parts = urlsplit(address)._replace(path=f"/{namespace}").geturl()
    connection = aiormq.Connection(parts, context=trust(desk))
    try:
        await connection.connect()
    except (aiormq.exceptions.AMQPConnectionError, aiormq.exceptions.InvalidFrameError):
        return False  # the broker closes the connection where it expects "open-ok"
    await connection.close()
    return True


async def post_and_follow(desk: Composition) -> list[dict[str, Any]]:
    """Post the tickets through the published port; answer the story of each when it is resolved, or time is up."""
    headers = {"Authorization": f"Bearer {await asyncio.to_thread(desk.local_key)}"}
    end = time.monotonic() + WORKED_SECONDS
    async with httpx2.AsyncClient(base_url=desk.url, headers=headers, timeout=30.0) as door:
        tickets = []
        for number in range(TICKETS):
            event = {
                "type": "problem_reported",
                "title": f"Copier {number} jams",
                "category": CATEGORY,
                "requester": {"party": f"employee-{number}"},
            }
            answer = await door.post("/v1/events", json=event, headers={"Idempotency-Key": f"copier-{number}"})
            assert answer.status_code == 202, answer.text
            tickets.append(answer.json()["ticket"])
        stories: list[dict[str, Any]] = []
        for ticket in tickets:
            while True:
                answer = await door.get(f"/v1/tickets/{ticket}")
                story = answer.json() if answer.status_code == 200 else {"ticket": {"status": "new"}, "log": []}
                if story["ticket"]["status"] in {"resolved", "closed"} or time.monotonic() > end:
                    break
                await asyncio.sleep(0.5)
            stories.append(story)
    return stories


@contextlib.contextmanager
def supplier(address: str, certificate: Path, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The example vendor, as its owner runs it: it is given an address and what to trust."""
    environment = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(certificate), "TIERDESK_BUS_URL": address}
    with said.open("wb") as log:
        command = [sys.executable, str(CHECKOUT / "examples/vendor_printer.py")]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


async def test_a_vendor_joins_from_outside_with_its_own_credential_alone_and_nothing_is_restarted(desk, tmp_path):
    await asyncio.to_thread(desk.start)
    await asyncio.to_thread(desk.let_vendors_in)
    before = await asyncio.to_thread(desk.starts)
    address, said = await asyncio.to_thread(add_vendor, desk), tmp_path / "supplier.log"
    with supplier(address, desk.vendors_certificate, said) as process:
        stories = await post_and_follow(desk)
        assert process.poll() is None, said.read_text()
    after = await asyncio.to_thread(desk.starts)
    assert after == before, "a container was started, or started again"
    for story in stories:
        assert [event["how"] for event in story["log"] if event["kind"] == "resolved"] == ["Fuser unit replaced."], (
            story
        )
        assert [event["vendor"] for event in story["log"] if event["kind"] == "offered"][-1] == "printer-vendor"
    assert await may_open(desk, address, urlsplit(address).path.removeprefix("/"))
    for elsewhere in ("tierdesk", "%2F", "v-main.software-vendor"):
        assert not await may_open(desk, address, elsewhere), elsewhere
    print(
        f"\n{len(stories)} tickets worked by a vendor outside, by its own credential; "
        f"{len(after)} containers, none restarted"
    )
