"""A running desk on RabbitMQ, to which vendors are let in, and what a credential is tried with."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aiormq
import httpx2

from bus.operators import api_options
from e2e.desks import Done
from e2e.whole_desk import wait_until
from faults.processes import SERVE, ServiceProcess, environment_of
from servers.rabbitmq import Broker
from tierdesk_runtime.secrets import Secrets

VENDOR, OTHER_VENDOR = "printer-vendor", "depot"
CATEGORY = "printer-and-copier-machine"
NAMESPACE = f"v-main.{VENDOR}"
PATIENCE_SECONDS = 60.0


class Gate:
    """A running desk on RabbitMQ, and its administrator."""

    def __init__(self, settings: dict[str, str], folder: Path, broker: Broker) -> None:
        self.settings = settings
        self.prefix = settings["namespace_prefix"]
        self.host = f"{self.prefix}{NAMESPACE}"
        self.api = httpx2.Client(**api_options(broker.management_url))
        self._services = [
            ServiceProcess(name, (*SERVE, name), environment_of(**settings), folder / f"{name}.log")
            for name in ("intake", "router")
        ]

    def start(self) -> None:
        for service in self._services:
            service.start()
        for service in self._services:
            service.wait_until_ready()

    def stop(self) -> None:
        for service in self._services:
            service.stop()

    def request(self, service: int, method: str, path: str, **options: Any) -> httpx2.Response:
        """Ask a service as the owner of the desk."""
        key = Secrets.load(Path(self.settings["secrets_file"])).local_key()
        url = f"{self._services[service].url}{path}"
        return httpx2.request(
            method, url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False, **options
        )

    def post(self) -> str:
        """A broken printer; answers the ticket."""
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "It jams", "category": CATEGORY}
        answer = self.request(0, "POST", "/v1/events", json=event)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["ticket"])

    def has_status(self, ticket: str, wanted: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while (
            found := self.request(1, "GET", f"/v1/tickets/{ticket}").json().get("ticket", {}).get("status")
        ) != wanted:
            assert time.monotonic() < end, f"{ticket} is {found}, not {wanted}"
            time.sleep(0.1)

    def change(self, method: str, path: str, document: Any = None) -> None:
        """Do what an administrator would by hand."""
        answer = self.api.request(method, path, json=document)
        assert answer.is_success, answer.text

    def rights(self, host: str, user: str) -> str:
        return f"permissions/{quote(host, safe='')}/{quote(user, safe='')}"

    def connections(self) -> list[str]:
        return [row["name"] for row in self.api.get(f"connections/username/{quote(self.host, safe='')}").json()]

    def remove_users(self) -> None:
        for user in self.api.get("users").json():
            if user["name"].startswith(f"{self.prefix}v-"):
                self.api.delete(f"users/{quote(user['name'], safe='')}")


Vendor = Callable[..., Done]


def issued(done: Done) -> str:
    """The address that a command printed."""
    assert done.code == 0, done
    (url,) = done.out.splitlines()
    return url


async def attempt(url: str, act: Callable[[aiormq.Channel], Awaitable[object]]) -> None:
    """Sign in and do this on a channel. Raises what the broker answers."""
    connection = await aiormq.connect(url)
    try:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(channel, aiormq.Channel)
        await act(channel)
    finally:
        await connection.close()


async def sign_in(url: str) -> None:
    await attempt(url, lambda channel: channel.basic_qos(prefetch_count=1))


def can_sign_in(url: str) -> bool:
    try:
        asyncio.run(sign_in(url))
    except (aiormq.AMQPError, ConnectionError):
        return False
    return True


def at_path(url: str, path: str) -> str:
    """Another virtual host, with the same credential."""
    return urlunsplit(urlsplit(url)._replace(path=path))


def wait_for(look: Callable[[], Any]) -> None:
    wait_until(look, "the broker knows of it")


def listed(vendor: Vendor) -> dict[str, dict[str, Any]]:
    done = vendor("list", "--json")
    assert done.code == 0, done
    return {row["vendor"]: row for row in json.loads(done.out)}


FORBIDDEN: dict[str, Callable[[aiormq.Channel], Awaitable[object]]] = {
    "declare a queue": lambda channel: channel.queue_declare("own"),
    "declare a queue that the broker names": lambda channel: channel.queue_declare(exclusive=True),
    "declare an exchange": lambda channel: channel.exchange_declare("own"),
    "bind": lambda channel: channel.queue_bind("work", "inbound"),
    "lead its offers back to the desk": lambda channel: channel.queue_bind("inbound", "offers"),
    "unbind": lambda channel: channel.queue_unbind("inbound", "inbound", routing_key="#"),
    "delete its queue": lambda channel: channel.queue_delete("work"),
    "delete the desk's queue": lambda channel: channel.queue_delete("inbound"),
    "delete an exchange": lambda channel: channel.exchange_delete("offers"),
    "consume inbound": lambda channel: channel.basic_consume("inbound", lambda message: None),  # type: ignore[arg-type,return-value]  # never called
    "get from inbound": lambda channel: channel.basic_get("inbound"),
    "purge inbound": lambda channel: channel.queue_purge("inbound"),
    "publish offers": lambda channel: channel.basic_publish(b"x", exchange="offers", routing_key="x"),
    "publish to the default exchange": lambda channel: channel.basic_publish(b"x", routing_key="work"),
    "publish to the desk by the default exchange": lambda channel: channel.basic_publish(b"x", routing_key="inbound"),
    "publish to a topic exchange": lambda channel: channel.basic_publish(b"x", exchange="amq.topic", routing_key="x"),
}
