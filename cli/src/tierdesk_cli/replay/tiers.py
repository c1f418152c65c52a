"""Groups of an export mapped to tiers, by one rule, and the policy of the desk that replays it.

The rule: a group's place is the mean number of groups that had had an incident before it. A place below 0.9 makes it
L1, below 1.4 L2, else L3. What no group had yet lies in the queue `unassigned` of L1, as in the desk it came from.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from tierdesk_cli.replay.export import Incident
from tierdesk_policy import Policy, load_policy

UNASSIGNED: Final = "unassigned"
RULE: Final = "a group's tier is its mean place in the hand-offs: below 0.9 l1, below 1.4 l2, else l3; no group yet: l1"
_BOUNDS: Final = (("l1", 0.9), ("l2", 1.4))


def group_name(group: str | None) -> str:
    """The group's identifier in the policy, its own: names that would become alike get a digest at their end."""
    if group is None:
        return UNASSIGNED
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in group.lower())
    if plain.replace("-", " ").capitalize() == group and len(plain) <= 34:
        return f"group-{plain}"
    return f"group-{plain[:25]}-{hashlib.sha256(group.encode()).hexdigest()[:8]}"


def title(group: str) -> str:
    """What people call the group of this identifier."""
    if group == UNASSIGNED:
        return "No group yet"
    words = " ".join(group.removeprefix("group-").replace("-", " ").split()).capitalize()
    return f"Group {words}" if words.isdigit() else words


def map_groups(incidents: Sequence[Incident]) -> dict[str, str]:
    """The tier of each group, by the rule above."""
    places: dict[str, list[int]] = defaultdict(list)
    for incident in incidents:
        place, last = 0, None
        for update in incident.updates:
            if update.group is not None and update.group != last:
                places[group_name(update.group)].append(place)
                place, last = place + 1, update.group
    tiers = {group: _tier(sum(found) / len(found)) for group, found in places.items()}
    return {UNASSIGNED: "l1", **tiers}


def _tier(place: float) -> str:
    return next((tier for tier, bound in _BOUNDS if place < bound), "l3")


def replay_policy(tiers: dict[str, str]) -> Policy:
    """A desk with these groups in which any tier may hand on to any other.

    Nothing happens in it by itself, since the export says what happened: offers wait for a year, and resolved tickets
    do not close until the export says so. Promises and pauses are the shipped defaults.
    """
    used = sorted(set(tiers.values()))
    year = "365d"
    document: dict[str, Any] = {
        "name": "replay of an export",
        "tiers": [{"id": tier, "name": tier.upper()} for tier in used],
        "groups": [{"id": group, "tier": tier, "name": title(group)} for group, tier in sorted(tiers.items())],
        "edges": [[one, other] for one in used for other in used if one != other],
        "categories": [
            {
                "id": "incident",
                "name": "Incident",
                "tier": "l1",
                "group": UNASSIGNED,
                "description_facts": ["requester"],
            }
        ],
        "departments": [
            {"id": group, "name": title(group), "group": group, "overrides": True} for group in sorted(tiers)
        ],
        "calendars": [
            {
                "id": "business-hours",
                "tz": "UTC",
                "weekly": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
            }
        ],
        "offer": {"accept_within": year, "attempts": 1},
        "targets": [
            {"kind": "first_response", "within": "6h"},
            {"kind": "resolution", "within": "4h", "priorities": [1]},
            {"kind": "resolution", "within": "8h", "calendar": "business-hours", "priorities": [2]},
            {"kind": "resolution", "within": "24h", "calendar": "business-hours", "priorities": [3]},
            {"kind": "resolution", "within": "40h", "calendar": "business-hours"},
        ],
        "pauses": {"requester": ["resolution"], "vendor": [], "visit": [], "change": ["resolution"]},
        "close_after": year,
        "reopen_within": year,
    }
    return load_policy(json.dumps(document), source="replay")
