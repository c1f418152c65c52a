"""The password reset bot: a code to the registered address, the code back on the ticket, then a temporary password.

What it says depends on the assignment, the replies and the journal of its effects alone: run again after a crash it
says the same, and goes on where it was. No message of the desk holds a code, a password or an address in clear.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import uuid5

from tierdesk_bots.codes import CODE_DIGITS, derive_code, derive_password, is_code, mask_address
from tierdesk_bots.directory import Account, AmbiguousNameError, Directory, DirectoryError
from tierdesk_bots.handing_on import end_again, hand_on, resolve
from tierdesk_bots.journal import Journal, Journals
from tierdesk_bots.mail import Letter, MailError, Outbox
from tierdesk_bots.replies import Meaning, read_reply
from tierdesk_contracts.vocabulary import EscalationReason, PauseParty, StepTried
from tierdesk_tier import Job

log = logging.getLogger(__name__)

MOST_TRIES: Final = 3
MOST_CODES: Final = 3
MOST_UNCLEAR: Final = 2
GRACE_SECONDS: Final = 30.0
"""How long work that is begun again waits at least: the replies that came meanwhile, or before, are on their way."""
DEFAULT_CATEGORIES: Final = ("password", "password-reset")

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_HANDED_ON: Final = "This cannot be done by machine; a colleague takes over."


class Finding(StrEnum):
    """What the directory says of the requester."""

    GOOD = "The account may be reset by machine."
    NOBODY = "The directory has no account of this requester."
    SEVERAL = "The directory has more than one account of this name or address."
    NO_ADDRESS = "The account has no registered address."
    DISABLED = "The account is disabled."
    PRIVILEGED = "The account is privileged; those are never reset by machine."
    FAILED = "The directory did not answer, or refused."


class _HandOn(Exception):  # noqa: N818 - not an error: the way out to people, from any depth
    def __init__(self, reason: EscalationReason, findings: str) -> None:
        super().__init__(findings)
        self.reason = reason
        self.findings = findings


@dataclass(frozen=True, slots=True)
class PasswordReset:
    """The work function, `work`, and what it stands on."""

    directory: Directory
    outbox: Outbox
    secret: bytes
    """Of this bot alone; codes and passwords are derived from it."""
    journals: Journals
    categories: frozenset[str] = frozenset(DEFAULT_CATEGORIES)
    code_seconds: float = 900.0
    """How long one code is good."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def work(self, job: Job) -> None:
        """See one ticket through."""
        journal = self.journals.open(job.assignment_id)
        try:
            if not await end_again(job, journal):
                await _Conversation(self, job, journal).hold()
        finally:
            self.journals.close(job.assignment_id)


