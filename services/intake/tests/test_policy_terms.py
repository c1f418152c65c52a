"""What intake takes from the policy in force: the names of categories and departments."""

from datetime import UTC, datetime, timedelta

from tierdesk_policy import load_policy

PROBLEM = {"type": "problem_reported", "requester": {"party": "ann"}, "title": "No mail"}
ALERT = {"type": "alert", "source": "monitor", "fingerprint": "a1bc", "title": "Hot"}


def test_before_the_first_policy_any_category_is_taken(shared_intake):
    with shared_intake.client() as client:
        answer = client.post("/v1/events", json=PROBLEM | {"category": "network", "department": "it"})
    assert answer.status_code == 202


def test_an_unknown_category_or_department_is_refused_with_what_is_known(intake):
    intake.apply_policy(categories=["network", "printer"], departments=["it"])
    intake.wait_for_terms(1)
    with intake.client() as client:
        for event, field, known in (
            (PROBLEM | {"category": "coffee"}, "category", "network, printer"),
            (ALERT | {"category": "coffee"}, "category", "network, printer"),
            (PROBLEM | {"department": "hr"}, "department", "it"),
        ):
            answer = client.post("/v1/events", json=event)
            assert answer.status_code == 422
            (error,) = answer.json()["errors"]
            assert error["field"] == field
            assert known in error["message"]
        assert client.post("/v1/events", json=PROBLEM | {"category": "printer", "department": "it"}).status_code == 202
    assert intake.count("ticket") == 1


def test_a_policy_without_departments_takes_any(intake):
    intake.apply_policy(categories=["network"])
    intake.wait_for_terms(1)
    with intake.client() as client:
        assert client.post("/v1/events", json=PROBLEM | {"department": "hr"}).status_code == 202


def test_a_repetition_is_answered_even_when_the_category_has_gone(intake):
    key = {"Idempotency-Key": "key-1"}
    with intake.client() as client:
        first = client.post("/v1/events", json=PROBLEM | {"category": "network"}, headers=key)
        intake.apply_policy(categories=["printer"])
        intake.wait_for_terms(1)
        assert client.post("/v1/events", json=PROBLEM | {"category": "network"}).status_code == 422
        assert client.post("/v1/events", json=PROBLEM | {"category": "network"}, headers=key).content == first.content


def test_the_policy_that_was_applied_last_counts_in_whatever_order_they_come(intake):
    now = datetime.now(UTC)
    intake.apply_policy(categories=["printer"], applied_at=now)
    intake.wait_for_terms(1)
    intake.apply_policy(categories=["network"], applied_at=now - timedelta(hours=1))
    intake.apply_policy(tenant="other", categories=["network"], applied_at=now)
    intake.wait_for_terms(2)
    (row,) = intake.query("SELECT categories FROM intake.policy_terms WHERE tenant = 'main'")
    assert row["categories"] == ["printer"]


def test_a_document_that_is_no_policy_is_parked_and_changes_nothing(intake):
    intake.apply_policy(categories=["printer"])
    intake.wait_for_terms(1)
    intake.apply_policy(groups=["l1"])
    intake.apply_policy(tenant="other", categories=["network"])
    intake.wait_for_terms(2)
    (parked,) = intake.query("SELECT type, reason FROM intake.parked")
    assert parked["type"] == "policy.applied.v1"
    assert intake.query("SELECT categories FROM intake.policy_terms WHERE tenant = 'main'")[0]["categories"] == [
        "printer"
    ]


def test_the_document_of_a_real_policy_is_read(intake):
    policy = load_policy(
        """
        name: test
        tiers: [{id: l1, name: One}]
        groups: [{id: desk, tier: l1, name: Desk}]
        categories: [{id: network, name: Network, tier: l1, group: desk}]
        departments: [{id: it, name: IT, group: desk}]
        """
    )
    intake.apply_policy(document=policy.document())
    intake.wait_for_terms(1)
    (row,) = intake.query("SELECT categories, departments FROM intake.policy_terms")
    assert (row["categories"], row["departments"]) == (["network"], ["it"])
