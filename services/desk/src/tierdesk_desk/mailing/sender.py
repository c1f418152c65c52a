"""Sends what is due, notes what came of it, and forgets what ended long ago."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from tierdesk_desk.domain.addresses import read_address
from tierdesk_desk.domain.mailing import Reason
from tierdesk_desk.domain.retrying import pause_after, rest_after
from tierdesk_desk.mailing.letters import LetterWriter, Reader
from tierdesk_desk.mailing.transports import (
    AwayError,
    LostError,
    NotNowError,
    RefusedError,
    Transport,
    TransportError,
)
from tierdesk_desk.store.mails import USUAL
from tierdesk_desk.store.policies import PolicyShelf
from tierdesk_desk.store.sending import (
    LEASE_SECONDS,
    Claim,
    claim_due,
    count_mails,
    forget_ended,
    give_up,
    put_off,
    release,
    suppress_due,
    write_sent,
)
from tierdesk_policy import Policy
from tierdesk_store import Database, Transaction, is_redo
from tierdesk_store.failpoints import failpoint
from tierdesk_store.pausing import pause, wait_for_any

AT_ONCE: Final = 5
LOOK_SECONDS: Final = 1.0
_COUNT_SECONDS: Final = 5.0
_SUPPRESS_AT_ONCE: Final = 500
_FORGET_AT_ONCE: Final = 1_000
_NOTING_TRIES: Final = 5
NO_NEWS: Final = timedelta(days=7)
_SAFETY_SECONDS: Final = 150.0
"""So much of a lease must be left when a mail is begun: more than the longest send and what is noted of it."""

log = structlog.get_logger(__name__)

Note = Callable[[Transaction], Awaitable[bool]]


class MailMetrics:
    """What the desk tells of its mails."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Counter(
            "tierdesk_desk_mails_total",
            "Mails, by what came of them: sent, put_off (tried again), failed (given up), suppressed (no server).",
            ("result",),
            registry=registry,
        )
        self.waiting = Gauge("tierdesk_desk_mails_waiting", "Mails not yet sent.", registry=registry)
        self.overdue_seconds = Gauge(
            "tierdesk_desk_mails_overdue_seconds",
            "Since the oldest of those that wait for no other was due.",
            registry=registry,
        )
        self.failed = Gauge("tierdesk_desk_mails_failed", "Mails given up, and kept.", registry=registry)