@dataclass(slots=True)
class _Conversation:
    bot: PasswordReset
    job: Job
    journal: Journal
    steps: list[StepTried] = field(default_factory=list)
    codes: int = 0
    until: datetime = _LONG_AGO
    grace_seconds: float = 0.0

    async def hold(self) -> None:
        if self.journal.get("lookup") is not None:
            self.grace_seconds = GRACE_SECONDS
        try:
            await self._check_category()
            masked = await self._look_up()
            await self._send_code(masked)
            await self._wait_for_code(masked)
            how = await self._reset(masked)
        except _HandOn as end:
            await self.job.answer(_HANDED_ON)
            await hand_on(self.job, self.journal, end.reason, end.findings, steps=self.steps)
        else:
            await resolve(self.job, self.journal, how, root_cause="Password forgotten or expired", steps=self.steps)

    async def _check_category(self) -> None:
        category = self.job.case.category
        if category not in self.bot.categories:
            # Not declined: a declined offer waits for its time to run out, as often as the policy says.
            raise _HandOn(EscalationReason.BEYOND_SCOPE, f"This bot resets passwords; {category} is none of its kinds.")

    async def _look_up(self) -> str:
        """The masked address of an account that may be reset."""
        seen = await self.journal.once("lookup", self._see_account)
        finding = Finding(seen["finding"])
        self._tried("Looked the requester up in the directory", finding.value)
        if finding is not Finding.GOOD:
            reason = EscalationReason.FIRST_FIX_FAILED if finding is Finding.FAILED else EscalationReason.BEYOND_SCOPE
            raise _HandOn(reason, finding.value)
        masked: str = seen["masked"]
        return masked

    async def _see_account(self) -> dict[str, str]:
        finding, account = await self._find()
        masked = mask_address(account.address) if account is not None and account.address else ""
        return {"finding": finding.value, "masked": masked}

    async def _find(self) -> tuple[Finding, Account | None]:
        """What the directory says now. Asked again before each effect: an account may have been disabled since."""
        told = self.job.internal
        # The address on the ticket only helps to find the account; nothing is ever sent to it.
        contact = told.contact if told is not None and told.contact is not None and "@" in told.contact else None
        names = [name for name in (told.requester if told is not None else None, contact) if name]
        account = None
        try:
            for name in names:
                account = await asyncio.to_thread(self.bot.directory.find, name)
                if account is not None:
                    break
        except AmbiguousNameError:
            return Finding.SEVERAL, None
        except DirectoryError as error:
            log.warning("%s: %s", self.job.case.reference, error)
            return Finding.FAILED, None
        return _judge(account), account

    async def _send_code(self, masked: str) -> None:
        self.codes += 1
        number = self.codes

        def write(account: Account) -> Letter:
            code = derive_code(self.bot.secret, self.job.assignment_id, number)
            return self._letter(account, f"code {number}", "Your one-time code", _CODE_MAIL.format(
                code=f"{code[:4]} {code[4:]}", reference=self.job.case.reference, minutes=self._minutes
            ))  # fmt: skip

        sent = await self.journal.once(f"code {number}", lambda: self._send(write))
        self._judge_sent(sent, f"Sent a one-time code to {masked}, the registered address")
        self.until = datetime.fromisoformat(sent["at"]) + timedelta(seconds=self.bot.code_seconds)
        await self.job.answer(
            f"We have sent a code of {CODE_DIGITS} digits to {masked}, the address that is registered for you. "
            f"Reply here with the code within {self._minutes} minutes. "
            "Reply “again” if no mail came, or “no” if you did not ask for this. "
            "We never ask for your password."
        )
        await self.job.pause(PauseParty.REQUESTER, "Waits for the code.")

    async def _wait_for_code(self, masked: str) -> None:
        """Read replies until one gives the code."""
        tries = unclear = count = 0
        while True:
            reply = await self._next_reply(count := count + 1)
            reading = read_reply(reply)
            if reading.meaning is Meaning.REFUSAL:
                self._tried("Asked the requester for the code", "The requester refused.")
                raise _HandOn(EscalationReason.BEYOND_SCOPE, "The requester wants no reset by machine.")
            if reading.meaning is Meaning.AGAIN:
                if self.codes == MOST_CODES:
                    self._tried("Asked the requester for the code", f"No mail arrived, {MOST_CODES} times.")
                    raise _HandOn(EscalationReason.FIRST_FIX_FAILED, f"No mail to {masked} arrives.")
                await self._send_code(masked)
            elif reading.meaning is Meaning.CODE:
                tries += 1
                code = derive_code(self.bot.secret, self.job.assignment_id, self.codes)
                if is_code(reading.code, code):
                    self._tried("Compared the code in the reply", f"Right at try {tries}.")
                    return
                if tries == MOST_TRIES:
                    self._tried("Compared the code in the reply", f"Wrong, {MOST_TRIES} times.")
                    raise _HandOn(EscalationReason.FIRST_FIX_FAILED, f"The code was wrong {MOST_TRIES} times.")
                await self._ask_again(f"That is not the code. Tries left: {MOST_TRIES - tries}.")
            else:
                unclear += 1
                if unclear > MOST_UNCLEAR:
                    self._tried("Asked the requester for the code", "The replies were none that a machine understands.")
                    raise _HandOn(EscalationReason.CAUSE_UNCLEAR, "The requester says something else; please read it.")
                await self._ask_again(
                    f"This is a machine; it understands the code of {CODE_DIGITS} digits, “again” and “no”."
                )

    async def _ask_again(self, text: str) -> None:
        await self.job.answer(text)
        await self.job.pause(PauseParty.REQUESTER, "Waits for the code.")

    async def _next_reply(self, number: int) -> str:
        """The `number`-th reply, unless time ran out before it: then also when this is run again, and it has come since."""
        timed_out = f"no reply {number}"
        if self.journal.get(timed_out) is None:
            left = (self.until - self.bot.now()).total_seconds()
            try:
                async with asyncio.timeout(max(left, self.grace_seconds)):
                    async for update in self.job.updates:
                        if update.reply is not None:
                            return update.reply
            except TimeoutError:
                self.journal.note(timed_out, entry=True)
        self._tried("Asked the requester for the code", f"No code within {self._minutes} minutes.")
        raise _HandOn(EscalationReason.FIRST_FIX_FAILED, "The requester did not give the code in time.")

    async def _reset(self, masked: str) -> str:
        """Set the password and send it; how it was done."""
        done = await self.journal.once("password set", self._set_password)
        if not done["done"]:
            self._tried("Set a temporary password", done["why"])
            raise _HandOn(
                EscalationReason.FIRST_FIX_FAILED, f"The code was right, but no password was set. {done['why']}"
            )
        self._tried("Set a temporary password", "Done; it must be changed at the next sign-in.")
        sent = await self.journal.once("password sent", lambda: self._send(self._password_letter))
        self._judge_sent(sent, f"Sent the temporary password to {masked}, the registered address")
        return (
            f"The requester proved by a one-time code that they read {masked}. A temporary password was set and sent "
            "there; it must be changed at the next sign-in."
        )

    async def _set_password(self) -> dict[str, Any]:
        finding, account = await self._find()
        if finding is not Finding.GOOD or account is None:
            return {"done": False, "why": finding.value}
        password = derive_password(self.bot.secret, self.job.assignment_id)
        try:
            await asyncio.to_thread(self.bot.directory.set_temporary_password, account, password)
        except DirectoryError as error:
            log.warning("%s: %s", self.job.case.reference, error)
            return {"done": False, "why": Finding.FAILED.value}
        return {"done": True}

    def _password_letter(self, account: Account) -> Letter:
        password = derive_password(self.bot.secret, self.job.assignment_id)
        text = _LAST_MAIL.format(password=password, reference=self.job.case.reference)
        return self._letter(account, "password", "Your temporary password", text)

    async def _send(self, write: Callable[[Account], Letter]) -> dict[str, Any]:
        finding, account = await self._find()
        if account is None or finding is not Finding.GOOD:
            return {"sent": False, "why": finding.value}
        try:
            await asyncio.to_thread(self.bot.outbox.send, write(account))
        except MailError as error:
            log.warning("%s: %s", self.job.case.reference, error)
            return {"sent": False, "why": "The mail could not be handed over."}
        return {"sent": True, "at": self.bot.now().isoformat()}

    def _letter(self, account: Account, kind: str, subject: str, text: str) -> Letter:
        assert account.address is not None
        letter_id = str(uuid5(self.job.assignment_id, kind))
        return Letter(letter_id, account.address, f"{subject} ({self.job.case.reference})", text)

    def _judge_sent(self, sent: dict[str, Any], step: str) -> None:
        self._tried(step, "Handed over to the mail relay." if sent["sent"] else sent["why"])
        if not sent["sent"]:
            raise _HandOn(
                EscalationReason.FIRST_FIX_FAILED, f"The requester could not be reached by mail. {sent['why']}"
            )

    def _tried(self, step: str, result: str) -> None:
        self.steps.append(StepTried(step=step, result=result))

    @property
    def _minutes(self) -> str:
        return f"{self.bot.code_seconds / 60:g}"


def _judge(account: Account | None) -> Finding:
    if account is None:
        return Finding.NOBODY
    if account.privileged:
        return Finding.PRIVILEGED
    if not account.enabled:
        return Finding.DISABLED
    return Finding.GOOD if account.address else Finding.NO_ADDRESS


_CODE_MAIL: Final = """\
Somebody asked for a new password for your account. If it was you, reply on the ticket
{reference} with this code within {minutes} minutes:

    {code}

The code works once, on this ticket alone. Tell it to nobody, not even to the service desk on
the phone. If it was not you, reply "no" on the ticket, or do nothing and tell your service desk.
"""

_LAST_MAIL: Final = """\
Your temporary password, as you asked on the ticket {reference}:

    {password}

You will be asked for a password of your own at the next sign-in. If it was not you who asked,
call your service desk now.
"""
