"""How sure a share is that was counted."""

from __future__ import annotations

import math
from typing import Final

_Z: Final = 1.959964
"""Of the normal distribution, for 95 of 100."""


def wilson_interval(successes: int, of: int) -> tuple[float, float]:
    """Between what the true share lies, in 95 of 100 cases (Wilson's score interval); 0 to 1 where nothing was counted.

    Of few cases it is wide, and it never leaves 0 to 1, as the plain share plus or minus its error does.
    """
    if of == 0:
        return 0.0, 1.0
    share = successes / of
    spread = 1 + _Z**2 / of
    centre = (share + _Z**2 / (2 * of)) / spread
    half = _Z / spread * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return max(0.0, centre - half), min(1.0, centre + half)
