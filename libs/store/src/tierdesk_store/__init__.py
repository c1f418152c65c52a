"""Transactions, outbox, inbox, relay and migrations on PostgreSQL."""

from tierdesk_store.consumer import Consumption
from tierdesk_store.database import Database, Transaction
from tierdesk_store.errors import (
    DatabaseUnavailableError,
    GapError,
    PermanentError,
    StoreError,
    TransientError,
    is_redo,
)
from tierdesk_store.handler import Handler, Received
from tierdesk_store.migration import ServiceSchema, create_library_tables_v1, migrate, service_url
from tierdesk_store.observation import OutboxState, WaitingState, outbox_state, parked_count, waiting_state
from tierdesk_store.parking import ParkedMessage, discard_parked, list_parked, replay_parked, show_parked
from tierdesk_store.relay import Relay
from tierdesk_store.schema import LibraryTables, library_tables
from tierdesk_store.sweep import Sweep

__all__ = [
    "Consumption",
    "Database",
    "DatabaseUnavailableError",
    "GapError",
    "Handler",
    "LibraryTables",
    "OutboxState",
    "ParkedMessage",
    "PermanentError",
    "Received",
    "Relay",
    "ServiceSchema",
    "StoreError",
    "Sweep",
    "Transaction",
    "TransientError",
    "WaitingState",
    "create_library_tables_v1",
    "discard_parked",
    "is_redo",
    "library_tables",
    "list_parked",
    "migrate",
    "outbox_state",
    "parked_count",
    "replay_parked",
    "service_url",
    "show_parked",
    "waiting_state",
]
