"""The record of a vendor's contract: remarked when it is not in force, refused when it cannot be."""

from datetime import date

import pytest

from tierdesk_policy import Policy, PolicyError, load_policy, review_policy

CONTRACTED = """
name: A desk with a supplier
tiers: [{id: l1}, {id: l4}]
edges: [[l1, l4], [l4, l1]]
groups: [{id: desk, tier: l1}, {id: repair, tier: l4, vendor: acme}]
categories: [{id: other, tier: l1, group: desk}]
vendors:
  - id: acme
    group: repair
"""


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        (
            "{starts: 2026-02-01, ends: 2026-03-01}",
            "vendors.0.contract.ends: the contract of acme ended on 2026-03-01; ",
        ),
        ("{starts: 2026-03-03}", "vendors.0.contract.starts: the contract of acme begins on 2026-03-03; "),
        ("{starts: 2026-03-02, ends: 2026-03-02}", None),
        ("{reference: C-1}", None),
    ],
)
def test_a_contract_that_is_not_in_force_today_is_remarked(contract, told):
    text = f"{CONTRACTED}    contract: {contract}\n"
    policy, remarks = review_policy(text, source="desk.yaml", today=date(2026, 3, 2))
    assert [str(remark).startswith(f"desk.yaml:10: {told}") for remark in remarks] == ([True] if told else [])
    assert review_policy(text, source="desk.yaml")[1] == ()
    assert Policy.from_document(policy.document()) == policy


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        ("{starts: 2026-03-02, ends: 2026-03-01}", "ends: the contract ends before it starts, which is on 2026-03-02"),
        ("{ends: soon}", "ends: "),
        ("{price: 3}", "price: "),
    ],
)
def test_a_contract_that_cannot_be_is_a_fault_with_its_line(contract, told):
    with pytest.raises(PolicyError) as refused:
        load_policy(f"{CONTRACTED}    contract: {contract}\n", source="desk.yaml")
    (fault,) = refused.value.faults
    assert str(fault).startswith(f"desk.yaml:10: vendors.0.contract.{told}")


def test_a_vendor_without_a_contract_has_the_version_that_it_had():
    assert "contract" not in load_policy(CONTRACTED).document()["vendors"][0]
