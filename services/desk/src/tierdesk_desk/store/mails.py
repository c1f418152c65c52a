"""Outgoing mail as rows: added with what it tells of, claimed by one replica at a time, written down when it has ended.

Whoever adds to the mails of an address, or writes that one left, holds the row of its box; boxes are locked in order, before mails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from tierdesk_desk.domain.addresses import Mailbox
from tierdesk_desk.domain.mailing import Box, Kind, Letter, News, Reason, State, due_at, is_verified, judge_address
from tierdesk_desk.store.mail_tables import mail as mails
from tierdesk_desk.store.mail_tables import mail_box as boxes
from tierdesk_policy import Mail

BoxKey = tuple[str, str, str]
"""A tenant, an address and a kind."""
USUAL: Final = Mail()
"""What holds for a tenant before its first policy has been heard of."""

_LOCK_BOXES: Final = text("""
    INSERT INTO desk.mail_box (tenant, address, kind, sent)
    SELECT tenant, address, kind, '{}'
    FROM unnest(CAST(:tenants AS text[]), CAST(:addresses AS text[]), CAST(:kinds AS text[])) AS k(tenant, address, kind)
    ORDER BY 1, 2, 3
    ON CONFLICT (tenant, address, kind) DO UPDATE SET kind = excluded.kind
    RETURNING tenant, address, kind, sent, now() AS now
""")
_VERIFIED: Final = text("""
    SELECT b.tenant, b.address
    FROM unnest(CAST(:tenants AS text[]), CAST(:addresses AS text[])) AS k(tenant, address)
    JOIN desk.mail_box AS b ON b.tenant = k.tenant AND b.address = k.address AND b.kind = 'news'
    WHERE b.verified_at IS NOT NULL
""")
_LOCK_OPEN: Final = text("""
    SELECT m.tenant, m.address, m.kind, m.id, m."values"
    FROM unnest(CAST(:tenants AS text[]), CAST(:addresses AS text[]), CAST(:kinds AS text[])) AS k(tenant, address, kind)
    JOIN desk.mail AS m ON m.tenant = k.tenant AND m.address = k.address AND m.kind = k.kind AND m.is_open
    ORDER BY m.tenant, m.id
    FOR UPDATE OF m
""").columns(values=JSONB)
_ADD: Final = text("""
    INSERT INTO desk.mail (
        tenant, id, kind, address, party, ticket, reference, "values", is_open, state, reason, attempts, added_at, due_at,
        ended_at
    )
    SELECT tenant, id, kind, address, party, ticket, reference, told, reason IS NULL,
        CASE WHEN reason IS NULL THEN 'queued' ELSE 'suppressed' END, reason, 0, now(), coalesce(due_at, now()),
        CASE WHEN reason IS NOT NULL THEN now() END
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:address AS text[]),
        CAST(:party AS text[]), CAST(:ticket AS text[]), CAST(:reference AS text[]), CAST(:values AS jsonb[]),
        CAST(:reason AS text[]), CAST(:due_at AS timestamptz[])
    ) AS k(tenant, id, kind, address, party, ticket, reference, told, reason, due_at)
""")
_EXTEND: Final = text("""
    UPDATE desk.mail SET "values" = k.told, ticket = k.ticket, reference = k.reference
    FROM unnest(
        CAST(:tenant AS text[]), CAST(:id AS uuid[]), CAST(:ticket AS text[]), CAST(:reference AS text[]),
        CAST(:values AS jsonb[])
    ) AS k(tenant, id, ticket, reference, told)
    WHERE mail.tenant = k.tenant AND mail.id = k.id
""")


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail that is wanted now, and goes with no other. `digest` is that of the link in it, if there is one.

    `values` are what its text needs: of a `LINK` the `url`, and `expires_at` as ISO 8601. They are forgotten when it has left.
    """

    tenant: str
    id: UUID
    kind: Kind
    address: str
    values: Mapping[str, Any]
    party: str | None = None
    ticket: str | None = None
    reference: str | None = None
    locale: str | None = None
    digest: str | None = None


