"""Which waiting rows may be decided: what is put off is not overtaken."""

from datetime import UTC, datetime, timedelta

import pytest

from tierdesk_store.arrival import Cause, Subject
from tierdesk_store.choice import choose
from tierdesk_store.waiting import WaitingRow

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUBJECT = Subject("main", "s")


def row(position: int, cause: Cause, *, is_due: bool) -> WaitingRow:
    due_at = NOW if is_due else NOW + timedelta(seconds=10)
    return WaitingRow(position, SUBJECT, cause, None, 0, 0, "x", "", "q", 0, NOW, 1.0, due_at, is_due)


@pytest.mark.parametrize("cause", [Cause.BEHIND, Cause.RETRY])
def test_a_row_that_is_tried_alone_does_not_overtake_one_that_was_put_off(cause):
    """As when the process died of the first one, which was put off for it, and a sweep takes up the second."""
    choice = choose([row(1, cause, is_due=False), row(2, Cause.BEHIND, is_due=True)], [], {}, limit=200, alone=2)
    assert (0, 1) in choice.blockers[SUBJECT]
    assert [one.position for one in choice.cut] == [], "what is put off stays put off"


def test_the_first_of_a_subject_is_tried_alone_and_its_successor_waits():
    choice = choose([row(1, Cause.BEHIND, is_due=True), row(2, Cause.BEHIND, is_due=True)], [], {}, limit=200, alone=1)
    assert [one.position for one in choice.chosen] == [1]
    assert [one.position for one in choice.cut] == [2]
