"""The parts of a policy as models.

Field names of a document are those below, but for durations: a document says `within: 4h` where the model has
`within_seconds`. What must hold between the parts stands in `tierdesk_policy.checks`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tierdesk_policy.business_time import BusinessCalendar, CalendarRules
from tierdesk_policy.units import Day, Seconds, WallHours

IDENTIFIER_PATTERN: Final = r"^[a-z][a-z0-9-]{0,39}$"
DAY_AND_MONTH_PATTERN: Final = r"^((0[1-9]|1[0-2])-(0[1-9]|1\d|2\d)|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)$"

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER_PATTERN)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^[^\x00]*$")]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000)]
Level = Annotated[int, Field(strict=True, ge=1, le=3)]
PriorityLevel = Annotated[int, Field(strict=True, ge=1, le=5)]
Share = Annotated[float, Field(strict=True, gt=0, lt=1)]
DayAndMonth = Annotated[str, StringConstraints(pattern=DAY_AND_MONTH_PATTERN)]

MOST_CALENDARS: Final = 100
MOST_TARGETS: Final = 500
ELAPSED: Final = "elapsed"
"""The calendar that every policy has: each second counts."""


def is_empty(value: object) -> bool:
    """Whether a part that a document need not have says nothing. It is left out of what is hashed, so that a policy
    keeps its version when the form of policies grows.
    """
    return not value


class Fact(StrEnum):
    """The seven facts of an incident description."""

    REQUESTER = "requester"
    """Who."""
    LOCATION = "location"
    """Where from."""
    CONTACT = "contact"
    """How to reach them."""
    STEPS_TRIED = "steps_tried"
    """Steps already taken."""
    IMPACT = "impact"
    """Whom and what it stops."""
    DEPARTMENT = "department"
    """The best-suited department."""
    URGENCY = "urgency"
    """How soon."""


DEFAULT_FACTS: Final = (Fact.REQUESTER, Fact.CONTACT, Fact.IMPACT)


class ClockKind(StrEnum):
    """What a promise is about."""

    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    ACCEPTANCE = "acceptance"
    CALLBACK = "callback"
    """Of whoever called and reached nobody."""
    UPDATE = "update"
    """The next word to a requester who has had a first one."""
    VISIT = "visit"
    """How long a tier has the ticket."""
    CONTRACT = "contract"
    """How long a vendor has the work."""


class ReopenRule(StrEnum):
    """What becomes of the promise to resolve when a ticket is reopened."""

    CONTINUE = "continue"
    """Its clock runs on; the time in which the ticket was resolved does not count."""
    RESTART = "restart"
    """The verdict stands, and another clock begins."""


def runs_on(rule: ReopenRule) -> bool:
    """Whether it is the usual rule, which a document need not name; see `is_empty`."""
    return rule is ReopenRule.CONTINUE


class WaitsFor(StrEnum):
    """Whom or what paused work waits for; the words of `tierdesk_contracts.vocabulary.PauseParty`."""

    REQUESTER = "requester"
    VENDOR = "vendor"
    VISIT = "visit"
    CHANGE = "change"


class Part(BaseModel):
    """The base of all parts of a policy: immutable, and an unknown field is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class Mode(StrEnum):
    """How work of a category is passed on; the words of `tierdesk_contracts.vocabulary.Mode`."""

    TIERED = "tiered"
    """Each tier hands the ticket to the next."""
    SWARM = "swarm"
    """One owner invites experts; the ticket does not move."""
    CARRY_THROUGH = "carry_through"
    """One owner keeps the ticket to its end, through all tiers."""


def is_tiered(mode: Mode) -> bool:
    """Whether it is the usual mode, which a document need not name; see `is_empty`."""
    return mode is Mode.TIERED


class Tier(Part):
    """A height of the desk; its place in the list of tiers is how high.

    With `hands_on_incomplete` it hands tickets up as they are, as a bot must, who cannot ask for what a description lacks.
    """

    id: Identifier
    name: Title
    hands_on_incomplete: Annotated[bool, Field(strict=True, exclude_if=is_empty)] = False


class OfferRule(Part):
    """How long a group has to accept an offer, in seconds of the group's calendar, and how often it is asked.

    After `attempts` offers that nobody accepted, the ticket is offered to the group's `fallback`; a group without one
    is asked again for ever.
    """

    accept_within_seconds: Annotated[Seconds, Field(alias="accept_within")] = 1_800
    attempts: Count = 3


class Assign(StrEnum):
    """How the work of a group comes to its people."""

    PULL = "pull"
    """Whoever is free takes the next."""
    PUSH = "push"
    """The desk hands it to whoever is there and has room."""


def is_pulled(assign: Assign) -> bool:
    """Whether it is the usual way, which a document need not name; see `is_empty`."""
    return assign is Assign.PULL


class Group(Part):
    """People, a bot or a vendor that work one queue of one tier, in the hours of `calendar`."""

    id: Identifier
    tier: Identifier
    name: Title
    calendar: Identifier = ELAPSED
    vendor: Identifier | None = None
    skills: Annotated[tuple[Identifier, ...], Field(exclude_if=is_empty)] = ()
    offer: OfferRule | None = None
    fallback: Identifier | None = None
    assign: Annotated[Assign, Field(exclude_if=is_pulled)] = Assign.PULL
    """Of people alone: a bot or a vendor takes what it is offered."""