@dataclass(slots=True)
class _Row:
    """A mail to be written, new or longer than before."""

    tenant: str
    id: UUID
    kind: str
    address: str
    party: str | None = None
    letter: Letter = field(default_factory=Letter)
    reason: str | None = None
    due_at: datetime | None = None

    def values(self) -> dict[str, Any]:
        told = self.letter.news
        return {
            "tenant": self.tenant,
            "id": self.id,
            "kind": self.kind,
            "address": self.address,
            "party": self.party,
            "ticket": self.letter.ticket,
            "reference": told[0]["reference"] if self.letter.ticket else None,
            "values": json.dumps(self.letter.values()),
            "reason": self.reason,
            "due_at": self.due_at,
        }


async def add_mail(
    connection: AsyncConnection, mail: NewMail, rules: Mail = USUAL, *, own: frozenset[str] = frozenset()
) -> Reason | None:
    """Have this sent when the transaction commits. Answers why it will not be, for an address that cannot be written to or gets
    too many; such a mail is kept as suppressed, without its values.
    """
    mailbox = judge_address(mail.address, own=own)
    reason = mailbox if isinstance(mailbox, Reason) else None
    address = str(mailbox) if isinstance(mailbox, Mailbox) else mail.address
    if reason is None:
        ((_, box),), now = await lock_boxes(connection, [(mail.tenant, address, mail.kind.value)])
        due = due_at(box, rules.model_copy(update={"gather_seconds": 0}), now)
        if due is None or due > now:
            reason = Reason.CAP
        else:
            await save_box(connection, replace(box, sent=(*box.sent, now)[-100:]))
    await connection.execute(
        insert(mails).values(
            tenant=mail.tenant,
            id=mail.id,
            kind=mail.kind.value,
            address=address,
            party=mail.party,
            ticket=mail.ticket,
            reference=mail.reference,
            locale=mail.locale,
            values=dict(mail.values) if reason is None else {},
            digest=mail.digest,
            is_open=False,
            state=(State.QUEUED if reason is None else State.SUPPRESSED).value,
            reason=None if reason is None else reason.value,
            attempts=0,
            added_at=func.now(),
            due_at=func.now(),
            ended_at=None if reason is None else func.now(),
        )
    )
    return reason


async def add_news(
    connection: AsyncConnection,
    news: Sequence[News],
    kind: Kind,
    rules: Mapping[str, Mail],
    new_id: Callable[[], UUID],
    *,
    own: frozenset[str] = frozenset(),
) -> None:
    """Have these told when the transaction commits: each goes into the mail that is open for its address, or into a new one.

    `rules` are the tenants' own; `own` are the desk's addresses, which get nothing. What cannot be sent is kept as suppressed.
    """
    if not news:
        return
    judged: dict[BoxKey, list[News]] = {}
    rows: list[_Row] = []
    for one in news:
        mailbox = judge_address(one.address, own=own)
        if isinstance(mailbox, Reason):
            row = _Row(one.tenant, new_id(), kind.value, one.address, one.party, reason=mailbox.value)
            row.letter = Letter().add([replace(one, text="", title="")])
            rows.append(row)
        else:
            judged.setdefault((one.tenant, str(mailbox), kind.value), []).append(one)
    found, now = await lock_boxes(connection, judged)
    waiting = await _lock_open(connection, judged)
    longer: list[_Row] = []
    for key, box in found:
        told, own_rules = judged[key], rules.get(box.tenant, USUAL)
        before = waiting.get(key)
        if before is not None:
            before.letter = before.letter.add(told)
            longer.append(before)
            continue
        due = due_at(box, own_rules, now)
        shows = kind is Kind.ALARM or is_verified(box, own_rules)
        row = _Row(*key[:1], new_id(), key[2], key[1], told[0].party, due_at=due)
        row.letter = Letter(shows_titles=shows).add(told)
        row.reason = None if due is not None else Reason.UNVERIFIED.value
        rows.append(row)
    await _write(connection, _ADD, rows)
    await _write(connection, _EXTEND, longer)


