"""What a process remembers of assignments that have ended: that they have, and what was said of them.

A bus that loses its disk loses outcomes that it had confirmed and the desk had not read. When the desk then sends its
messages again, the consumer says again what it had said; what the desk has read it knows by its identifier.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tierdesk_bus import Message
from tierdesk_tier.assignment import Key

MOST_ENDED: Final = 10_000
"""More than a desk has unread of one group even after hours of standing still."""
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of message bodies. It holds the full number at some 3 kB each, about four outcomes; long texts shorten the memory."""


@dataclass(slots=True)
class _Ended:
    said: tuple[Message, ...] = ()
    restarts: int = 0


class Memory:
    """Ended assignments by key, the last to end last; beyond either bound the oldest is forgotten whole.

    Of a forgotten one a repeated message begins the work anew, as in a new process: that costs a run of the work
    function, and loses nothing.
    """

    def __init__(self, *, most_ended: int = MOST_ENDED, most_bytes: int = MOST_BYTES) -> None:
        self._most_ended = most_ended
        self._most_bytes = most_bytes
        self._bytes = 0
        self._ended: OrderedDict[Key, _Ended] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._ended

    def keep(self, key: Key, said: Sequence[Message]) -> None:
        """It has ended, perhaps once more; `said` is what the desk is not known to have applied, in order."""
        ended = self._put_last(key)
        self._bytes += _size(said) - _size(ended.said)
        ended.said = tuple(said)
        while len(self._ended) > self._most_ended or self._bytes > self._most_bytes:
            _, oldest = self._ended.popitem(last=False)
            self._bytes -= _size(oldest.said)

    def said(self, key: Key) -> tuple[Message, ...]:
        """What to say again; nothing of one that is not known, or was lost."""
        ended = self._ended.get(key)
        return () if ended is None else ended.said

    def count_restart(self, key: Key) -> int:
        """How often it was begun again before this time."""
        ended = self._put_last(key)
        ended.restarts += 1
        return ended.restarts - 1

    def _put_last(self, key: Key) -> _Ended:
        ended = self._ended.setdefault(key, _Ended())
        self._ended.move_to_end(key)
        return ended


def _size(said: Sequence[Message]) -> int:
    return sum(len(message.body) for message in said)
