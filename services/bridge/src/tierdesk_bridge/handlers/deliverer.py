"""Sends what is due, notes what came of it, and forgets what was delivered long ago."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from tierdesk_bridge.domain.answers import Answer, Fate, State, Step, go_on, no_answer
from tierdesk_bridge.domain.schedule import rest_after
from tierdesk_bridge.sending.posting import Poster
from tierdesk_bridge.store.deliveries import Claim, claim_due, count_all, forget_delivered, write_step
from tierdesk_bridge.store.endpoints import disable_endpoint, let_rest, note_failure, note_success
from tierdesk_runtime.webhook_secrets import WebhookSecrets, vendor_source
from tierdesk_store import Database, DatabaseUnavailableError, Transaction, is_redo
from tierdesk_store.pausing import wait_for_any

_LOOK_SECONDS: Final = 1.0
_COUNT_SECONDS: Final = 5.0
_FORGET_AT_ONCE: Final = 1_000

log = structlog.get_logger(__name__)


class DeliveryMetrics:
    """What the bridge tells of its deliveries."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "tierdesk_bridge_deliveries_total",
            "Requests to vendors, by what came of them: delivered, refused (tried again), failed (given up), gone.",
            ("result",),
            registry=registry,
        )
        self.pending = Gauge("tierdesk_bridge_pending", "Messages not yet delivered to vendors.", registry=registry)
        self.oldest_seconds = Gauge(
            "tierdesk_bridge_oldest_pending_seconds", "Since the oldest of those was taken.", registry=registry
        )
        self.failed = Gauge("tierdesk_bridge_failed", "Messages given up, and kept.", registry=registry)


class Deliverer:
    """Sends what is due to the vendors' endpoints, one attempt of each delivery at a time."""

    def __init__(
        self,
        database: Database,
        secrets: WebhookSecrets,
        poster: Poster,
        metrics: DeliveryMetrics,
        *,
        now: Callable[[], datetime],
        draw: Callable[[], float],
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._poster = poster
        self._metrics = metrics
        self._now = now
        self._draw = draw
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    def poke(self) -> None:
        """Look at once for what is due."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and finish what is in flight. What is cut off is sent again when its lease is over."""
        try:
            while not stop.is_set():
                self._wake.clear()
                async with self._database.transaction() as tx:
                    claims = await claim_due(tx)
                for claim in claims:
                    self._begin(claim)
                await wait_for_any(stop, self._wake, timeout_seconds=_LOOK_SECONDS)
            if self._sending:
                await asyncio.wait(self._sending)
        except asyncio.CancelledError:
            for task in self._sending:
                task.cancel()
            raise

    async def keep_count(self, stop: asyncio.Event) -> None:
        """Bring the gauges up to date, and forget what was delivered long ago, until `stop` is set."""
        while not stop.is_set():
            async with self._database.read() as connection:
                counts = await count_all(connection)
            self._metrics.pending.set(counts.pending)
            self._metrics.oldest_seconds.set(counts.oldest_seconds)
            self._metrics.failed.set(counts.failed)
            async with self._database.transaction() as tx:
                await forget_delivered(tx, limit=_FORGET_AT_ONCE)
            await wait_for_any(stop, timeout_seconds=_COUNT_SECONDS)

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._deliver(claim), name=f"deliver {claim.id}")
        self._sending.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._wake.set()  # its successor may be due
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery_not_written", exc_info=error)

    async def _deliver(self, claim: Claim) -> None:
        answer = await self._send(claim)
        try:
            async with self._database.transaction() as tx:
                await self._write(tx, claim, answer)
        except Exception as error:
            if not is_redo(error):
                raise
            reason = error.reason if isinstance(error, DatabaseUnavailableError) else "gave way"
            log.warning("delivery_not_written", vendor=claim.vendor, id=str(claim.id), reason=reason)

    async def _send(self, claim: Claim) -> Answer:
        try:
            headers = self._secrets.sign(
                claim.tenant, vendor_source(claim.vendor), str(claim.id), self._now(), claim.body
            )
        except ValueError as error:
            return no_answer(f"not sent: {error}")
        if headers is None:
            return no_answer("not sent: the secrets file has no secret of this vendor")
        return await self._poster.post(claim.url, headers, claim.body)

    async def _write(self, tx: Transaction, claim: Claim, answer: Answer) -> None:
        """First the endpoint, then the delivery: all lock them in this order."""
        step = go_on(claim.attempts, answer, self._draw())
        match answer.fate:
            case Fate.DELIVERED:
                await note_success(tx, claim.tenant, claim.vendor, claim.set_at)
            case Fate.GONE:
                await disable_endpoint(tx, claim.tenant, claim.vendor, claim.set_at, answer.detail)
            case Fate.REFUSED:
                failures = await note_failure(tx, claim.tenant, claim.vendor, claim.set_at, claim.subject)
                if failures is None:  # it was not asked of the endpoint that there is now
                    step = Step(State.PENDING, claim.attempts)
                elif rest := max(rest_after(failures, self._draw()), answer.retry_after_seconds):
                    await let_rest(tx, claim.tenant, claim.vendor, rest)
        if not await write_step(tx, claim, step, status=answer.status, detail=answer.detail):
            return
        result = State.FAILED.value if step.state is State.FAILED else answer.fate.value
        tx.after_commit(self._metrics.attempts.labels(result).inc)
        tell = log.info if answer.fate is Fate.DELIVERED else log.warning
        told = {"result": result, "status": answer.status, "attempt": step.attempts, "detail": answer.detail}
        tx.after_commit(lambda: tell("delivery", tenant=claim.tenant, vendor=claim.vendor, id=str(claim.id), **told))