class Sender:
    """Sends one mail after the other, those that are due longest first. Several replicas share the work.

    At least once: a mail is noted as sent after the server's word. Who dies in between has it sent again when the lease is
    over, with the same Message-ID.
    """

    def __init__(
        self,
        database: Database,
        shelf: PolicyShelf,
        writer: LetterWriter,
        transport: Transport | None,
        metrics: MailMetrics,
        *,
        domain: str,
        per_minute: int,
        draw: Callable[[], float],
    ) -> None:
        """Without `transport` the desk has no mail server, and what falls due is noted as suppressed."""
        self._database = database
        self._shelf = shelf
        self._writer = writer
        self._transport = transport
        self._metrics = metrics
        self._domain = domain
        self._pace_seconds = 60.0 / per_minute
        self._draw = draw
        self._troubles = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and finish the one that is on its way. What is cut off is sent again later."""
        if self._transport is None:
            log.warning("no_mail_server", told="nothing is sent by mail: set TIERDESK_DESK_MAIL_URL")
            await self._suppress(stop)
            return
        try:
            while not stop.is_set():
                if not await self.send_some(self._transport, stop):
                    await wait_for_any(stop, timeout_seconds=LOOK_SECONDS)
        finally:
            await self._transport.close()

    async def keep_count(self, stop: asyncio.Event) -> None:
        """Bring the gauges up to date, and forget what ended long ago, until `stop` is set."""
        while not stop.is_set():
            async with self._database.read() as connection:
                counts = await count_mails(connection)
            self._metrics.waiting.set(counts.waiting)
            self._metrics.overdue_seconds.set(counts.overdue_seconds)
            self._metrics.failed.set(counts.failed)
            async with self._database.transaction() as tx:
                await forget_ended(tx, limit=_FORGET_AT_ONCE)
            await wait_for_any(stop, timeout_seconds=_COUNT_SECONDS)

    async def send_some(self, transport: Transport, stop: asyncio.Event) -> int:
        """Claim a few that are due and send them; answers how many were due."""
        loop = asyncio.get_running_loop()
        claimed_at = loop.time()
        async with self._database.transaction() as tx:
            claims = await claim_due(tx, limit=AT_ONCE, domain=self._domain)
            policies = await self._shelf.fetch_in_force(tx.connection) if claims else {}
        failpoint("mail.after_claim")
        for number, claim in enumerate(claims):
            is_late = loop.time() - claimed_at > LEASE_SECONDS - _SAFETY_SECONDS
            begun_at = loop.time()
            if stop.is_set() or is_late or not await self._send(transport, claim, policies.get(claim.tenant)):
                await self._release(claims[number:] if stop.is_set() or is_late else claims[number + 1 :])
                if self._troubles:
                    await pause(rest_after(self._troubles, self._draw()), unless=stop)
                break
            await pause(max(0.0, self._pace_seconds - (loop.time() - begun_at)), unless=stop)
        return len(claims)

    async def _send(self, transport: Transport, claim: Claim, policy: Policy | None) -> bool:
        """Send one and note what came of it. Answers False when nothing can be sent now."""
        rules = USUAL if policy is None else policy.mailing
        try:
            reader = Reader(rules.language, _zone(policy))
            message = self._writer.write(claim, reader, datetime.now(UTC))
        except Exception:
            log.exception("mail_unreadable", tenant=claim.tenant, id=str(claim.id))
            await self._give_up(claim, Reason.UNREADABLE, "it could not be written")
            return True
        try:
            await transport.send(message, read_address(claim.address))
        except RefusedError as error:
            await self._give_up(claim, Reason.REFUSED, error)
        except NotNowError as error:
            await self._try_later(claim, error)
        except (LostError, AwayError) as error:
            self._troubles += 1
            log.warning("mail_server_away", reason=str(error), times=self._troubles)
            if isinstance(error, LostError):
                await self._try_later(claim, error)
            elif datetime.now(UTC) - claim.added_at > NO_NEWS:  # what never left in a week is no news any more
                await self._give_up(claim, Reason.GIVEN_UP, error)
            else:
                await self._release([claim])
            return False
        else:
            failpoint("mail.after_send")
            await self._note(claim, "sent", lambda tx: write_sent(tx, claim, rules))
        self._troubles = 0
        return True

    async def _try_later(self, claim: Claim, error: TransportError) -> None:
        detail, seconds = str(error), pause_after(claim.attempts + 1, self._draw())
        if seconds is None:
            await self._give_up(claim, Reason.GIVEN_UP, error)
        else:
            await self._note(claim, "put_off", lambda tx: put_off(tx, claim, pause_seconds=seconds, detail=detail))

    async def _give_up(self, claim: Claim, reason: Reason, told: TransportError | str) -> None:
        await self._note(claim, "failed", lambda tx: give_up(tx, claim, reason, str(told)))

    async def _note(self, claim: Claim, result: str, write: Note) -> None:
        """Write what came of it, in spite of a database that is away for a moment: else it would be sent again."""
        for tries_left in range(_NOTING_TRIES, 0, -1):
            try:
                async with self._database.transaction() as tx:
                    if not await write(tx):
                        log.warning("mail_lease_lost", tenant=claim.tenant, id=str(claim.id), result=result)
                        return
                    tx.after_commit(self._metrics.results.labels(result).inc)
            except Exception as error:
                if not is_redo(error) or tries_left == 1:
                    raise
                await asyncio.sleep(LOOK_SECONDS)
            else:
                log.info("mail", tenant=claim.tenant, id=str(claim.id), kind=claim.kind.value, result=result)
                return

    async def _release(self, claims: list[Claim]) -> None:
        if claims:
            async with self._database.transaction() as tx:
                await release(tx, claims)

    async def _suppress(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with self._database.transaction() as tx:
                number = await suppress_due(tx, limit=_SUPPRESS_AT_ONCE)
            self._metrics.results.labels("suppressed").inc(number)
            if number < _SUPPRESS_AT_ONCE:
                await wait_for_any(stop, timeout_seconds=LOOK_SECONDS)


def _zone(policy: Policy | None) -> str:
    """Where the desk stands."""
    return "UTC" if policy is None else policy.calendar(policy.default_calendar).rules.tz
