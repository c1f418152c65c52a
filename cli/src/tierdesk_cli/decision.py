"""How the command line tells a decision of triage: where a ticket goes, which rule decided, and why the others did not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from tierdesk_cli.tickets import clean
from tierdesk_cli.wording import tell_group
from tierdesk_contracts import ticket as events
from tierdesk_policy import Facts, Policy, RecurringRule
from tierdesk_router.domain.likeness import RECURRING, Subject, lookups, tell_span
from tierdesk_router.domain.triage import Verdict


class Decision(NamedTuple):
    """What triage decided, and its reasons, a sentence each."""

    group: str
    priority: int
    rule: str
    because: tuple[str, ...]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """A decision that was made just now."""
        return cls(verdict.group.id, verdict.priority, verdict.rule, verdict.because)

    @classmethod
    def recorded(cls, event: events.Triaged) -> Self:
        """The decision that a ticket's log has."""
        return cls(event.group, event.priority, event.explanation.rule, event.explanation.because)


def tell_rule(rule: str) -> str:
    """What decided, as it is said in a sentence."""
    return "its kind, which recurs" if rule == RECURRING else f"the {rule}"


def print_decision(decision: Decision, facts: Facts, policy: Policy, console: Console, *, verb: str = "Goes") -> None:
    """Where it goes, the reasons as they are recorded, and every rule of the policy with what became of it."""
    group, named = policy.group(decision.group), policy.priority_name(decision.priority)
    identifier = "" if group.name == group.id else f" ({group.id})"
    tier = policy.tier(group.tier)
    of_tier = f"tier {tier.id}" if tier.name.lower() == tier.id else f"tier {tier.id} {tier.name}"
    sentence = (
        f"{verb} to {group.name}{identifier}, {of_tier}, with priority {decision.priority} ({named}): decided by "
        f"{tell_rule(decision.rule)}."
    )
    console.print(clean(sentence), highlight=False, soft_wrap=True)
    print_section("Why", decision.because, console)
    rows = [
        (judged.rule.id, f"decides the {' and the '.join(judged.decides)}" if judged.decides else "no", judged.why)
        for judged in policy.rule_table.judge(facts)
    ]
    if rows:
        print_section("The rules in their order; the first that matches decides", rows, console)
    else:
        print_section("The rules", ["The policy has none."], console)


def tell_turns(verdict: Verdict, subject: Subject, policy: Policy) -> list[str]:
    """What a desk may know of an event that would send it elsewhere at once."""
    told = []
    group, height = verdict.group, policy.height(verdict.group.tier)
    known = policy.knowledge
    if known and verdict.category.knowledge and group.vendor is None and verdict.rule != RECURRING:
        helper = policy.group(known.group)
        if policy.height(helper.tier) < height:
            told.append(
                f"If an article fits it with a score of {known.threshold:.2f} or more, it goes down to "
                f"{tell_group(helper.id, policy)} with the article."
            )
    for lookup in lookups(subject, policy):
        rule = lookup.rule
        if isinstance(rule, RecurringRule) and policy.height(rule.tier) > height:
            others = "another" if rule.count == 2 else f"{rule.count - 1} others"
            told.append(
                f"If {others} of its kind ({lookup.told}) came in the {tell_span(rule.within_seconds)} before it, it goes "
                f"up to tier {rule.tier}."
            )
    return told


def print_section(heading: str, rows: Iterable[str | Sequence[str]], console: Console) -> None:
    """A heading, and under it, in from the margin, sentences or rows of aligned columns."""
    console.print(f"\n[bold]{clean(heading)}[/bold]", highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*map(clean, (row,) if isinstance(row, str) else row))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
