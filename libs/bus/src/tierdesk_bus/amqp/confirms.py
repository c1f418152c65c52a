"""Which of the messages published on one channel the broker has answered, and how."""

from __future__ import annotations

from tierdesk_bus.port import PublishResult


class Batch:
    """The fates of messages that are published together."""

    __slots__ = ("fates", "unanswered")

    def __init__(self, size: int) -> None:
        self.fates = [PublishResult.UNKNOWN] * size
        self.unanswered = size

    def is_answered(self) -> bool:
        """Whether each message has its fate."""
        return not self.unanswered


class Confirms:
    """The messages in flight on one channel, by the numbers that the broker counts them by: 1, 2, 3 and so on.

    A returned message is named by its id and confirmed by its number afterwards. So of one id only one message may be
    in flight at a time; `expect` relies on its caller for that.
    """

    def __init__(self) -> None:
        self._last = 0
        self._first = 1
        """No number below it is in flight."""
        self._in_flight: dict[int, tuple[Batch, int, str]] = {}
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        """How many messages are in flight."""
        return len(self._in_flight)

    def is_in_flight(self, message_id: str) -> bool:
        """Whether a message of this id is."""
        return message_id in self._numbers

    def is_settled(self, message_id: str) -> bool:
        """Whether none is."""
        return message_id not in self._numbers

    def expect(self, message_id: str, batch: Batch, index: int) -> None:
        """Count a message that is sent next; its fate is to stand at `index` of the batch."""
        self._last += 1
        self._in_flight[self._last] = (batch, index, message_id)
        self._numbers[message_id] = self._last

    def note_return(self, message_id: str) -> None:
        """Note that the message in flight with this id came back; its confirmation follows."""
        number = self._numbers.get(message_id)
        if number is not None:
            batch, index, _ = self._in_flight[number]
            batch.fates[index] = PublishResult.RETURNED

    def settle(self, number: int, fate: PublishResult, *, multiple: bool) -> None:
        """Give a message its fate, with `multiple` all up to it that are in flight; what was returned stays so."""
        if not multiple:
            self._settle(number, fate)
            return
        stop = min(number, self._last) + 1
        for each in range(self._first, stop):
            self._settle(each, fate)
        self._first = max(self._first, stop)

    def _settle(self, number: int, fate: PublishResult) -> None:
        entry = self._in_flight.pop(number, None)
        if entry is None:
            return
        batch, index, message_id = entry
        if batch.fates[index] is PublishResult.UNKNOWN:
            batch.fates[index] = fate
        batch.unanswered -= 1
        del self._numbers[message_id]
