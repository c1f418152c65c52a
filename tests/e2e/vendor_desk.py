"""A desk on RabbitMQ with people in house, an honest vendor at work, and vendors that a test plays itself.

Each vendor has a virtual host and a user that may read `work` and write `inbound` there, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import aiormq
import httpx2
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from bus.operators import api_options, remove_vhosts
from e2e.whole_desk import OTHER, OWN, WholeDesk, migrated_database
from servers.postgres import DatabaseServer
from servers.rabbitmq import Broker
from servers.webhooks import Receiver
from tierdesk_contracts import parse, seal
from tierdesk_contracts.names import OUTCOMES, event_key, vendor_namespace
from tierdesk_contracts.outcome import Outcome
from tierdesk_runtime.signatures import sign
from tierdesk_tier import Job, serve_tier, serve_vendor

PATIENCE_SECONDS = 60.0
LOST_SECONDS = 2
"""How long the vendor `rogue` has to accept; it is asked twice, then the group `duty` is."""
VENDORS = ("rogue", "quiet", "honest")
"""Played by the test, with little time to accept; played by the test, with plenty; at work by itself."""
HOLD = "hold"
"""The honest vendor keeps work with this word in its title until the desk's `release` is called."""
POLICY: dict[str, Any] = {
    "name": "A desk with vendors",
    "tiers": [{"id": f"l{height}"} for height in range(1, 5)],
    "groups": [
        {"id": "front", "tier": "l1"},
        {"id": "duty", "tier": "l1"},
        {"id": "first", "tier": "l1"},
        {"id": "second", "tier": "l2"},
        {"id": "third", "tier": "l3"},
        {
            "id": "rogue", "tier": "l4", "vendor": "rogue", "fallback": "duty",
            "offer": {"accept_within": f"{LOST_SECONDS}s", "attempts": 2},
        },
        {"id": "quiet", "tier": "l4", "vendor": "quiet", "fallback": "duty"},
        {"id": "honest", "tier": "l4", "vendor": "honest", "fallback": "duty"},
    ],
    "edges": [["l1", "l2"], ["l2", "l3"], ["l3", "l4"], ["l4", "l3"], ["l4", "l1"]],
    "categories": [
        {"id": "in-house", "tier": "l1", "group": "front", "description_facts": ["requester"]},
        {"id": "journey", "tier": "l1", "group": "first"},
        *({"id": vendor, "tier": "l4", "group": vendor, "description_facts": ["requester"]} for vendor in VENDORS),
    ],
    "default_category": "in-house",
    "vendors": [{"id": vendor, "name": vendor, "group": vendor} for vendor in VENDORS],
}  # fmt: skip


