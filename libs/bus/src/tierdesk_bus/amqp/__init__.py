"""The bus on RabbitMQ."""

from tierdesk_bus.amqp.bus import AmqpBus

__all__ = ["AmqpBus"]
