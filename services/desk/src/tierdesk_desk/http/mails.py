"""`/v1/desk/mails`: which mails wait, failed, or were not sent, for those who keep the desk running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from tierdesk_desk.domain.mailing import State
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.outgoing import MailStateError, Outgoing, UnknownMailError
from tierdesk_desk.store.mail_lists import Listed
from tierdesk_runtime.problems import ProblemError

Keeper = Annotated[Person, Depends(signed_in(Verb.KEEP_MAILS))]


class MailView(BaseModel):
    """How a mail stands. What it says is not shown."""

    id: UUID
    kind: Annotated[str, Field(description="`news` to a requester, `alarm` to who works here, or `link`.")]
    to: str
    ticket: str | None
    reference: str | None
    state: str
    reason: Annotated[str | None, Field(description="Why it is not sent: docs/mail.md tells them.")]
    detail: Annotated[str | None, Field(description="What the mail server said last.")]
    attempts: int
    message_id: str | None
    added_at: datetime
    due_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, mail: Listed) -> MailView:
        """The view of a mail."""
        fields = {name: getattr(mail, name) for name in Listed.__dataclass_fields__ if name != "address"}
        return cls(to=mail.address, **fields)


class MailPage(BaseModel):
    """Some mails, the newest first. `next` is null on the last page."""

    mails: tuple[MailView, ...]
    next: UUID | None
    has_server: Annotated[bool, Field(description="Whether the desk sends mail at all.")]


def mail_routes(outgoing: Outgoing, *, has_server: bool) -> APIRouter:
    """The endpoints. They see the own tenant alone; each change stands in the audit."""
    router = APIRouter(prefix="/v1/desk/mails", tags=["mail"])

    @router.get("")
    async def read(
        person: Keeper,
        state: State = State.FAILED,
        before: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> MailPage:
        """The mails that stand so. Those that ended are forgotten after 30 days."""
        found = await outgoing.page(person.tenant, state, before=before, limit=limit + 1)
        shown = found[:limit]
        following = shown[-1].id if len(found) > limit else None
        return MailPage(mails=tuple(MailView.of(mail) for mail in shown), next=following, has_server=has_server)

    @router.post("/{mail_id}/retry")
    async def retry(mail_id: UUID, person: Keeper) -> MailView:
        """Try a mail again that failed, or that was not sent for want of a server. Any other is 409."""
        with told_as_problems():
            return MailView.of(await outgoing.retry(person.tenant, mail_id, by=f"person:{person.name}"))

    @router.post("/{mail_id}/discard")
    async def discard(mail_id: UUID, person: Keeper) -> MailView:
        """Never send a mail that waits or failed. Any other is 409."""
        with told_as_problems():
            return MailView.of(await outgoing.discard(person.tenant, mail_id, by=f"person:{person.name}"))

    return router


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise as `ProblemError` what goes wrong: 404, 409 with how it stands."""
    try:
        yield
    except UnknownMailError:
        raise ProblemError(
            404, "No such mail", "Your tenant has no mail of this identifier, or none any more."
        ) from None
    except MailStateError as error:
        raise ProblemError(409, "Not now", f"{error}.".capitalize()) from None