class VendorDesk:
    """Intake and router, and those who work for them; what is asked of it waits `PATIENCE_SECONDS` at most."""

    def __init__(self, desk: WholeDesk, broker: Broker) -> None:
        self.desk = desk
        self.broker = broker
        self.client = desk.client(OWN)
        self.api = httpx2.Client(**api_options(broker.management_url))
        self.passwords = {vendor: secrets.token_urlsafe(16) for vendor in VENDORS}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._working: list[Any] = []

    def start(self) -> None:
        """Apply the policy, let each vendor into its own virtual host, and have people and the honest vendor work."""
        for tenant in (OWN, OTHER):
            with self.desk.client(tenant) as client:
                applied = client.put("/v1/policy", content=json.dumps(POLICY))
                assert applied.status_code == 200, applied.text
        for vendor in VENDORS:
            self._let_in(vendor)
        self._stop, self._released = asyncio.Event(), asyncio.Event()
        self._thread.start()
        home = self.desk.settings.bus
        at_work = [serve_vendor(self.url_of("honest"), worker="hanna", work=self._work, stop=self._stop, workers=20)]
        at_work += [
            serve_tier(
                home, tenant=OWN, tier="l1", group=group, worker=group, work=self._work, stop=self._stop, workers=20
            )
            for group in ("front", "duty")
        ]
        self._working = [asyncio.run_coroutine_threadsafe(one, self._loop) for one in at_work]

    def stop(self) -> None:
        """End all that works."""
        for event in (self._released, self._stop):
            self._loop.call_soon_threadsafe(event.set)
        for one in self._working:
            one.result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()
        for vendor in VENDORS:
            self.api.delete(f"users/{self.user_of(vendor)}")
        self.api.close()
        self.client.close()

    def release(self) -> None:
        """Let the honest vendor go on with what it holds, now and later."""
        self._loop.call_soon_threadsafe(self._released.set)

    def vhost_of(self, vendor: str, tenant: str = OWN) -> str:
        """The virtual host of a vendor."""
        return f"{self.desk.settings.namespace_prefix}{vendor_namespace(tenant, vendor)}"

    def user_of(self, vendor: str) -> str:
        """The name under which a vendor signs in."""
        return f"{self.desk.settings.namespace_prefix}{vendor}"

    def url_of(self, vendor: str, vhost: str | None = None) -> str:
        """Where a vendor signs in, to its own virtual host or another."""
        address = urlsplit(self.broker.amqp_url()).netloc.rpartition("@")[2]
        path = quote(self.vhost_of(vendor) if vhost is None else vhost, safe="")
        return f"amqp://{self.user_of(vendor)}:{self.passwords[vendor]}@{address}/{path}"

    def admin_url(self, vendor: str) -> str:
        """A vendor's virtual host, as the operator enters it."""
        return self.broker.amqp_url(self.vhost_of(vendor))

    def report(self, category: str, title: str = "Broken", **fields: Any) -> UUID:
        """Post a problem; answers its ticket."""
        event = {"type": "problem_reported", "requester": {"party": "ann"}, "category": category, "title": title}
        posted = self.client.post("/v1/events", json=event | fields)
        assert posted.status_code == 202, posted.text
        return UUID(posted.json()["ticket"])

    def story(self, ticket: UUID) -> dict[str, Any]:
        """A ticket and its log; both empty while it is on its way."""
        answer = self.client.get(f"/v1/tickets/{ticket}")
        return answer.json() if answer.status_code == 200 else {"ticket": {}, "log": []}

    def kinds(self, ticket: UUID) -> list[str]:
        """What happened to a ticket, in order."""
        return [event["kind"] for event in self.story(ticket)["log"]]

    def wait_for(self, ticket: UUID, kind: str) -> dict[str, Any]:
        """The first event of this kind."""
        return wait_until(
            lambda: next((event for event in self.story(ticket)["log"] if event["kind"] == kind), None),
            f"{ticket} is {kind}; so far {self.kinds(ticket)}",
        )

    def refusals(self, vendor: str) -> list[dict[str, Any]]:
        """What of the vendor's was refused and recorded, the newest first, as an operator reads it."""
        answer = self.client.get(f"/v1/vendors/{vendor}/refusals?limit=500")
        assert answer.status_code == 200, answer.text
        return answer.json()["refusals"]

    def refused(self, outcome_id: UUID, vendor: str) -> dict[str, Any]:
        """The record of this outcome."""
        return wait_until(
            lambda: next((row for row in self.refusals(vendor) if row["outcome_id"] == str(outcome_id)), None),
            f"{outcome_id} is refused",
        )

    def count(self, statement: str, *arguments: object) -> int:
        """One number from the database."""
        return int(self.desk.query(statement, *arguments)[0][0] or 0)

    def live(self, ticket: UUID) -> dict[str, Any]:
        """The live assignment, once there is one."""
        return wait_until(lambda: self.story(ticket)["ticket"].get("assignment"), f"{ticket} is offered")

    def say_in_house(self, kind: type[Outcome], ticket: UUID, **fields: Any) -> None:
        """An outcome of a party in house on the live assignment."""
        live = self.live(ticket)
        told = {"assignment_id": live["id"], "token": live["token"], "worker": "bob", "ordinal": 1} | fields
        envelope = seal(
            kind.model_validate(told), message_id=uuid4(), source="/test", subject=str(ticket),
            time=datetime.now(UTC), tenant=OWN,
        )  # fmt: skip
        asyncio.run(publish(self.desk.settings.bus, OUTCOMES, event_key(OWN, envelope.type), envelope.to_bytes()))

    def _let_in(self, vendor: str) -> None:
        vhost, user = quote(self.vhost_of(vendor), safe=""), self.user_of(vendor)
        wait_until(lambda: self.api.get(f"vhosts/{vhost}").is_success, f"the desk makes {vhost}")
        self.api.put(f"users/{user}", json={"password": self.passwords[vendor], "tags": ""}).raise_for_status()
        rights = {"configure": "^$", "write": "^inbound$", "read": "^work$"}
        self.api.put(f"permissions/{vhost}/{user}", json=rights).raise_for_status()

    async def _work(self, job: Job) -> None:
        if HOLD in job.case.title:
            await self._released.wait()
        await job.resolve("Done.")


