"""Writes groups of posted events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tierdesk_intake.domain.admission import PostedToDesk, admit
from tierdesk_intake.domain.events import PostedAlert, PostedProblem
from tierdesk_intake.domain.ledger import Answer, Ledger, Mint
from tierdesk_intake.domain.refusals import RefusedError
from tierdesk_intake.store.attachments import find_attachments, keep_told
from tierdesk_intake.store.ledgers import find_keys, lock_tickets, save, save_alone
from tierdesk_intake.store.terms import KnownTerms
from tierdesk_store import Database, Transaction


class EventWriter:
    """Takes posted events into a ledger, in order, and writes it."""

    def __init__(self, mint: Mint, now: Callable[[], datetime], terms: KnownTerms | None = None) -> None:
        self._mint = mint
        self._now = now
        self._terms = terms or KnownTerms()
        self._repeated = False

    async def __call__(self, tx: Transaction, requests: Sequence[PostedToDesk]) -> list[Answer | RefusedError]:
        """Answer each request, in order. A refused one has changed nothing."""
        named = {one.posted.tenant for one in requests if one.names_terms}
        continued = {
            (one.posted.tenant, one.event.ticket)
            for one in requests
            if not isinstance(one.event, PostedProblem | PostedAlert)
        }
        attached = {(one.posted.tenant, attachment) for one in requests for attachment in one.attachments}
        terms = await self._terms.find(tx, named)
        ledger = Ledger(self._mint, self._now(), tickets=await lock_tickets(tx, continued))
        ledger.attachments = await find_attachments(tx, attached)
        ledger.keys = await find_keys(tx, {one.posted.key_name for one in requests if one.posted.key_name is not None})
        answers: list[Answer | RefusedError] = []
        for one in requests:
            try:
                answers.append(admit(ledger, terms, one))
            except RefusedError as refused:
                answers.append(refused)
        await save(tx, ledger)
        await keep_told(tx, ledger.told)
        self._repeated = any(isinstance(answer, Answer) and answer.replayed for answer in answers)
        return answers

    async def write_alone(self, database: Database, requests: Sequence[PostedToDesk]) -> list[Answer] | None:
        """Answer the requests, in order, if all open tickets and no key among them was used before; else None.

        None too when one would be refused, when the policy must be read anew, and after a group with a repetition, as
        repetitions come in numbers: nothing is written then. Raises `ConflictError` as `save_alone` does.
        """
        if self._repeated:
            return None
        terms = self._terms.at_hand({one.posted.tenant for one in requests if one.names_terms})
        if terms is None:
            return None
        ledger = Ledger(self._mint, self._now())
        try:
            answers = [admit(ledger, terms, one) for one in requests]
        except RefusedError:
            return None
        return answers if await save_alone(database, ledger) else None
