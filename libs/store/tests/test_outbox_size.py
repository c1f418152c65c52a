"""A message that the bus would refuse for its size never becomes an outbox row."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tierdesk_bus.port import MAX_BODY_BYTES, Address
from tierdesk_contracts import seal
from tierdesk_contracts.intake import RequesterReplied
from tierdesk_store.errors import OversizedMessageError
from tierdesk_store.outbox import outgoing


def envelope_of(characters: int):
    return seal(
        RequesterReplied.model_construct(text="x" * characters),
        message_id=UUID(int=1),
        source="/test",
        subject="s",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        tenant="main",
        sequence=1,
    )


def test_what_is_larger_than_the_bus_takes_is_refused_with_its_size():
    with pytest.raises(OversizedMessageError) as refused:
        outgoing(envelope_of(MAX_BODY_BYTES), Address("", "e", "k"))
    assert refused.value.size_bytes > MAX_BODY_BYTES
    assert "intake.requester_replied.v1" in str(refused.value)


def test_what_just_fits_is_taken():
    frame = len(envelope_of(0).to_bytes())
    assert len(outgoing(envelope_of(MAX_BODY_BYTES - frame), Address("", "e", "k")).body) == MAX_BODY_BYTES
