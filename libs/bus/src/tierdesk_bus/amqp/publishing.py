"""Pipelined publishing with confirms: all of a batch is sent, then the broker's answers are gathered.

aiormq's `basic_publish` returns when its message is confirmed, so that a pipeline of it needs a task for each message
and three times the processor time of what is done here: the frames of many messages go out in one write, each with a
future in the channel's own table of confirmations, which aiormq's reader completes as it would for its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import aiormq
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq import spec
from aiormq.abc import ChannelFrame, FrameType

from tierdesk_bus.amqp.link import Link
from tierdesk_bus.amqp.wire import frames_of
from tierdesk_bus.port import BusUnavailableError, Message, PublishResult

log = logging.getLogger(__name__)

CHUNK_MESSAGES = 100
CHUNK_BYTES = 262_144
WINDOW_MESSAGES = 500
"""Unconfirmed messages on one channel. With more the rate falls: aiormq walks all of them for each confirmation."""

_Answer = asyncio.Future[object]


class Lane:
    """Publishes to one exchange of one virtual host, on a channel of its own.

    The broker answers a missing or forbidden exchange by closing the channel: messages to other exchanges must not
    suffer from it. It is opened anew by the next batch.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pipeline: _Pipeline | None = None
        self._sending = asyncio.Lock()

    async def publish(self, batch: Sequence[Message], *, timeout_seconds: float, patient: bool) -> list[PublishResult]:
        """Publish in order and answer each one's fate within the time limit; never raises for a lost connection.

        Without `patient`, it does not wait for a virtual host whose last connection attempt failed.
        """
        pipeline: _Pipeline | None = None
        answers: list[_Answer] = []
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._sending:
                    pipeline = await self._open(patient=patient)
                    await self._send(pipeline, batch, answers)
                await asyncio.wait(answers)
        except TimeoutError:
            if pipeline is not None and answers:
                self._abandon(pipeline)
        except (*CONNECTION_EXCEPTIONS, BusUnavailableError) as error:
            log.info("published %d messages without an answer: %s", len(answers), error)
        fates = [_fate(answer) for answer in answers]
        return fates + [PublishResult.UNKNOWN] * (len(batch) - len(fates))

    async def _open(self, *, patient: bool) -> _Pipeline:
        if self._pipeline is None or self._pipeline.is_closed:
            if patient:
                await self._link.wait_for_connection()
            else:
                await self._link.wait_for_attempt()
            self._pipeline = _Pipeline(await self._link.open_channel(confirms=True))
        return self._pipeline

    async def _send(self, pipeline: _Pipeline, batch: Sequence[Message], answers: list[_Answer]) -> None:
        try:
            await pipeline.send(batch, answers)
        except BaseException:  # also when cancelled: numbers were given out for messages that never left
            self._abandon(pipeline)
            raise

    def _abandon(self, pipeline: _Pipeline) -> None:
        """Use this channel no more: after a missed answer, nothing on it can be trusted to come."""
        if self._pipeline is pipeline:
            self._pipeline = None
            self._link.discard(pipeline.channel)


class _Pipeline:
    """A channel in confirm mode and what is in flight on it. Only one task may send at a time."""

    def __init__(self, channel: aiormq.Channel) -> None:
        self.channel = channel
        self._in_flight: deque[tuple[str, _Answer]] = deque()
        self._by_id: dict[str, _Answer] = {}

    @property
    def is_closed(self) -> bool:
        return self.channel.is_closed

    async def send(self, batch: Sequence[Message], answers: list[_Answer]) -> None:
        """Send all and append the future of each one's answer; waits only for room in the window."""
        frames: list[FrameType] = []
        count, size = 0, 0
        for message in batch:
            earlier = self._by_id.get(message.id)
            if count >= CHUNK_MESSAGES or size >= CHUNK_BYTES or earlier is not None:
                await self._write(frames)
                frames, count, size = [], 0, 0
            if earlier is not None and not earlier.done():
                # The broker names a returned message by its id alone: two of one id must not be in flight together.
                await asyncio.wait([earlier])
            frames += frames_of(message, max_content_size=self.channel.max_content_size)
            answers.append(self._expect(message.id))
            count, size = count + 1, size + len(message.body)
        await self._write(frames)

    def _expect(self, message_id: str) -> _Answer:
        channel = self.channel
        channel.delivery_tag += 1
        answer: _Answer = channel.create_future()
        channel.confirmations[channel.delivery_tag] = answer
        channel.message_id_delivery_tag[message_id] = channel.delivery_tag
        self._in_flight.append((message_id, answer))
        self._by_id[message_id] = answer
        return answer

    async def _write(self, frames: list[FrameType]) -> None:
        if not frames:
            return
        written = self.channel.create_future()
        await self.channel.write_queue.put(ChannelFrame.marshall(self.channel.number, frames, written))
        await asyncio.wait([written])
        if written.cancelled() or written.exception() is not None:
            raise ConnectionResetError("the channel was closed while messages were written to it")
        await self._make_room()

    async def _make_room(self) -> None:
        """Forget what has been answered, and wait until the window is open again."""
        while self._in_flight:
            message_id, answer = self._in_flight[0]
            if not answer.done():
                if len(self._in_flight) <= WINDOW_MESSAGES - CHUNK_MESSAGES:
                    return
                await asyncio.wait([answer])
            self._in_flight.popleft()
            if self._by_id.get(message_id) is answer:
                del self._by_id[message_id]
                self.channel.message_id_delivery_tag.pop(message_id, None)


def _fate(answer: _Answer) -> PublishResult:
    if not answer.done() or answer.cancelled():
        return PublishResult.UNKNOWN
    error = answer.exception()
    if error is None:
        return PublishResult.CONFIRMED if isinstance(answer.result(), spec.Basic.Ack) else PublishResult.UNKNOWN
    if isinstance(error, aiormq.PublishError):
        return PublishResult.RETURNED
    return PublishResult.NACKED if isinstance(error, aiormq.DeliveryError) else PublishResult.UNKNOWN
