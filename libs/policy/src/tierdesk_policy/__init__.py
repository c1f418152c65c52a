"""The policy of a desk as a validated, versioned document, and the arithmetic of business time."""

from tierdesk_policy.business_time import BusinessCalendar, BusinessTimeError, CalendarRules, resolve_local
from tierdesk_policy.faults import Fault, PolicyError, UnknownNameError
from tierdesk_policy.loading import load_policy, load_policy_file
from tierdesk_policy.model import Policy
from tierdesk_policy.parts import (
    ELAPSED,
    Calendar,
    Category,
    ClockKind,
    Department,
    Fact,
    Group,
    Knowledge,
    OfferRule,
    Target,
    Tier,
    Vendor,
    WaitsFor,
)

__all__ = [
    "ELAPSED",
    "BusinessCalendar",
    "BusinessTimeError",
    "Calendar",
    "CalendarRules",
    "Category",
    "ClockKind",
    "Department",
    "Fact",
    "Fault",
    "Group",
    "Knowledge",
    "OfferRule",
    "Policy",
    "PolicyError",
    "Target",
    "Tier",
    "UnknownNameError",
    "Vendor",
    "WaitsFor",
    "load_policy",
    "load_policy_file",
    "resolve_local",
]
