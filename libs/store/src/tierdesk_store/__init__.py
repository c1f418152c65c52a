"""Transactions, outbox, inbox, relay and migrations on PostgreSQL."""

from tierdesk_store.apart import apply_apart
from tierdesk_store.consumer import Consumption
from tierdesk_store.database import Database, Transaction
from tierdesk_store.errors import (
    DatabaseUnavailableError,
    GapError,
    PermanentError,
    RelayInTheWayError,
    StoreError,
    TransientError,
    is_redo,
)
from tierdesk_store.handler import Handler, Received
from tierdesk_store.listening import Listener
from tierdesk_store.migration import (
    ServiceSchema,
    create_library_tables_v1,
    head_of,
    migrate,
    revision_of,
    service_url,
    split_outbox_v2,
)
from tierdesk_store.observation import OutboxState, WaitingState, outbox_state, parked_count, waiting_state
from tierdesk_store.parking import (
    ParkedFilter,
    ParkedMessage,
    discard_parked,
    find_parked,
    list_parked,
    replay_parked,
    show_parked,
)
from tierdesk_store.rebuilding import count_published, publish_again
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
    "Listener",
    "OutboxState",
    "ParkedFilter",
    "ParkedMessage",
    "PermanentError",
    "Received",
    "Relay",
    "RelayInTheWayError",
    "ServiceSchema",
    "StoreError",
    "Sweep",
    "Transaction",
    "TransientError",
    "WaitingState",
    "apply_apart",
    "count_published",
    "create_library_tables_v1",
    "discard_parked",
    "find_parked",
    "head_of",
    "is_redo",
    "library_tables",
    "list_parked",
    "migrate",
    "outbox_state",
    "parked_count",
    "publish_again",
    "replay_parked",
    "revision_of",
    "service_url",
    "show_parked",
    "split_outbox_v2",
    "waiting_state",
]
