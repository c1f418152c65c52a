"""When a delivery is tried again, and when an endpoint that fails is left in peace."""

from __future__ import annotations

from typing import Final

PAUSES_SECONDS: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""After the first attempt, the second, and so on: a little more than three days in all."""
MOST_ATTEMPTS: Final = len(PAUSES_SECONDS) + 1
JITTER: Final = 0.2
"""A pause is up to this part shorter or longer, so that what failed together does not come back together."""
DOWN_FROM: Final = 3
"""So many failures in a row, whatever the tickets, and the endpoint counts as down."""
FIRST_REST_SECONDS: Final = 5.0
LONGEST_REST_SECONDS: Final = 300.0
MOST_AT_ONCE: Final = 8
"""Requests to one endpoint at a time, over all replicas."""


def pause_after(attempts: int, draw: float) -> float | None:
    """Seconds until the next attempt, after so many; None when there is none left. `draw` is from [0, 1)."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return PAUSES_SECONDS[max(attempts, 1) - 1] * _spread(draw)


def rest_after(failures: int, draw: float) -> float:
    """Seconds for which an endpoint that failed so often in a row is left in peace; 0 while it does not count as down."""
    if failures < DOWN_FROM:
        return 0.0
    doublings = min(failures - DOWN_FROM, 20)
    return min(FIRST_REST_SECONDS * 2.0**doublings, LONGEST_REST_SECONDS) * _spread(draw)


def room_for(failures: int, in_flight: int) -> int:
    """How many more requests an endpoint may get now. One that is down gets one at a time."""
    most = 1 if failures >= DOWN_FROM else MOST_AT_ONCE
    return max(0, most - in_flight)


def _spread(draw: float) -> float:
    return 1.0 - JITTER + 2.0 * JITTER * draw
