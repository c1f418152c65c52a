"""Pipelined publishing with confirms: all of a batch is sent, then the broker's answers are gathered.

aiormq's `basic_publish` returns when its message is confirmed, so that a pipeline of it needs a task and several futures
for each message. Here the frames of many messages go out in one write, and the broker's answers are taken from the
stream into the channel's `Confirms`, without a future for each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

import aiormq
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from tierdesk_bus.amqp import framing
from tierdesk_bus.amqp.confirms import Batch, Confirms
from tierdesk_bus.amqp.link import Link
from tierdesk_bus.amqp.tap import divert, write
from tierdesk_bus.amqp.wire import confirmation_of, frames_of, message_id_of
from tierdesk_bus.port import BusUnavailableError, Message, PublishResult

log = logging.getLogger(__name__)

CHUNK_MESSAGES = 100
CHUNK_BYTES = 262_144
WINDOW_MESSAGES = 500
"""Unconfirmed messages on one channel: what a loss leaves unknown at most."""


class Lane:
    """Publishes to one exchange of one virtual host, on a channel of its own.

    The broker answers a missing or forbidden exchange by closing the channel: messages to other exchanges must not
    suffer from it. It is opened anew by the next batch.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pipeline: _Pipeline | None = None
        self._sending = asyncio.Lock()

    async def publish(
        self, messages: Sequence[Message], *, timeout_seconds: float, patient: bool
    ) -> list[PublishResult]:
        """Publish in order and answer each one's fate within the time limit; never raises for a lost connection.

        Without `patient`, it does not wait for a virtual host whose last connection attempt failed.
        """
        pipeline: _Pipeline | None = None
        batch = Batch(len(messages))
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._sending:
                    pipeline = await self._open(patient=patient)
                    await self._send(pipeline, messages, batch)
                await pipeline.wait_until(batch.is_answered)
        except TimeoutError:
            if pipeline is not None:
                self._abandon(pipeline)
        except (*CONNECTION_EXCEPTIONS, BusUnavailableError) as error:
            log.info("published %d messages without an answer: %s", batch.unanswered, error)
        return batch.fates

    async def _open(self, *, patient: bool) -> _Pipeline:
        if self._pipeline is None or not self._pipeline.is_open:
            if patient:
                await self._link.wait_for_connection()
            else:
                await self._link.wait_for_attempt()
            self._pipeline = _Pipeline(await self._link.open_channel(confirms=True))
        return self._pipeline

    async def _send(self, pipeline: _Pipeline, messages: Sequence[Message], batch: Batch) -> None:
        try:
            await pipeline.send(messages, batch)
        except BaseException:  # also when cancelled: numbers were given out for messages that never left
            self._abandon(pipeline)
            raise

    def _abandon(self, pipeline: _Pipeline) -> None:
        """Use this channel no more: after a missed answer, nothing on it can be trusted to come."""
        if self._pipeline is pipeline:
            self._pipeline = None
            pipeline.is_open = False
            self._link.discard(pipeline.channel)


class _Pipeline:
    """A channel in confirm mode and what is in flight on it. Only one task may send at a time."""

    def __init__(self, channel: aiormq.Channel) -> None:
        self.channel = channel
        self.is_open = True
        """Whether it may be written to. What is written after the words that close a channel, ours or the answer to the
        broker's, would cost the whole connection."""
        self._ended = False
        self._confirms = Confirms()
        self._changed = asyncio.Event()
        divert(channel, self._take)
        channel.closing.add_done_callback(lambda _: self._end())

    async def send(self, messages: Sequence[Message], batch: Batch) -> None:
        """Send all; waits only for room in the window. Raises `ConnectionResetError` where the channel ends."""
        confirms, channel = self._confirms, self.channel
        frames: list[bytes] = []
        count, size = 0, 0
        for index, message in enumerate(messages):
            repeated = confirms.is_in_flight(message.id)
            if count >= CHUNK_MESSAGES or size >= CHUNK_BYTES or repeated:
                await self._write(frames)
                frames, count, size = [], 0, 0
            if repeated:
                await self.wait_until(partial(confirms.is_settled, message.id))
            frames += frames_of(message, channel=channel.number, max_content_size=channel.max_content_size)
            confirms.expect(message.id, batch, index)
            count, size = count + 1, size + len(message.body)
        await self._write(frames)

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for an answer of the broker that makes something so. Raises `ConnectionResetError`."""
        while not holds():
            if self._ended:
                raise ConnectionResetError("the channel was closed before the broker had answered")
            self._changed.clear()
            await self._changed.wait()

    async def _write(self, frames: list[bytes]) -> None:
        if not self.is_open:
            raise ConnectionResetError("the channel was closed while messages were written to it")
        if not frames:
            return
        written = self.channel.create_future()
        await write(self.channel, b"".join(frames), written=written)
        await asyncio.wait([written])
        if written.cancelled() or written.exception() is not None:
            raise ConnectionResetError("the channel was closed while messages were written to it")
        await self.wait_until(self._has_room)

    def _has_room(self) -> bool:
        return len(self._confirms) <= WINDOW_MESSAGES - CHUNK_MESSAGES

    def _take(self, method: bytes, header: bytes, _: bytes) -> None:
        match method[:4]:
            case framing.BASIC_ACK:
                self._settle(method, PublishResult.CONFIRMED)
            case framing.BASIC_NACK:
                self._settle(method, PublishResult.NACKED)
            case framing.BASIC_RETURN:
                self._confirms.note_return(message_id_of(header))
            case _:
                self._end()

    def _settle(self, method: bytes, fate: PublishResult) -> None:
        number, multiple = confirmation_of(method)
        self._confirms.settle(number, fate, multiple=multiple)
        self._changed.set()

    def _end(self) -> None:
        self.is_open = False
        self._ended = True
        self._changed.set()
