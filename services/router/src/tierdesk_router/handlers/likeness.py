"""New tickets beside those that are like them: merging is proposed, outages gather, what recurs becomes a problem.

All of it happens in the transaction that opens the ticket. Locks are taken in this order: keys of likeness, problems,
tickets; each in an order of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Status
from tierdesk_policy import OutageRule, Policy, RecurringRule, RepeatRule
from tierdesk_router.domain import likeness
from tierdesk_router.domain.gathering import gather
from tierdesk_router.domain.lifecycle import Draft
from tierdesk_router.domain.likeness import Lookup, Noted, Recurrence, Subject
from tierdesk_router.domain.offers import DESK
from tierdesk_router.domain.problems import DESK_LABEL, Link, ProblemDraft, ProblemKind, ProblemRecord, ProblemStatus
from tierdesk_router.handlers.desk import Desk
from tierdesk_router.store.likeness import LikenessKey, Noting, forget_tickets, mark_tickets, note_tickets
from tierdesk_router.store.problems import lock_problems, save_links, save_problems
from tierdesk_router.store.tickets import Key
from tierdesk_runtime.clock import Clock
from tierdesk_runtime.supervision import keep_looking
from tierdesk_store import Database, Transaction

OLDER_LOOKED_AT: Final = 10
"""So many earlier tickets of a requester, the newest, may be proposed for merging."""
FORGET_SECONDS: Final = 60.0
_OVER: Final = frozenset({Status.CLOSED, Status.CANCELLED, Status.MERGED})
_LONGEST_TITLE: Final = 300


@dataclass(frozen=True, slots=True)
class New:
    """A ticket that is about to be opened."""

    tenant: str
    subject: Subject
    policy: Policy
    apart: frozenset[UUID] = frozenset()
    """Tickets that somebody has told apart from it: it is no repeat of theirs."""

    @property
    def key(self) -> Key:
        """Its key among the tickets."""
        return self.tenant, self.subject.ticket_id


@dataclass(slots=True)
class _Finding:
    """What was found for one new ticket."""

    repeats: list[tuple[Noted, str]] = field(default_factory=list)
    gathered: list[tuple[Key, str]] = field(default_factory=list)
    recurrence: Recurrence | None = None


class Comparison:
    """What the new tickets of a batch are like. `compare` fills it, `follow` acts on it, `save` writes it."""

    def __init__(self, now: datetime, new_id: Callable[[], UUID], new_reference: Callable[[], str]) -> None:
        """Time and identifiers are given."""
        self.wanted: set[Key] = set()
        """Earlier tickets that are to be locked and loaded, beside the batch's own."""
        self._now = now
        self._new_id = new_id
        self._new_reference = new_reference
        self._found: dict[Key, _Finding] = {}
        self._books: dict[LikenessKey, list[Noted]] = {}
        self._drafts: dict[Key, ProblemDraft] = {}
        self._waiting: dict[Key, dict[UUID, str]] = {}
        self._links: dict[tuple[Key, UUID], Link] = {}
        self._used: set[Key] = set()
        self._marked: set[LikenessKey] = set()

    async def compare(self, tx: Transaction, news: Sequence[New]) -> None:
        """Note the tickets and find what they are like, in one statement, and one more where problems gather."""
        looks = [(new, list(likeness.lookups(new.subject, new.policy))) for new in news]
        notings = _notings(looks)
        if not notings:
            return
        known = await note_tickets(tx, notings)
        for key, noted in known.items():
            own = {one.ticket_id for one in notings[key].noted}
            self._books[key] = list({one.ticket_id: one for one in noted if one.ticket_id not in own}.values())
        gathering = {(key[0], one.problem) for key, book in self._books.items() for one in book if one.problem}
        for place, problem in (await lock_problems(tx, gathering)).items():
            self._drafts[place] = ProblemDraft(problem, at=self._now, by=DESK_LABEL)
        for new, found in looks:
            for lookup in found:
                self._look(new, lookup)

    def recurrence_of(self, ticket: Key) -> Recurrence | None:
        """Why the new ticket goes up, if it does."""
        finding = self._found.get(ticket)
        return None if finding is None else finding.recurrence

    def follow(self, desk: Desk, key: Key) -> None:
        """Act on what was found for a ticket that was opened just now."""
        finding = self._found.get(key)
        if finding is None:
            return
        repeated = [(one, why) for one, why in finding.repeats if _is_alive(desk, key[0], one)]
        if repeated:
            older, because = repeated[0]
            draft = Draft(desk.tickets[key], at=desk.tickets[key].opened_at, actor=DESK)
            draft.record(
                events.MergeProposed, older_id=older.ticket_id, older_reference=older.reference, because=because
            )
            desk.keep(draft, desk.policy_of(draft.ticket))
        for problem, because in finding.gathered:
            self._waiting.setdefault(problem, {})[key[1]] = because
            self._gather(desk, problem)

    async def save(self, tx: Transaction) -> None:
        """Write the problems that were opened or joined."""
        if not self._used:
            return
        await save_problems(tx, [self._drafts[key] for key in sorted(self._used)])
        await save_links(tx, [(problem, link) for (problem, _), link in sorted(self._links.items())])
        await mark_tickets(
            tx,
            {
                key: [one if self._exists(key[0], one) else replace(one, problem=None) for one in self._books[key]]
                for key in self._marked
            },
        )

    def _look(self, new: New, lookup: Lookup) -> None:
        key = (new.tenant, lookup.key)
        book, noted, rule = self._books[key], likeness.note(new.subject), lookup.rule
        within = timedelta(seconds=rule.within_seconds)
        finding = self._found.setdefault(new.key, _Finding())
        if isinstance(rule, RepeatRule):
            others = [one for one in book if one.ticket_id not in new.apart]
            repeated = likeness.find_repeated(noted, others, within)[-OLDER_LOOKED_AT:]
            self.wanted |= {(new.tenant, one.ticket_id) for one in repeated}
            finding.repeats = [(one, likeness.tell_repeated(one, rule, new.subject.category)) for one in repeated]
            book.append(noted)
            return
        live = {
            problem
            for (tenant, problem), draft in self._drafts.items()
            if tenant == new.tenant and draft.problem.is_live
        }
        burst = likeness.find_burst(noted, book, within, rule.count, live)
        if burst is not None:
            problem, because = self._join(new, lookup, rule, burst)
            finding.gathered.append((problem, because))
            if isinstance(rule, RecurringRule) and finding.recurrence is None:
                finding.recurrence = Recurrence(rule.tier, because)
            noted = replace(noted, problem=problem[1])
            book[:] = likeness.mark(book, {one.ticket_id for one in burst.others}, problem[1])
            self._marked.add(key)
        book.append(noted)

    def _join(
        self, new: New, lookup: Lookup, rule: OutageRule | RecurringRule, burst: likeness.Burst
    ) -> tuple[Key, str]:
        """The problem that gathers the new ticket, and why; a new one where there is none."""
        if burst.problem is not None:
            key = (new.tenant, burst.problem)
            return key, likeness.tell_joined(self._drafts[key].problem.reference, lookup.told)
        if isinstance(rule, OutageRule):
            kind, title = ProblemKind.OUTAGE, f"Outage? {rule.count} tickets or more: {lookup.told}"
            because = likeness.tell_outage(burst.others, rule, lookup.told)
        else:
            kind, title = ProblemKind.PROBLEM, f"Recurs: {lookup.told}"
            because = likeness.tell_recurring(burst.others, rule, lookup.told)
        problem = ProblemRecord(
            tenant=new.tenant,
            id=self._new_id(),
            reference=self._new_reference(),
            kind=kind,
            status=ProblemStatus.CANDIDATE if kind is ProblemKind.OUTAGE else ProblemStatus.OPEN,
            title=title[:_LONGEST_TITLE],
            opened_at=new.subject.at,
            changed_at=new.subject.at,
        )
        key = (problem.tenant, problem.id)
        self._drafts[key] = ProblemDraft.open(problem, by=DESK_LABEL, why=because)
        self._waiting[key] = {one.ticket_id: because for one in burst.others}
        self.wanted |= {(new.tenant, one.ticket_id) for one in burst.others}
        return key, because

    def _gather(self, desk: Desk, key: Key) -> None:
        """Link all tickets that wait for this problem and are there; one whose policy cannot be read stays out."""
        problem = self._drafts[key]
        linked: dict[str, str] = {}
        for ticket_id, because in self._waiting.pop(key, {}).items():
            ticket = desk.tickets.get((key[0], ticket_id))
            if ticket is None or not desk.knows_policy_of(ticket):
                continue
            draft, link = gather(ticket, problem.problem, None, because=because, by=None, at=desk.now)
            desk.keep(draft, desk.policy_of(ticket))
            self._links[key, ticket_id] = link
            linked[ticket.reference] = because
        for because in dict.fromkeys(linked.values()):
            tickets = [reference for reference, why in linked.items() if why == because]
            problem.note("linked", because, {"tickets": tickets})
        self._used.add(key)

    def _exists(self, tenant: str, one: Noted) -> bool:
        """Whether the problem that gathers it is stored, or will be."""
        if one.problem is None:
            return True
        draft = self._drafts.get((tenant, one.problem))
        return draft is None or draft.before.sequence > 0 or (tenant, one.problem) in self._used


