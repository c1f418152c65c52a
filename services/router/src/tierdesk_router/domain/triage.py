"""Triage: category, priority, and the group that shall have the ticket first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tierdesk_contracts import ticket as events
from tierdesk_policy import Category, Department, Facts, Group, Mode, Policy, Rule
from tierdesk_router.domain.likeness import RECURRING
from tierdesk_router.domain.ticket import Ticket

_LEVELS: Final = {1: "high", 2: "medium", 3: "low"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What triage decided, ready to be recorded."""

    category: Category
    impact: int
    urgency: int
    priority: int
    group: Group
    rule: str
    because: tuple[str, ...]


def triage(ticket: Ticket, policy: Policy, *, vip: bool = False) -> Verdict:
    """Decide by policy alone; the same ticket and policy give the same verdict."""
    facts = facts_of(ticket, policy, vip=vip)
    decision = policy.rule_table.decide(facts)
    category, priority = policy.category(facts.category), facts.priority
    because = [_entry(ticket, category, policy), _weigh(ticket, facts, policy)]
    if vip:
        because.append("The requester is a VIP.")
    group, rule = policy.entry_group(category.id), f"category {category.id}"
    department = next((entry for entry in policy.departments if entry.id == ticket.department), None)
    if decision.group is not None and decision.group.group is not None:
        group, rule = policy.group(decision.group.group), f"rule {decision.group.id}"
        if department is not None and department.overrides:
            because.append(f"The department {department.id} has group {department.group}, but a rule goes before it.")
        both = f" and makes it priority {decision.group.priority}" if decision.priority is decision.group else ""
        because.append(_told(decision.group, f"sends it to group {group.id} of tier {group.tier}{both}"))
    elif department is not None and department.overrides:
        group, rule = policy.group(department.group), f"department {department.id}"
        because.append(
            f"The best-suited department is {department.id}, which goes before the category: {group.id} of tier "
            f"{group.tier} gets it."
        )
    elif ticket.department is not None:
        because.append(_overlooked(ticket.department, department))
    if decision.priority is not None and decision.priority.priority is not None:
        priority = decision.priority.priority
        if decision.priority is not decision.group:
            because.append(_told(decision.priority, f"makes it priority {priority}"))
    return Verdict(category, facts.impact, facts.urgency, priority, group, rule, tuple(because))


def facts_of(ticket: Ticket, policy: Policy, *, vip: bool) -> Facts:
    """What the rules of the policy look at; what was not said is the policy's default."""
    category = policy.find_category(ticket.category) or policy.category(policy.default_category)
    impact, urgency = ticket.impact or policy.default_impact, ticket.urgency or policy.default_urgency
    return Facts(
        category=category.id,
        priority=policy.priority(impact, urgency),
        impact=impact,
        urgency=urgency,
        channel=ticket.channel.value,
        department=ticket.department,
        vip=vip,
        title=ticket.title,
        text=ticket.text,
        location=ticket.location,
        affected=ticket.affected,
        asset=ticket.asset,
        steps_tried=tuple(tried.step for tried in ticket.steps_tried),
    )


def _entry(ticket: Ticket, category: Category, policy: Policy) -> str:
    """Under which category the ticket is taken, and why."""
    where = f"enters at tier {category.tier}, group {policy.entry_group(category.id).id}"
    if ticket.category == category.id:
        return f"The category is {category.id}, which {where}."
    said = "No category was given" if ticket.category is None else f"The category {ticket.category} is not known"
    return f"{said}: taken as {category.id}, which {where}."


def _weigh(ticket: Ticket, facts: Facts, policy: Policy) -> str:
    """Which priority the matrix gives, and what of its two sides nobody told."""
    impact, urgency = _level(facts.impact, ticket.impact), _level(facts.urgency, ticket.urgency)
    named = policy.priority_name(facts.priority)
    return f"Impact {impact} and urgency {urgency} make priority {facts.priority} ({named})."


def _level(counts: int, told: int | None) -> str:
    return f"{counts} ({_LEVELS[counts]}{'' if told else ', the default, as none was told'})"


def _overlooked(named: str, department: Department | None) -> str:
    """Why the department that the requester named decides nothing."""
    if department is None:
        return f"The department {named} is not known."
    return f"The best-suited department is {named}, which does not go before the category."


def _told(rule: Rule, what: str) -> str:
    return f"The rule {rule.id} {what}{': ' + rule.because if rule.because else '.'}"


def raise_to(verdict: Verdict, tier: str, policy: Policy, rule: str, sentence: str) -> Verdict:
    """The verdict, sent up to `tier` unless it stands there or higher already, with the sentence that tells why."""
    if policy.height(verdict.group.tier) >= policy.height(tier):
        return replace(verdict, because=(*verdict.because, sentence))
    in_house = [group for group in policy.groups_of(tier) if group.vendor is None]
    skilled = [group for group in in_house if set(verdict.category.skills) <= set(group.skills)]
    group = (skilled or in_house)[0]
    return replace(
        verdict, group=group, rule=rule, because=(*verdict.because, f"{sentence} So it goes to tier {tier}.")
    )


def explain(verdict: Verdict, policy: Policy) -> events.Explanation:
    """The verdict's reasons, with the version of the policy that gave them."""
    return events.Explanation(rule=verdict.rule, because=verdict.because, policy_version=policy.version)


def knowledge_group(ticket: Ticket, policy: Policy, *, moving: bool = False) -> Group | None:
    """The group that takes documented problems, if this ticket may still go down to it.

    It may while nobody has accepted it, when its category allows it, when it stands higher than that group, and when
    no vendor's contract covers it; and unless it went up because its kind recurs. `moving` says that it was under way
    before: then it stays where it is if its category is swarmed or carried through, that is, not moved between tiers.
    """
    assignment = ticket.assignment
    if ticket.rule == RECURRING:  # an article helps its reader; what recurs needs its cause to be found
        return None
    if policy.knowledge is None or assignment is None or assignment.worker is not None or assignment.vendor is not None:
        return None
    group = policy.group(policy.knowledge.group)
    higher = policy.height(assignment.tier) > policy.height(group.tier)
    category = policy.find_category(ticket.category)
    allowed = category is not None and category.knowledge and not (moving and category.mode is not Mode.TIERED)
    return group if higher and allowed else None
