"""What an outside vendor may read of a ticket: an allow-list, with what names or reaches the requester taken out of texts.

Texts are what people wrote: the requester's title, text and replies, and the steps tried. Of those, the requester's own
name, directory name, mail address, telephone number and contact are replaced by a pseudonym wherever they are written
as the desk knows them, and any other mail address is left out. What else people write into them goes out as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final
from uuid import UUID

from tierdesk_contracts import work
from tierdesk_contracts.vocabulary import MAX_RESULT, MAX_TEXT, StepTried
from tierdesk_router.domain.ticket import Ticket

LEFT_OUT: Final = "[mail address]"
_LONGEST_LINE: Final = 300
_FEWEST_LETTERS: Final = 4
_FEWEST_DIGITS: Final = 6
# A match begins only where a word does, and takes whole words: so a long text without a match is gone through once.
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++")


def pseudonym(tenant: str, vendor: str, requester_id: UUID) -> str:
    """A name for a requester: the same in all tickets that this vendor sees, another for each vendor.

    Nobody gets from it to the requester: the identifier that it is made from is random and never leaves the desk.
    """
    digest = sha256(f"{tenant} {vendor} {requester_id}".encode()).hexdigest()
    return f"requester-{digest[:12]}"


class VendorView:
    """One ticket, as one vendor may read it. `known` is what the desk knows of its requester; None is passed over."""

    def __init__(self, ticket: Ticket, vendor: str, known: Iterable[str | None]) -> None:
        self._ticket = ticket
        self._pseudonym = pseudonym(ticket.tenant, vendor, ticket.requester_id)
        patterns = [pattern for value in known if value is not None for pattern in _patterns(value.strip())]
        # The longest first: a name that is part of a mail address would leave the rest of it.
        patterns.sort(key=len, reverse=True)
        self._known = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    @property
    def case(self) -> work.Case:
        """The ticket itself."""
        ticket = self._ticket
        assert ticket.category is not None
        assert ticket.priority is not None
        return work.Case(
            reference=ticket.reference,
            title=self.redact(ticket.title, longest=_LONGEST_LINE),
            text=self.redact(ticket.text),
            category=ticket.category,
            priority=ticket.priority,
            asset=ticket.asset,
            requester=self._pseudonym,
        )

    @property
    def steps_tried(self) -> tuple[StepTried, ...]:
        """The steps tried and what they showed; not the articles of the desk's own that they follow."""
        return tuple(
            StepTried(
                step=self.redact(tried.step, longest=_LONGEST_LINE),
                result=self.redact(tried.result, longest=MAX_RESULT),
            )
            for tried in self._ticket.steps_tried
        )

    def redact(self, text: str, *, longest: int = MAX_TEXT) -> str:
        """The text without what names or reaches the requester, cut to `longest` characters."""
        if self._known is not None:
            text = self._known.sub(self._pseudonym, text)
        return _MAIL.sub(LEFT_OUT, text)[:longest]


def _patterns(value: str) -> Iterator[str]:
    """How `value` may be written; nothing for one that is too short to be told from common words."""
    if len(value) >= _FEWEST_LETTERS:
        yield rf"(?<!\w){re.escape(value)}(?!\w)"
    digits = re.sub(r"\D", "", value)
    if len(digits) >= _FEWEST_DIGITS and not re.search(r"[^\W\d]", value):  # a telephone number, however it is grouped
        yield r"(?<!\d)\+?" + r"[ ()./-]{0,3}".join(digits) + r"(?!\d)"
