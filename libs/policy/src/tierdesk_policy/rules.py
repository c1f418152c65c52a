"""The decision table: rules that say where a ticket goes and how pressing it is; the first that matches decides.

A rule has columns, each a list of values that match, and may have a condition. Columns are looked up for all rules at
once; conditions run for the rules that are left, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from tierdesk_policy.columns import Column
from tierdesk_policy.expressions import Condition, ConditionText, UndecidableError, compile_condition, context_of
from tierdesk_policy.parts import Identifier, Level, Part, PriorityLevel, Text

MOST_RULES: Final = 1_000
ChannelName = Literal["portal", "web_form", "phone", "mail", "chat", "social", "alert", "api"]
"""The channels of `tierdesk_contracts.vocabulary.Channel`: here a word that is none is a slip of the pen."""
COLUMNS: Final = {
    "categories": "category",
    "departments": "department",
    "channels": "channel",
    "impacts": "impact",
    "urgencies": "urgency",
    "priorities": "priority",
    "vip": "vip",
}
"""The columns of a rule, each with the fact that it looks at."""

Outcome = Literal["group", "priority"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("group", "priority")
"""What a rule may decide."""


class Facts(NamedTuple):
    """What rules look at. `category` and `priority` are those that the policy gives without rules."""

    category: str
    priority: int
    impact: int
    urgency: int
    channel: str
    department: str | None = None
    vip: bool = False
    title: str = ""
    text: str = ""
    location: str | None = None
    affected: str | None = None
    asset: str | None = None
    steps_tried: tuple[str, ...] = ()


class Rule(Part):
    """Where tickets go that match every column and the condition; a column that is left out matches everything.

    It names a group, a priority, or both, and decides what no earlier one has decided. Instead of a group it may name a
    tier, whose first group with all of `skills` is meant. `because` is told with the decision.
    """

    id: Identifier
    categories: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    departments: Annotated[tuple[Identifier, ...] | None, Field(min_length=1)] = None
    channels: Annotated[tuple[ChannelName, ...] | None, Field(min_length=1)] = None
    impacts: Annotated[tuple[Level, ...] | None, Field(min_length=1)] = None
    urgencies: Annotated[tuple[Level, ...] | None, Field(min_length=1)] = None
    priorities: Annotated[tuple[PriorityLevel, ...] | None, Field(min_length=1)] = None
    vip: bool | None = None
    when: ConditionText | None = None
    tier: Identifier | None = None
    skills: tuple[Identifier, ...] = ()
    group: Identifier | None = None
    priority: PriorityLevel | None = None
    because: Text = ""

    @property
    def condition(self) -> Condition | None:
        """Its condition, compiled."""
        return None if self.when is None else compile_condition(self.when)

    def values(self, column: str) -> tuple[Any, ...] | None:
        """What matches in this column, as the author wrote it; None when everything does."""
        found = getattr(self, column)
        return found if found is None or isinstance(found, tuple) else (found,)


class Decision(NamedTuple):
    """The rules that decide: the first that matches and names a group, the first that matches and names a priority."""

    group: Rule | None
    priority: Rule | None


class Judgement(NamedTuple):
    """What became of one rule in a decision."""

    rule: Rule
    decides: tuple[Outcome, ...]
    why: str


class RuleTable:
    """The rules of a policy, ready to decide. Immutable."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._conditions = [rule.condition for rule in self._rules]
        self._names_group = _bits_where(rule.group is not None for rule in self._rules)
        self._names_priority = _bits_where(rule.priority is not None for rule in self._rules)
        columns = {fact: Column([rule.values(name) for rule in self._rules]) for name, fact in COLUMNS.items()}
        self._columns = [(Facts._fields.index(fact), column) for fact, column in columns.items() if not column.is_open]

    def decide(self, facts: Facts) -> Decision:
        """The rules that decide. One whose condition cannot be decided does not match."""
        left = self._match_columns(facts)
        context = None
        group: Rule | None = None
        priority: Rule | None = None
        while left:
            lowest = left & -left
            number = lowest.bit_length() - 1
            rule, condition = self._rules[number], self._conditions[number]
            if condition is not None and context is None:
                context = context_of(values_of(facts))
            left ^= lowest
            if condition is not None and not _holds(condition, context):
                continue
            if group is None and rule.group is not None:
                group = rule
                left &= self._names_priority
            if priority is None and rule.priority is not None:
                priority = rule
                left &= self._names_group
        return Decision(group, priority)

    def judge(self, facts: Facts) -> Iterator[Judgement]:
        """Every rule in order, with the reason why it decides or does not."""
        decision = self.decide(facts)
        context = context_of(values_of(facts))
        for rule, condition in zip(self._rules, self._conditions, strict=True):
            decides = tuple(what for what in OUTCOMES if getattr(decision, what) is rule)
            if decides:
                yield Judgement(rule, decides, _why_matches(rule))
            else:
                why = _why_not(rule, condition, facts, context)
                yield Judgement(rule, (), why or _why_late(rule, decision))

    def _match_columns(self, facts: Facts) -> int:
        left = (1 << len(self._rules)) - 1
        for place, column in self._columns:
            left &= column.matching(facts[place])
        return left


def _bits_where(flags: Iterable[bool]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)


def _holds(condition: Condition, context: Any) -> bool:
    try:
        return condition.holds(context)
    except UndecidableError:
        return False  # why is told by `RuleTable.judge`


def values_of(facts: Facts) -> dict[str, Any]:
    """The facts as conditions see them: text that was not said is empty."""
    return {name: "" if value is None else value for name, value in facts._asdict().items()} | {
        "steps_tried": list(facts.steps_tried)
    }


def _why_matches(rule: Rule) -> str:
    told = [
        _vip(bool(rule.vip)) if fact == "vip" else f"{fact} is {_listed(rule.values(column) or ())}"
        for column, fact in COLUMNS.items()
        if rule.values(column)
    ]
    if rule.when is not None:
        told.append(f"the condition holds: {rule.when}")
    return "; ".join(told) or "it asks for nothing"


def _why_late(rule: Rule, decision: Decision) -> str:
    """Which rules before this one have decided what it would."""
    earlier = (getattr(decision, what) for what in OUTCOMES if getattr(rule, what) is not None)
    names = list(dict.fromkeys(one.id for one in earlier))
    return f"matches too, but {' and '.join(names)} {'comes' if len(names) == 1 else 'come'} before it"


def _why_not(rule: Rule, condition: Condition | None, facts: Facts, context: Any) -> str:
    for column, fact in COLUMNS.items():
        values, actual = rule.values(column), getattr(facts, fact)
        if values is not None and actual not in values:
            return _vip(actual) if fact == "vip" else f"{fact} is {_word(actual)}, not {_listed(values)}"
    if condition is not None:
        try:
            if not condition.holds(context):
                return f"the condition does not hold: {rule.when}"
        except UndecidableError as error:
            return f"the condition cannot be decided ({error}): {rule.when}"
    return ""


def _vip(value: bool) -> str:
    return f"the requester is {'a' if value else 'no'} VIP"


def _listed(values: Sequence[Any]) -> str:
    return " or ".join(_word(value) for value in values)


def _word(value: Any) -> str:
    if value is None:
        return "not said"
    return str(value)
