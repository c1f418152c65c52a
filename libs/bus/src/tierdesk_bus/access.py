"""Giving outside parties access to a RabbitMQ; the bus on PostgreSQL knows no such parties."""

from tierdesk_bus.amqp.access import AccessManagement, AccessState, FoundQueue, HostState, Rights, UserState

__all__ = ["AccessManagement", "AccessState", "FoundQueue", "HostState", "Rights", "UserState"]
