"""Vendors without AMQP: their queue as signed webhooks, their answers as signed callbacks."""