async def lock_boxes(
    connection: AsyncConnection, keys: Collection[BoxKey]
) -> tuple[list[tuple[BoxKey, Box]], datetime]:
    """The boxes of these addresses, made where there are none, locked in order until the transaction ends; and the database's time."""
    ordered = sorted(set(keys))
    if not ordered:
        return [], datetime.min.replace(tzinfo=UTC)
    tenants, addresses, kinds = (list(part) for part in zip(*ordered, strict=True))
    named = {"tenants": tenants, "addresses": addresses}
    rows = (await connection.execute(_LOCK_BOXES, {**named, "kinds": kinds})).all()
    verified = {(tenant, address) for tenant, address in await connection.execute(_VERIFIED, named)}
    found = [
        (
            (row.tenant, row.address, row.kind),
            Box(row.tenant, row.address, Kind(row.kind), tuple(row.sent), (row.tenant, row.address) in verified),
        )
        for row in rows
    ]
    return found, rows[0].now


async def save_box(connection: AsyncConnection, box: Box) -> None:
    """Write when mails left. The box is locked."""
    await connection.execute(update(boxes).where(*_is_box(box)).values(sent=list(box.sent)))


async def verify_address(connection: AsyncConnection, tenant: str, address: str) -> None:
    """Note that somebody has shown whose address this is. Once noted, it stays."""
    key = (tenant, address.lower(), Kind.NEWS.value)
    ((_, box),), _ = await lock_boxes(connection, [key])
    await connection.execute(
        update(boxes).where(*_is_box(box), boxes.c.verified_at.is_(None)).values(verified_at=func.now())
    )


async def verify_by_link(connection: AsyncConnection, tenant: str, digest: str) -> bool:
    """The link of this digest was used: whoever has it reads the address to which it was mailed. Answers whether it was mailed."""
    found = select(mails.c.address).where(mails.c.tenant == tenant, mails.c.digest == digest)
    addresses = set((await connection.execute(found.where(mails.c.state == State.SENT.value).limit(2))).scalars())
    for address in sorted(addresses):
        await verify_address(connection, tenant, address)
    return bool(addresses)


async def set_open_due(connection: AsyncConnection, box: Box, due: datetime) -> None:
    """Have the mail that is open for this address leave then. The box is locked."""
    await connection.execute(
        update(mails)
        .where(mails.c.tenant == box.tenant, mails.c.address == box.address, mails.c.kind == box.kind.value)
        .where(text("is_open"))
        .values(due_at=due)
    )


async def _lock_open(connection: AsyncConnection, keys: Collection[BoxKey]) -> dict[BoxKey, _Row]:
    if not keys:
        return {}
    tenants, addresses, kinds = (list(part) for part in zip(*sorted(keys), strict=True))
    rows = await connection.execute(_LOCK_OPEN, {"tenants": tenants, "addresses": addresses, "kinds": kinds})
    return {
        (row["tenant"], row["address"], row["kind"]): _Row(
            row["tenant"], row["id"], row["kind"], row["address"], letter=Letter.of(row["values"])
        )
        for row in rows.mappings()
    }


async def _write(connection: AsyncConnection, statement: Any, rows: Sequence[_Row]) -> None:
    if not rows:
        return
    written = [row.values() for row in rows]
    wanted = {name for name in written[0] if f":{name} " in statement.text}
    await connection.execute(statement, {name: [one[name] for one in written] for name in wanted})


def _is_box(box: Box) -> tuple[Any, Any, Any]:
    return boxes.c.tenant == box.tenant, boxes.c.address == box.address, boxes.c.kind == box.kind.value