class VendorLink:
    """A vendor's connection, as a program makes it that knows no library of ours."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._came: asyncio.Queue[DeliveredMessage] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self.connection = await aiormq.connect(self._url, transport_factory=self)
        self.channel = await self.connection.channel()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def create(self, url: Any, **options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The socket, as aiormq asks for it; known here, so that it can be cut."""
        del options
        reader, self._writer = await asyncio.open_connection(url.host, url.port)
        return reader, self._writer

    def crash(self) -> None:
        """Leave without a word, as a process that is killed."""
        self._writer.transport.abort()

    async def read(self, *, no_ack: bool = False) -> None:
        """Begin to read `work`."""
        await self.channel.basic_consume("work", self._came.put, no_ack=no_ack)

    async def next(self, kind: str, ticket: UUID) -> Any:
        """The next message of this type about this ticket; what else comes is passed over, and none is acknowledged."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                envelope = parse((await self._came.get()).body)
                if (envelope.type, envelope.subject) == (f"work.{kind}.v1", str(ticket)):
                    return envelope.data

    async def say(self, kind: type[Outcome], offer: Any, ticket: UUID, **fields: Any) -> UUID:
        """Publish an outcome; `tenant`, `source` and `message_id` go into its envelope."""
        claims = {"tenant": OWN, "source": "/vendor", "message_id": uuid4()}
        claims |= {name: fields.pop(name) for name in claims if name in fields}
        told = {"assignment_id": offer.assignment_id, "token": offer.token, "worker": "rob", "ordinal": 1} | fields
        envelope = seal(kind.model_validate(told), subject=str(ticket), time=datetime.now(UTC), **claims)
        assert await self.publish(envelope.to_bytes())
        return envelope.id

    async def publish(self, body: bytes) -> bool:
        """Publish to `inbound`; answers whether the broker has taken it."""
        properties = Basic.Properties(delivery_mode=2, content_type="application/cloudevents+json")
        answer = await self.channel.basic_publish(body, exchange="inbound", properties=properties)
        return isinstance(answer, Basic.Ack)


@asynccontextmanager
async def linked(desk: VendorDesk, vendor: str) -> AsyncIterator[VendorLink]:
    """A vendor's connection, with a queue that holds nothing from before."""
    async with aiormq.connect(desk.admin_url(vendor)) as connection:
        await (await connection.channel()).queue_purge("work")
    async with VendorLink(desk.url_of(vendor)) as link:
        yield link


class WebhookLink:
    """A vendor that knows HTTP alone: what was posted to its receiver, and its answers as signed callbacks."""

    def __init__(self, desk: WholeDesk, vendor: str, receiver: Receiver) -> None:
        self._desk = desk
        self._vendor = vendor
        self._receiver = receiver
        self._secret = desk.secrets.add_webhook_secret(OWN, f"vendor.{vendor}")
        self._passed: set[str] = set()
        with desk.client(OWN) as client:
            answer = client.put(f"/v1/bridge/{vendor}", json={"url": receiver.url})
            assert answer.status_code == 201, answer.text

    async def next(self, kind: str, ticket: UUID) -> Any:
        """The next message of this type about this ticket; what else comes is passed over."""
        return await asyncio.to_thread(wait_until, lambda: self._find(kind, ticket), f"{kind} of {ticket} is posted")

    async def say(self, kind: type[Outcome], offer: Any, ticket: UUID, **fields: Any) -> UUID:
        """Post an outcome."""
        told = {"assignment_id": offer.assignment_id, "token": offer.token, "worker": "rob", "ordinal": 1} | fields
        envelope = seal(
            kind.model_validate(told), message_id=uuid4(), source="/vendor", subject=str(ticket),
            time=datetime.now(UTC), tenant=OWN,
        )  # fmt: skip
        answer = await asyncio.to_thread(self.post, envelope.to_bytes(), str(envelope.id))
        assert answer.status_code == 202, answer.text
        return envelope.id

    def post(self, body: bytes, webhook_id: str) -> httpx2.Response:
        """Post these bytes, signed."""
        signed = sign(self._secret, webhook_id, datetime.now(UTC), body)
        with self._desk.client() as nobody:
            headers = signed | {"Content-Type": "application/cloudevents+json"}
            return nobody.post(f"/v1/bridge/{self._vendor}/outcomes", content=body, headers=headers)

    def _find(self, kind: str, ticket: UUID) -> Any:
        for hook in list(self._receiver.hooks):
            envelope = parse(hook.body)
            if hook.id not in self._passed and (envelope.type, envelope.subject) == (f"work.{kind}.v1", str(ticket)):
                self._passed.add(hook.id)
                return envelope.data
        return None


@contextmanager
def run_vendor_desk(
    database_server: DatabaseServer, broker: Broker, folder: Path, *, services: tuple[str, ...] = ("intake", "router")
) -> Iterator[VendorDesk]:
    """A desk from start to end."""
    prefix = f"test-{secrets.token_hex(4)}-"
    with migrated_database(database_server) as database_url, broker.fresh_vhost() as amqp_url:
        desk = WholeDesk(
            folder,
            database_url,
            tenants=(OWN, OTHER),
            services=services,
            bus_url=None,
            amqp_url=amqp_url,
            amqp_management_url=broker.management_url,
            namespace_prefix=prefix,
        )
        desk.start()
        try:
            vendor_desk = VendorDesk(desk, broker)
            vendor_desk.start()
            try:
                yield vendor_desk
            finally:
                vendor_desk.stop()
        finally:
            desk.stop()
            remove_vhosts(broker.management_url, prefix=prefix)


def wait_until(look: Callable[[], Any], what: str) -> Any:
    """The first true answer of `look`."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:.0f} s: {what}"
        time.sleep(0.1)
    return found


async def publish(url: str, exchange: str, key: str, body: bytes) -> None:
    """Publish one message, as whoever the URL names."""
    async with aiormq.connect(url) as connection:
        channel = await connection.channel()
        answer = await channel.basic_publish(body, exchange=exchange, routing_key=key, mandatory=True)
        assert isinstance(answer, Basic.Ack)
