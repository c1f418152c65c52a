"""The words in which tickets are told to people: of the protocol's terms, of moments, spans and parties."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tierdesk_cli.scorecard import tell_seconds
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, EscalationReason, PauseParty, ReturnReason
from tierdesk_policy import Policy

MOST_LETTERS: Final = 160
"""How much of what somebody wrote is told; `tierdesk tickets` tells more."""

CHANNELS: Final = {
    Channel.PORTAL: "in the portal",
    Channel.WEB_FORM: "by a web form",
    Channel.PHONE: "by phone",
    Channel.MAIL: "by mail",
    Channel.CHAT: "by chat",
    Channel.SOCIAL: "in social media",
    Channel.ALERT: "by a monitor's alert",
    Channel.API: "by a program",
}
REASONS: Final = {
    EscalationReason.CAUSE_UNCLEAR: "the cause is unclear",
    EscalationReason.FIRST_FIX_FAILED: "the first fix failed",
    EscalationReason.BEYOND_SCOPE: "beyond what this group does",
    EscalationReason.COMPLEX_CONFIGURATION: "a complex configuration",
    EscalationReason.RECURRING: "it recurs",
    EscalationReason.OUTAGE_RISK: "it may become an outage",
    EscalationReason.NEEDS_VENDOR: "it needs the supplier",
    EscalationReason.FINDINGS: "with what was found there",
    EscalationReason.OVERDUE: "it took too long",
    ReturnReason.WRONG_GROUP: "the wrong group",
    ReturnReason.INCOMPLETE_DESCRIPTION: "the description is incomplete",
    ReturnReason.NOT_OURS: "not theirs to do",
}
PARTIES: Final = {
    PauseParty.REQUESTER: "the requester",
    PauseParty.VENDOR: "a supplier",
    PauseParty.VISIT: "a visit",
    PauseParty.CHANGE: "a change",
}


def tell_group(group_id: str, policy: Policy) -> str:
    """A group as people call it, with its tier: `Printers and copiers (l4)`."""
    group = next((one for one in policy.groups if one.id == group_id), None)
    return group_id if group is None else f"{group.name} ({group.tier})"


def tell_moment(at: datetime) -> str:
    """A moment as people read it, in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def tell_actor(actor: Actor) -> str:
    """Who did something."""
    return {ActorKind.REQUESTER: "the requester", ActorKind.DESK: "the desk"}.get(actor.kind, actor.id)


def tell_ordinal(number: int) -> str:
    """The number as an ordinal."""
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def tell_span(seconds: float) -> str:
    """A span, without a second unit that is nought."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    told = tell_seconds(seconds)
    return next((told.removesuffix(nought) for nought in (" 0 s", " 0 min", " 0 h") if told.endswith(nought)), told)


def tell_remark(text: str) -> str:
    """What somebody wrote to it, after a semicolon; nothing where nothing was written."""
    return f"; {quote(text)}" if text else ""


def quote(text: str) -> str:
    """What somebody wrote, in one line of a bounded length."""
    plain = in_one_line(text)
    return f"“{plain if len(plain) <= MOST_LETTERS else plain[: MOST_LETTERS - 1] + '…'}”"


def in_one_line(text: str) -> str:
    """The text without line ends and spare spaces."""
    return " ".join(text.split())
