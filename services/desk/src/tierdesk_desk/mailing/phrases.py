"""What is said of each occasion, in English; the catalogue has the other languages.

A heading stands in the subject and above what is told; a saying below it, and tells what the reader can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tierdesk_desk.console.texts import N_
from tierdesk_desk.domain.mailing import ESCALATION
from tierdesk_desk.domain.reminders import REASSURANCE, REMINDER

HEADINGS: Final[Mapping[str, str]] = {
    "opened": N_("We have received your request"),
    "asked": N_("We have a question"),
    "waiting": N_("We wait for your answer"),
    "answered": N_("There is an answer"),
    "in_work": N_("Somebody is working on it"),
    "handed_on": N_("It was handed to specialists"),
    "resolved": N_("It should be solved"),
    "reopened": N_("It was opened again"),
    "closed": N_("It is closed"),
    "cancelled": N_("It was cancelled"),
    "merged": N_("It goes on in another of your requests"),
    "announced": N_("News of a larger disruption"),
    REMINDER: N_("We still wait for your answer"),
    REASSURANCE: N_("We are still working on it"),
    ESCALATION: N_("It takes too long"),
}
SAYINGS: Final[Mapping[str, str]] = {
    "opened": N_("You will hear from us. There is nothing you need to do now."),
    "asked": N_("We go on as soon as we have your answer."),
    "waiting": N_("We go on as soon as we hear from you."),
    "answered": "",
    "in_work": "",
    "handed_on": "",
    "resolved": N_("Please tell us if it is not. Otherwise it closes by itself after some days."),
    "reopened": N_("We look at it again."),
    "closed": N_("If it comes back, report it again and name the reference above."),
    "cancelled": "",
    "merged": N_("You will be told of it there."),
    "announced": "",
    REMINDER: N_("Without it we cannot go on."),
    REASSURANCE: N_("There is no news yet. It has not been forgotten."),
    ESCALATION: N_("Please look at it, or see to it that somebody does."),
}
"""Empty where the heading says all."""