class Category(Part):
    """A kind of incident, and where it enters the desk: at a group, or at the first of the tier that has all `skills`.

    `description_facts` are what a description must tell before the ticket may be handed to another tier; the weights
    say how much each counts towards the completeness of the description, 1 where nothing is said.
    """

    id: Identifier
    name: Title
    tier: Identifier
    group: Identifier
    skills: Annotated[tuple[Identifier, ...], Field(exclude_if=is_empty)] = ()
    description_facts: tuple[Fact, ...] = DEFAULT_FACTS
    fact_weights: dict[Fact, Annotated[float, Field(strict=True, gt=0, le=100)]] = Field(default_factory=dict)
    knowledge: bool = True
    """Whether a documented problem of this category may go to the knowledge group instead of its entry group."""
    mode: Annotated[Mode, Field(exclude_if=is_tiered)] = Mode.TIERED

    def weight(self, fact: Fact) -> float:
        """How much a required fact counts."""
        return self.fact_weights.get(fact, 1.0)


class Department(Part):
    """A department that a requester can name as the best suited one. With `overrides`, naming it decides the group."""

    id: Identifier
    name: Title
    group: Identifier
    overrides: bool = False


class Calendar(Part):
    """The working hours of somebody. Its arithmetic is `Policy.calendar(id)`.

    Order of strength: holiday, break, date override, weekly hours. All dates are dates in `tz`.
    """

    id: Identifier
    tz: str
    weekly: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], tuple[WallHours, ...]] = Field(
        default_factory=dict
    )
    holidays: tuple[Day, ...] = ()
    holidays_annual: tuple[DayAndMonth, ...] = ()
    country: str | None = None
    """ISO 3166 code of the country whose public holidays are closed."""
    subdivision: str | None = None
    date_overrides: dict[Day, tuple[WallHours, ...]] = Field(default_factory=dict)
    breaks: dict[Day, tuple[WallHours, ...]] = Field(default_factory=dict)

    def compile(self) -> BusinessCalendar:
        """The arithmetic of this calendar. Raises ValueError for a zone or country that does not exist."""
        return BusinessCalendar(
            CalendarRules(
                tz=self.tz,
                weekly={day: tuple(hours) for day, hours in self.weekly.items()},
                holidays=frozenset(self.holidays),
                holidays_annual=frozenset(self.holidays_annual),
                country=self.country,
                subdivision=self.subdivision,
                date_overrides=self.date_overrides,
                breaks=self.breaks,
            )
        )


class Target(Part):
    """A promise: within so many seconds of a calendar. A list that is left out matches everything.

    `warn_at` are shares of `within_seconds` at which to warn.
    """

    kind: ClockKind
    within_seconds: Annotated[Seconds, Field(alias="within")]
    calendar: Identifier = ELAPSED
    warn_at: tuple[Share, ...] = (0.8,)
    priorities: Annotated[tuple[PriorityLevel, ...] | None, Field(min_length=1)] = None
    categories: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    tiers: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    vendors: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None

    def matches(self, *, priority: int, category: str, tier: str | None, vendor: str | None) -> bool:
        """Whether the promise is made for such a ticket."""
        return (
            (self.priorities is None or priority in self.priorities)
            and (self.categories is None or category in self.categories)
            and (self.tiers is None or tier in self.tiers)
            and (self.vendors is None or vendor in self.vendors)
        )


class VendorContract(Part):
    """The paper behind a vendor: its name, and its first and last day. A day that is left out bounds nothing.

    It is a record. What the contract says is the rest of the policy: `covers`, the hours of the vendor's group, its
    `offer`, the targets and escalations that name the vendor.
    """

    reference: Title | None = None
    starts: Day | None = None
    ends: Day | None = None


class Vendor(Part):
    """An outside supplier: the group whose queue it works, and the categories it covers; all when none are named."""

    id: Identifier
    name: Title
    group: Identifier
    covers: tuple[Identifier, ...] = ()
    contract: VendorContract | None = None

    def covers_category(self, category_id: str) -> bool:
        """Whether the contract covers incidents of this category."""
        return not self.covers or category_id in self.covers

    def namespace(self, tenant: str) -> str:
        """The virtual host in which the vendor meets this tenant's desk."""
        return f"v-{tenant}.{self.id}"


WAIT_SECONDS: Final = 3 * 86_400
"""How long self-service waits to hear whether an article helped, where a policy says nothing."""


def is_usual_wait(seconds: int) -> bool:
    """Whether it is the usual time, which a document need not name; see `is_empty`."""
    return seconds == WAIT_SECONDS


class Knowledge(Part):
    """Documented problems go to `group` when the best article scores at least `threshold`.

    From the tier `owed_from` up, what is resolved leaves an article, the draft of one, or the reason why none is needed.
    Self-service that has answered with an article waits for `wait_seconds` of its group's calendar.
    """

    group: Identifier
    threshold: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.7
    owed_from: Identifier | None = None
    wait_seconds: Annotated[Seconds, Field(alias="wait", exclude_if=is_usual_wait)] = WAIT_SECONDS
