"""One real message of each type, with fixed identifiers and times.

They become the golden messages: what this release sends, kept for ever so that later releases prove that they still
read it. They are also the examples of the AsyncAPI document.
"""

from __future__ import annotations

from tierdesk_contracts.envelope import AnyEnvelope, seal
from tierdesk_contracts.registry import MESSAGE_TYPES, type_of
from tierdesk_contracts.samples import callback, intake, notice, outcome, ticket, work
from tierdesk_contracts.samples.story import TENANT, TICKET, TRACE, identifier, moment
from tierdesk_contracts.vocabulary import Contract


def sample_messages() -> dict[str, AnyEnvelope]:
    """By type, in the registry's order. Raises `LookupError` if a type has no sample."""
    data: dict[str, Contract] = {
        type_of(part).name: part
        for module in (intake, ticket, work, outcome, notice, callback)
        for part in module.messages()
    }
    if missing := MESSAGE_TYPES.keys() - data.keys():
        raise LookupError(f"no sample of {', '.join(sorted(missing))}: write one in tierdesk_contracts.samples")
    return {name: _envelope(number, data[name]) for number, name in enumerate(MESSAGE_TYPES, start=1)}


def _envelope(number: int, data: Contract) -> AnyEnvelope:
    entry = type_of(data)
    sequence = {"intake": 1, "ticket": getattr(data, "sequence", None), None: None}[entry.stream]
    subjects = {
        "policy.applied.v1": getattr(data, "version", ""),
        "article.published.v1": getattr(data, "article_id", ""),
        "article.retired.v1": getattr(data, "article_id", ""),
    }
    return seal(
        data,
        message_id=identifier(0xE00 + number),
        source="/tierdesk/tier/acme-1" if entry.sender == "tier" else f"/tierdesk/{entry.sender}",
        subject=subjects.get(entry.name, str(TICKET)),
        time=moment(number),
        tenant=TENANT,
        sequence=sequence,
        traceparent=TRACE,
    )