class Forgetting:
    """Forgets, each minute, what was noted of tickets and whose time is over."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Time is business time."""
        self._database = database
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        await keep_looking(self.forget, stop, rest_seconds=FORGET_SECONDS)

    async def forget(self) -> bool:
        """Forget some of it; answers whether there is more."""
        async with self._database.transaction() as tx:
            return await forget_tickets(tx, self._clock.now())


def _notings(looks: Sequence[tuple[New, Sequence[Lookup]]]) -> dict[LikenessKey, Noting]:
    """What to note under which keys. Titles are kept only where they are compared."""
    notings: dict[LikenessKey, Noting] = {}
    for new, found in looks:
        at = new.subject.at
        for lookup in found:
            within = timedelta(seconds=lookup.rule.within_seconds)
            noting = notings.setdefault((new.tenant, lookup.key), Noting(at - within, at + within))
            noting.since = min(noting.since, at - within)
            noting.expires_at = max(noting.expires_at, at + within)
            noted = likeness.note(new.subject)
            if not isinstance(lookup.rule, RepeatRule):
                noted = replace(noted, words=frozenset(), asset=None)
            noting.noted.append(noted)
    return notings


def _is_alive(desk: Desk, tenant: str, one: Noted) -> bool:
    """Whether another ticket can still be merged into it."""
    ticket = desk.tickets.get((tenant, one.ticket_id))
    return ticket is not None and ticket.status not in _OVER
