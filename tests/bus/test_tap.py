"""What the tap relies on in aiormq: a release that changes it fails here first."""

import asyncio
import inspect
import time

import aiormq
import pamqp.frame
import pytest
from aiormq import spec
from aiormq.connection import Connection, FrameReceiver
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat
from yarl import URL

from bus.driving import eventually
from tierdesk_bus.amqp import tap
from tierdesk_bus.amqp.framing import BASIC_DELIVER, FrameCutter
from tierdesk_bus.amqp.tap import DivertedReader, TappedConnection, divert, write
from tierdesk_bus.amqp.wire import acks_of

DELIVERY = b"".join(
    pamqp.frame.marshal(frame, 1)
    for frame in (
        spec.Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="e", routing_key="k"),
        ContentHeader(body_size=4),
        ContentBody(b"body"),
    )
)
OPENED = pamqp.frame.marshal(spec.Channel.OpenOk(), 1)


async def test_aiormq_reads_from_the_reader_all_that_is_not_diverted() -> None:
    cutter = FrameCutter()
    reader = DivertedReader(cutter)
    receiver = FrameReceiver(reader)
    taken: list[bytes] = []
    cutter.divert(1, lambda method, header, body: taken.append(body))
    reader.feed_data(DELIVERY + OPENED + DELIVERY)
    _, channel, frame = await receiver.get_frame()
    assert (channel, frame.name) == (1, "Channel.OpenOk")
    assert taken == [b"body", b"body"]
    reader.feed_data(OPENED[:5])
    reader.feed_eof()
    with pytest.raises(aiormq.AMQPConnectionError):
        await receiver.get_frame()


async def test_aiormq_sees_a_heartbeat_while_only_diverted_frames_come(monkeypatch: pytest.MonkeyPatch) -> None:
    cutter = FrameCutter()
    reader = DivertedReader(cutter)
    cutter.divert(1, lambda method, header, body: None)
    reader.feed_data(DELIVERY)
    monkeypatch.setattr(tap, "SIGN_OF_LIFE_SECONDS", 0.0)
    reader.feed_data(DELIVERY)
    reader.feed_data(OPENED)
    receiver = FrameReceiver(reader)
    assert isinstance((await receiver.get_frame())[2], Heartbeat)
    assert isinstance((await receiver.get_frame())[2], spec.Channel.OpenOk)


def test_aiormq_takes_a_transport_factory() -> None:
    assert "transport_factory" in inspect.signature(Connection).parameters


async def test_a_broker_that_sends_nothing_but_deliveries_is_not_called_lost(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "HEARTBEAT_GRACE_MULTIPLIER", 2)  # 4 s with a heartbeat of 1 s
    connection = TappedConnection(URL(amqp_url).update_query(heartbeat=1), label="tap")
    await connection.connect()
    try:
        channel = await connection.channel(publisher_confirms=False)
        assert isinstance(channel, aiormq.Channel)
        answer = await channel.queue_declare(exclusive=True)
        taken: list[bytes] = []

        def take(method: bytes, header: bytes, body: bytes) -> None:
            assert method.startswith(BASIC_DELIVER)
            taken.append(body)

        divert(channel, take)
        await channel.basic_consume(answer.queue, lambda message: taken.append(b"not diverted"))
        sent = 0
        started = time.monotonic()
        while time.monotonic() - started < 6:
            await channel.basic_publish(b"body", routing_key=answer.queue)
            sent += 1
            await asyncio.sleep(0.05)

        async def all_came() -> bool:
            return len(taken) == sent

        await eventually(all_came)
        assert taken == [b"body"] * sent
        await write(channel, acks_of(channel.number, up_to=sent, numbers=()))
        await channel.basic_qos(prefetch_count=1)  # answered: the connection lives, and what was written was understood
        assert not connection.is_connection_was_stuck
        assert not connection.is_closed
    finally:
        await connection.close()
