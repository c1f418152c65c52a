"""What happens in the demonstration: portal events, a monitor's alert and phone calls, written for it."""

from __future__ import annotations

from typing import Any, Final


def _person(name: str) -> dict[str, str]:
    return {"party": f"{name.lower().replace(' ', '.')}@example.org", "name": name, "phone": "+44 20 7946 0000"}


PORTAL: Final[tuple[dict[str, Any], ...]] = (
    {
        "title": "I cannot sign in, my password has expired",
        "category": "password-reset",
        "requester": _person("Ben Baker"),
        "impact": 3,
        "urgency": 1,
    },
    {
        "title": "How do I connect to the VPN from home?",
        "text": "New laptop, working from home since Monday.",
        "category": "how-to",
        "requester": _person("Cleo Carter"),
        "impact": 3,
        "urgency": 2,
    },
    {
        "title": "The wireless network in the canteen is slow",
        "category": "network",
        "location": "Canteen",
        "affected": "Everybody who has lunch",
        "requester": _person("Dan Dyer"),
        "impact": 2,
        "urgency": 3,
        "steps_tried": [{"step": "Turned wireless off and on", "result": "No change"}],
    },
    {
        "title": "Laptop does not charge",
        "text": "Tried two sockets and a colleague's charger.",
        "category": "pc-and-laptop",
        "requester": _person("Eva Evans"),
        "impact": 3,
        "urgency": 1,
    },
    {
        "title": "The copier on floor 3 jams on every second page",
        "category": "printer-and-copier-machine",
        "location": "London, floor 3",
        "asset": "COPIER-0317",
        "requester": _person("Finn Foster"),
        "impact": 2,
        "urgency": 2,
    },
    {
        "title": "The label printer prints blank labels",
        "category": "printer",
        "location": "Warehouse",
        "requester": _person("Hal Hughes"),
        "impact": 2,
        "urgency": 2,
    },
    {
        "title": "The invoicing program forgets its settings",
        "category": "software",
        "requester": _person("Iris Irwin"),
        "impact": 3,
        "urgency": 2,
    },
    {
        "title": "Month-end report runs for hours",
        "category": "database",
        "affected": "The finance team cannot close the month",
        "requester": _person("Gwen Grant"),
        "impact": 1,
        "urgency": 1,
    },
)

ALERT: Final[dict[str, Any]] = {
    "type": "alert",
    "source": "monitor",
    "fingerprint": "disk-db-2",
    "title": "Disk of db-2 is 91 % full",
    "category": "server",
    "asset": "db-2",
    "impact": 2,
    "urgency": 1,
}

CALLS: Final[tuple[tuple[dict[str, str], ...], ...]] = (
    (
        {"event": "newCall", "direction": "in", "callId": "demo-1", "from": "+442079460101", "to": "+442079460100"},
        {"event": "answer", "direction": "in", "callId": "demo-1", "answeringNumber": "+442079460111"},
        {"event": "hangup", "direction": "in", "callId": "demo-1", "cause": "normalClearing"},
    ),
    (
        {"event": "newCall", "direction": "in", "callId": "demo-2", "from": "+442079460102", "to": "+442079460100"},
        {"event": "hangup", "direction": "in", "callId": "demo-2", "cause": "cancel"},
    ),
)
"""An answered call, and one whose caller gave up. The second's events are posted in the wrong order and twice."""

PEOPLE: Final[tuple[str, ...]] = ("ann@example.org", *(report["requester"]["party"] for report in PORTAL))
"""Who is in the directory of the password reset bot, each by mail address."""

WAITING: Final[tuple[dict[str, Any], ...]] = (
    {
        "title": "The spreadsheet prints half of each page on a page of its own",
        "text": "Since this morning. Yesterday it fitted.",
        "category": "usage",
        "requester": _person("Gus Grant"),
        "location": "Building B, room 12",
        "affected": "The month's closing",
        "impact": 3,
        "urgency": 2,
        "steps_tried": [{"step": "Chose another printer", "result": "The same"}],
    },
    {
        "title": "The shop's second till is off the network",
        "text": "The first one works. The cable looks fine.",
        "category": "network",
        "requester": _person("Ivy Innes"),
        "location": "Shop, ground floor",
        "impact": 1,
        "urgency": 1,
    },
    {
        "title": "My computer takes ten minutes to start",
        "category": "performance",
        "requester": _person("Max Moore"),
        "impact": 3,
        "urgency": 3,
    },
    {
        "title": "Where do I change my name after my wedding?",
        "text": "It is Nora Nash-Nolan now.",
        "category": "usage",
        "requester": _person("Nora Nash"),
        "impact": 3,
        "urgency": 3,
    },
)
"""What waits for whoever tries the desk out."""
FAULT: Final[dict[str, Any]] = {
    "title": "The badge terminal at the gate shows a grey screen",
    "text": "The screen of the terminal is grey.",
    "impact": 2,
    "urgency": 2,
    "affected": "Everybody who comes in",
    "location": "Main gate",
    "steps_tried": [{"step": "Pulled its plug", "result": "Still grey"}],
}
"""A fault that happens more than once; its description lacks nothing."""
FAULT_REPORTERS: Final = tuple(_person(name) for name in ("Jo Jones", "Kim King", "Lou Lane"))
