"""Switches that break one safety rule each, so that a fault test can show that the rule matters.

Read once, at start, from `TIERDESK_UNSAFE`, a comma-separated list:

ack_before_commit    a consumer acknowledges before it has committed: a crash between loses messages
mark_before_confirm  the relay marks rows before the bus has confirmed them: a crash or a refusal loses messages
no_mandatory         the relay takes a message that no queue wanted for stored: a missing binding loses messages
no_inbox             repeated messages are not recognised: their effects happen again
no_gap_wait          a message is applied although its predecessor is missing: effects happen out of order
no_alert_key         the watcher says what is due whether it was said or not, and lets others say it meanwhile: words are
                     said twice
no_fence             the router takes an outcome of an assignment that is void for one of the live one: work is done twice

Never set it outside of a test: the desk loses data.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, fields


@dataclass(slots=True)
class NegativeControls:
    """Which rules are off. All false in any sane process."""

    ack_before_commit: bool = False
    mark_before_confirm: bool = False
    no_mandatory: bool = False
    no_inbox: bool = False
    no_gap_wait: bool = False
    no_fence: bool = False
    no_alert_key: bool = False


def read_negative_controls(text: str) -> NegativeControls:
    """The switches that `text` names. Raises `ValueError` for a name that is none of them."""
    named = {name.strip() for name in text.split(",") if name.strip()}
    known = {field.name for field in fields(NegativeControls)}
    if named - known:
        raise ValueError(f"TIERDESK_UNSAFE: {sorted(named - known)} unknown; known are {sorted(known)}")
    if named:
        logging.getLogger(__name__).critical(
            "TIERDESK_UNSAFE switches safety rules off: %s. THIS PROCESS LOSES DATA.", ", ".join(sorted(named))
        )
    return NegativeControls(**dict.fromkeys(named, True))


UNSAFE = read_negative_controls(os.environ.get("TIERDESK_UNSAFE", ""))
