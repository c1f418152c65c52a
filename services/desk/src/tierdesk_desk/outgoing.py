"""What those who keep the desk running do with mails: see how they stand, try one again, discard one. Each step stands in the audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from tierdesk_desk.domain.mailing import Reason, State
from tierdesk_desk.store.audit import open_trail
from tierdesk_desk.store.mail_lists import Listed, discard, list_mails, lock_mail, send_again
from tierdesk_store import Database


class UnknownMailError(Exception):
    """The tenant has no such mail, or none any more."""


class MailStateError(Exception):
    """The mail does not stand so that this can be done; the text says how it stands."""


class Outgoing:
    """The mails of all tenants. `by` is the actor that the audit names, such as `person:otto`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def page(self, tenant: str, state: State, *, before: UUID | None, limit: int) -> list[Listed]:
        """The newest mails that stand so; those before this one."""
        async with self._database.read() as connection:
            return await list_mails(connection, tenant, state, before=before, limit=limit)

    async def retry(self, tenant: str, mail_id: UUID, *, by: str) -> Listed:
        """Try one again that failed, or for which there was no server. Raises `UnknownMailError` and `MailStateError`."""
        return await self._change(tenant, mail_id, by, is_retry=True)

    async def discard(self, tenant: str, mail_id: UUID, *, by: str) -> Listed:
        """Never send one that waits or failed. What is on its way at this moment may arrive still.

        Raises `UnknownMailError` and `MailStateError`.
        """
        return await self._change(tenant, mail_id, by, is_retry=False)

    async def _change(self, tenant: str, mail_id: UUID, by: str, *, is_retry: bool) -> Listed:
        async with self._database.transaction() as tx:
            trail = await open_trail(tx, tenant)
            before = await lock_mail(tx.connection, tenant, mail_id)
            if before is None:
                raise UnknownMailError
            had_no_server = before.state == State.SUPPRESSED and before.reason == Reason.NO_SERVER
            if is_retry and not (before.state == State.FAILED or had_no_server):
                raise MailStateError(f"it is {before.state}: only what failed is tried again")
            if not is_retry and before.state not in {State.QUEUED, State.FAILED}:
                raise MailStateError(f"it is {before.state}: only what waits or failed is discarded")
            await (send_again if is_retry else discard)(tx.connection, tenant, mail_id)
            detail = {"ticket": before.reference, "was": before.state}  # not to whom: nothing is ever forgotten here
            action = "mail.retried" if is_retry else "mail.discarded"
            await trail.note(at=self._now(), actor=by, action=action, subject=str(mail_id), detail=detail)
            after = await lock_mail(tx.connection, tenant, mail_id)
        assert after is not None
        return after
