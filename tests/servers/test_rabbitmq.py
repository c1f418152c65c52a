"""What the tests may expect of the brokers they are given."""

import asyncio

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPConnectionError

from servers.rabbitmq import BrokerError, RabbitNode

# RabbitMQ 3.10 loses a quorum queue, with its confirmed messages, when it is killed within about a second of its declaration:
# the queue's registration is written behind (measured: lost after 0.8 s, kept after 1.5 s).
_SECONDS_UNTIL_REGISTERED = 3.0


async def _publish(url: str, text: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await _declare(channel)
        await channel.default_exchange.publish(aio_pika.Message(text, delivery_mode=2), "kept")


async def _peek(url: str) -> bytes | None:
    async with await aio_pika.connect(url) as connection:
        queue = await _declare(await connection.channel())
        message = await queue.get(fail=False, no_ack=False)  # comes back to the queue when the connection closes
        return message.body if isinstance(message, AbstractIncomingMessage) else None


async def _declare(channel: AbstractChannel) -> AbstractQueue:
    return await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_each_test_gets_an_empty_virtual_host(amqp_url: str, turn: str) -> None:
    assert await _peek(amqp_url) is None
    await _publish(amqp_url, turn.encode())


@pytest.mark.faults
async def test_a_private_node_keeps_its_messages_through_a_kill_and_loses_them_with_its_disk(
    private_rabbit: RabbitNode,
) -> None:
    url = private_rabbit.broker.amqp_url()
    await _publish(url, b"first")
    with pytest.raises(BrokerError, match="stop or kill it"):
        private_rabbit.wipe_data()
    await asyncio.sleep(_SECONDS_UNTIL_REGISTERED)
    private_rabbit.kill9()
    with pytest.raises(AMQPConnectionError):
        await aio_pika.connect(url)
    private_rabbit.start()
    assert await _peek(url) == b"first"
    private_rabbit.stop()
    private_rabbit.wipe_data()
    private_rabbit.start()
    assert await _peek(url) is None
