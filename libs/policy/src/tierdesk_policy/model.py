"""The whole policy: who works, who hands on to whom, what goes where, and what is promised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import Field, JsonValue

from tierdesk_policy.business_time import BusinessCalendar
from tierdesk_policy.escalations import MOST_ESCALATIONS, Escalation
from tierdesk_policy.faults import UnknownNameError
from tierdesk_policy.likeness import Likeness
from tierdesk_policy.mail import Mail
from tierdesk_policy.parts import (
    ELAPSED,
    MOST_CALENDARS,
    MOST_TARGETS,
    Calendar,
    Category,
    ClockKind,
    Department,
    Group,
    Identifier,
    Knowledge,
    Level,
    OfferRule,
    Part,
    PriorityLevel,
    ReopenRule,
    Target,
    Text,
    Tier,
    Title,
    Vendor,
    WaitsFor,
    is_empty,
    runs_on,
)
from tierdesk_policy.phone import Phone
from tierdesk_policy.reading import read_document
from tierdesk_policy.rules import MOST_RULES, Rule, RuleTable
from tierdesk_policy.units import Seconds

Named = TypeVar("Named")

MOST_VIPS: Final = 10_000

_USUAL_MAIL: Final = Mail()
_DEFAULT_PAUSES: Final[dict[WaitsFor, tuple[ClockKind, ...]]] = {WaitsFor.REQUESTER: (ClockKind.RESOLUTION,)}


class Policy(Part):
    """One whole policy. Immutable; `version` names its content.

    Make one by `load_policy`, `load_policy_file` or `Policy.from_document`, which check that its parts fit together.
    """

    name: Title
    description: Text = ""
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]
    edges: tuple[Annotated[tuple[Identifier, Identifier], Field(description="from, to")], ...] = ()
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    departments: tuple[Department, ...] = ()
    vendors: tuple[Vendor, ...] = ()
    default_category: Identifier
    """What a ticket without a category gets: the first category where a document says nothing."""
    default_calendar: Identifier = ELAPSED
    calendars: Annotated[tuple[Calendar, ...], Field(max_length=MOST_CALENDARS)] = ()
    matrix: tuple[
        tuple[PriorityLevel, PriorityLevel, PriorityLevel],
        tuple[PriorityLevel, PriorityLevel, PriorityLevel],
        tuple[PriorityLevel, PriorityLevel, PriorityLevel],
    ] = ((1, 2, 3), (2, 3, 4), (3, 4, 4))
    """A row for each impact, in it a priority for each urgency."""
    priorities: Annotated[tuple[Title, ...], Field(min_length=1, max_length=5)] = (
        "critical",
        "high",
        "moderate",
        "low",
    )
    default_impact: Level = 2
    default_urgency: Level = 2
    offer: OfferRule = OfferRule()
    targets: Annotated[tuple[Target, ...], Field(max_length=MOST_TARGETS)] = ()
    pauses: dict[WaitsFor, tuple[ClockKind, ...]] = Field(default_factory=lambda: dict(_DEFAULT_PAUSES))
    """Which clocks stand still while the work waits for whom."""
    knowledge: Knowledge | None = None
    rules: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES, exclude_if=is_empty)] = ()
    """The first that matches a new ticket decides where it goes; without one, its department or category does."""
    vips: Annotated[tuple[Title, ...], Field(max_length=MOST_VIPS, exclude_if=is_empty)] = ()
    """Requesters whom rules may favour: names in the client's directory, addresses, numbers; `@domain` for all of it."""
    escalations: Annotated[tuple[Escalation, ...], Field(max_length=MOST_ESCALATIONS, exclude_if=is_empty)] = ()
    """Chains of steps for what takes too long. Several may run for one ticket, each once at a time."""
    likeness: Likeness | None = None
    """What is done about tickets that are alike; left out, nothing."""
    phone: Phone | None = None
    """What is said of the telephone; `telephone` has the defaults too."""
    mail: Mail | None = None
    """What requesters are told by mail; left out, what `Mail` says. Read it as `mailing`."""
    close_after_seconds: Annotated[Seconds, Field(alias="close_after")] = 5 * 86_400
    """Elapsed time after which a resolved ticket closes by itself."""
    reopen_within_seconds: Annotated[Seconds, Field(alias="reopen_within")] = 14 * 86_400
    """Elapsed time after resolution within which the requester may reopen it."""
    reopen: Annotated[ReopenRule, Field(exclude_if=runs_on)] = ReopenRule.CONTINUE
    """What becomes of the promise to resolve then."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any], *, source: str = "<document>") -> Self:
        """The policy that `document()` described. Raises PolicyError with every fault; their line is 0."""
        return read_document(cls, document, source=source)

    def document(self) -> dict[str, JsonValue]:
        """The whole policy as JSON values, defaults written out: the form that is hashed, stored and published."""
        document: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return document

    @cached_property
    def document_hash(self) -> str:
        """SHA-256, in hex, of the document as JSON with sorted keys and no spaces, in UTF-8."""
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def version(self) -> str:
        """The name of exactly this content: `sha256:` and the hash of the document."""
        return f"sha256:{self.document_hash}"

    @property
    def mailing(self) -> Mail:
        """What requesters are told by mail, and how often."""
        return self.mail or _USUAL_MAIL

    def tier(self, tier_id: str) -> Tier:
        """The tier of this name. This and the next six raise UnknownNameError for a name that the policy lacks."""
        return _find(self._tiers_by_id, "tier", tier_id)

    def height(self, tier_id: str) -> int:
        """How high a tier stands, from 0."""
        return self.tiers.index(self.tier(tier_id))

    def group(self, group_id: str) -> Group:
        """The group of this name."""
        return _find(self._groups_by_id, "group", group_id)

    def category(self, category_id: str) -> Category:
        """The category of this name."""
        return _find(self._categories_by_id, "category", category_id)

    def find_category(self, category_id: str | None) -> Category | None:
        """The category of this name, if there is one."""
        return self._categories_by_id.get(category_id) if category_id is not None else None

    def department(self, department_id: str) -> Department:
        """The department of this name."""
        return _find(self._departments_by_id, "department", department_id)

    def vendor(self, vendor_id: str) -> Vendor:
        """The vendor of this name."""
        return _find(self._vendors_by_id, "vendor", vendor_id)

    def calendar(self, calendar_id: str) -> BusinessCalendar:
        """The arithmetic of a calendar, one object per policy; `elapsed` counts each second."""
        return _find(self._compiled_calendars, "calendar", calendar_id)

    def groups_of(self, tier_id: str) -> tuple[Group, ...]:
        """The groups of a tier, in the document's order; at least one."""
        return tuple(group for group in self.groups if group.tier == self.tier(tier_id).id)

    def allows(self, from_tier: str, to_tier: str) -> bool:
        """Whether work may go from one tier to the other. Within a tier it always may."""
        return from_tier == to_tier or (from_tier, to_tier) in self.edges

    def entry_group(self, category_id: str) -> Group:
        """The group that a ticket of this category is offered to first."""
        return self.group(self.category(category_id).group)

    def offer_rule(self, group_id: str) -> OfferRule:
        """The group's own rule for offers, or the policy's."""
        return self.group(group_id).offer or self.offer

    def priority(self, impact: int, urgency: int) -> int:
        """The priority of an impact and an urgency, each 1 (high) to 3 (low). Raises ValueError outside of that."""
        if not (1 <= impact <= 3 and 1 <= urgency <= 3):
            raise ValueError(f"impact {impact} and urgency {urgency} must each be 1, 2 or 3")
        return self.matrix[impact - 1][urgency - 1]

    def priority_name(self, priority: int) -> str:
        """What people call a priority. Raises ValueError for one that the policy lacks."""
        if not 1 <= priority <= len(self.priorities):
            raise ValueError(f"priority {priority} must be 1 to {len(self.priorities)}")
        return self.priorities[priority - 1]

    def is_vip(self, *names: str | None) -> bool:
        """Whether any of what a requester is known by, in large or small letters, is among the VIPs."""
        return any(
            name.lower() in self._vips or name.lower().partition("@")[1:] in self._vip_domains for name in names if name
        )

    def escalation(self, escalation_id: str) -> Escalation:
        """The escalation of this name. Raises UnknownNameError."""
        return _find(self._escalations_by_id, "escalation", escalation_id)

    @property
    def telephone(self) -> Phone:
        """What holds of the telephone: as the policy says, or the defaults."""
        return self.phone or Phone()

    @cached_property
    def silences(self) -> tuple[Escalation, ...]:
        """The escalations that begin when nothing is heard of accepted work."""
        return tuple(escalation for escalation in self.escalations if escalation.on.silent_seconds is not None)

    @cached_property
    def rule_table(self) -> RuleTable:
        """The rules, ready to decide."""
        return RuleTable(self.rules)

    def target(
        self, kind: str, *, priority: int, category: str, tier: str | None = None, vendor: str | None = None
    ) -> Target | None:
        """The promise of this kind for such a ticket: the first that matches, in the document's order.

        A promise to resolve that names vendors is one of their contracts, whichever of the two kinds it is called by.
        """
        for target in self._targets_by_kind.get(kind, ()):
            if target.matches(priority=priority, category=category, tier=tier, vendor=vendor):
                return target
        return None

    def promises(self, kind: str) -> bool:
        """Whether there is any promise of this kind, to whatever tickets."""
        return kind in self._targets_by_kind

    def stops(self, party: str, kind: str) -> bool:
        """Whether clocks of this kind stand still while the work waits for this party."""
        return any(party == who and kind in kinds for who, kinds in self.pauses.items())

    @cached_property
    def _targets_by_kind(self) -> dict[str, list[Target]]:
        found: dict[str, list[Target]] = {}
        for target in self.targets:
            found.setdefault(target.kind, []).append(target)
            if target.kind is ClockKind.RESOLUTION and target.vendors is not None:
                found.setdefault(ClockKind.CONTRACT, []).append(target)
        return found

    @cached_property
    def _vips(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self.vips)

    @cached_property
    def _vip_domains(self) -> frozenset[tuple[str, str]]:
        return frozenset(("@", name[1:].lower()) for name in self.vips if name.startswith("@"))

    @cached_property
    def _tiers_by_id(self) -> dict[str, Tier]:
        return {tier.id: tier for tier in self.tiers}

    @cached_property
    def _groups_by_id(self) -> dict[str, Group]:
        return {group.id: group for group in self.groups}

    @cached_property
    def _categories_by_id(self) -> dict[str, Category]:
        return {category.id: category for category in self.categories}

    @cached_property
    def _departments_by_id(self) -> dict[str, Department]:
        return {department.id: department for department in self.departments}

    @cached_property
    def _vendors_by_id(self) -> dict[str, Vendor]:
        return {vendor.id: vendor for vendor in self.vendors}

    @cached_property
    def _escalations_by_id(self) -> dict[str, Escalation]:
        return {escalation.id: escalation for escalation in self.escalations}

    @cached_property
    def _compiled_calendars(self) -> dict[str, BusinessCalendar]:
        return {ELAPSED: BusinessCalendar.elapsed()} | {calendar.id: calendar.compile() for calendar in self.calendars}


def _find(table: Mapping[str, Named], kind: str, name: str) -> Named:
    try:
        return table[name]
    except KeyError:
        raise UnknownNameError(kind, name) from None
