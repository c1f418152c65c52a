"""When a mail is tried again, and how long a mail server that is away is left in peace."""

from __future__ import annotations

from typing import Final

PAUSES_SECONDS: Final = (60.0, 300.0, 900.0, 3_600.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0, 86_400.0)
"""After the first attempt, the second, and so on: some three days in all, as mail servers try."""
MOST_ATTEMPTS: Final = len(PAUSES_SECONDS) + 1
JITTER: Final = 0.2
"""A pause is up to this part shorter or longer, so that what failed together does not come back together."""
FIRST_REST_SECONDS: Final = 2.0
LONGEST_REST_SECONDS: Final = 300.0


def pause_after(attempts: int, draw: float) -> float | None:
    """Seconds until the next attempt, after so many; None when there is none left. `draw` is from [0, 1)."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return PAUSES_SECONDS[max(attempts, 1) - 1] * _spread(draw)


def rest_after(troubles: int, draw: float) -> float:
    """Seconds for which the server is left in peace when it was away so often in a row."""
    doublings = min(max(troubles, 1) - 1, 20)
    return min(FIRST_REST_SECONDS * 2.0**doublings, LONGEST_REST_SECONDS) * _spread(draw)


def _spread(draw: float) -> float:
    return 1.0 - JITTER + 2.0 * JITTER * draw
