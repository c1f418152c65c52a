"""Looks at outgoing mail."""

from __future__ import annotations

from sqlalchemy.exc import ProgrammingError

from tierdesk_cli.doctor.finding import Finding, warning, well
from tierdesk_cli.servers import open_schemas
from tierdesk_desk.store.sending import Counts, count_mails, count_unsent
from tierdesk_desk.store.tables import SCHEMA
from tierdesk_runtime.settings import Settings

NAME = "tierdesk doctor"
WHAT = "mail"
OVERDUE_SECONDS = 900.0
"""A mail that is due for longer says that the server takes none."""


async def look_at_mail(settings: Settings) -> list[Finding]:
    """What was not sent, and why. Raises `DatabaseUnavailableError`."""
    async with open_schemas(settings.database_url, SCHEMA, name=NAME) as (database,), database.read() as connection:
        try:
            counts, unsent = await count_mails(connection), await count_unsent(connection)
        except ProgrammingError:
            return []  # the schema's own finding says why
    return judge_mail(counts, unsent)


def judge_mail(counts: Counts, unsent: int) -> list[Finding]:
    """What is not well, each for itself; else one finding. `unsent` is what was not sent for want of a server."""
    findings: list[Finding] = []
    if unsent:
        cure = "set TIERDESK_DESK_MAIL_URL (docs/mail.md); requesters see all of it in the portal meanwhile"
        findings.append(warning(WHAT, f"the desk has no mail server: {unsent} mails were not sent", cure))
    if counts.overdue_seconds > OVERDUE_SECONDS:
        seen = f"{counts.waiting} wait, one is due for {counts.overdue_seconds / 60:.0f} min"
        findings.append(warning(WHAT, seen, "see the desk's log for what the mail server says: mail_server_away"))
    if counts.failed:
        cure = "see `GET /v1/desk/mails?state=failed` for what the server said; each can be tried again or discarded"
        findings.append(warning(WHAT, f"{counts.failed} mails were given up", cure))
    return findings or [well(WHAT, f"{counts.waiting} mails wait, none failed")]
