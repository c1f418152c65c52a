"""A small desk: three tiers in house and a vendor on top."""

import pytest

from tierdesk_policy import Policy, load_policy

DESK = """
name: test desk
tiers:
  - {id: l0, name: Self-service}
  - {id: l1, name: Generalists}
  - {id: l2, name: Specialists}
  - {id: l4, name: Vendors}
groups:
  - {id: self-service, tier: l0, name: Self-service}
  - {id: service-desk, tier: l1, name: Service desk, offer: {accept_within: 15m, attempts: 2}, fallback: duty}
  - {id: duty, tier: l1, name: Duty}
  - {id: workplace, tier: l2, name: Workplace}
  - {id: network, tier: l2, name: Network}
  - {id: printer-vendor, tier: l4, name: Printer vendor, vendor: printer}
edges: [[l0, l1], [l1, l2], [l1, l4], [l2, l4], [l2, l1], [l4, l2], [l4, l1]]
categories:
  - {id: usage, name: Usage, tier: l1, group: service-desk, description_facts: [requester, contact, location]}
  - {id: how-to, name: How to, tier: l0, group: self-service}
  - {id: laptop, name: Laptop, tier: l2, group: workplace}
  - {id: printer, name: Printer machine, tier: l4, group: printer-vendor}
default_category: usage
departments:
  - {id: networks, name: Networks, group: network, overrides: true}
vendors:
  - {id: printer, name: Printer Ltd, group: printer-vendor, covers: [printer]}
targets:
  - {kind: first_response, within: 6h}
  - {kind: resolution, within: 2d}
knowledge: {group: service-desk, threshold: 0.6}
close_after: 5d
reopen_within: 14d
"""


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(DESK)
