"""Callers who are called back: what the desk tells of it. The subject is the ticket."""

from __future__ import annotations

from uuid import UUID

from tierdesk_contracts.intake import CallOutcome
from tierdesk_contracts.vocabulary import Contract, Instant, Name


class CallbackNoted(Contract):
    """`callback.noted.v1`: what the desk says of a callback, to be noted on the ticket as a call that it makes."""

    callback_id: UUID
    number: Name
    outcome: CallOutcome
    worker: Name
    at: Instant
