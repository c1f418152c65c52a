"""The bus on PostgreSQL: one machine, no broker."""

from tierdesk_bus.postgres.bus import PostgresBus

__all__ = ["PostgresBus"]
