"""The policy of a desk as a validated, versioned document, and the arithmetic of business time."""

from tierdesk_policy.business_time import BusinessCalendar, BusinessTimeError, CalendarRules, resolve_local
from tierdesk_policy.differences import Difference, find_differences, find_moved_entries
from tierdesk_policy.escalations import CONTACT_OWNER, Escalation, Step, Trigger
from tierdesk_policy.faults import Fault, PolicyError, UnknownNameError
from tierdesk_policy.likeness import Likeness, LikenessField, OutageRule, RecurringRule, RepeatRule
from tierdesk_policy.loading import load_policy, load_policy_file, review_policy, review_policy_file
from tierdesk_policy.model import Policy
from tierdesk_policy.parts import (
    ELAPSED,
    WAIT_SECONDS,
    Calendar,
    Category,
    ClockKind,
    Department,
    Fact,
    Group,
    Knowledge,
    Mode,
    OfferRule,
    ReopenRule,
    Target,
    Tier,
    Vendor,
    VendorContract,
    WaitsFor,
)
from tierdesk_policy.rules import Decision, Facts, Judgement, Rule, RuleTable

__all__ = [
    "CONTACT_OWNER",
    "ELAPSED",
    "WAIT_SECONDS",
    "BusinessCalendar",
    "BusinessTimeError",
    "Calendar",
    "CalendarRules",
    "Category",
    "ClockKind",
    "Decision",
    "Department",
    "Difference",
    "Escalation",
    "Fact",
    "Facts",
    "Fault",
    "Group",
    "Judgement",
    "Knowledge",
    "Likeness",
    "LikenessField",
    "Mode",
    "OfferRule",
    "OutageRule",
    "Policy",
    "PolicyError",
    "RecurringRule",
    "ReopenRule",
    "RepeatRule",
    "Rule",
    "RuleTable",
    "Step",
    "Target",
    "Tier",
    "Trigger",
    "UnknownNameError",
    "Vendor",
    "VendorContract",
    "WaitsFor",
    "find_differences",
    "find_moved_entries",
    "load_policy",
    "load_policy_file",
    "resolve_local",
    "review_policy",
    "review_policy_file",
]
