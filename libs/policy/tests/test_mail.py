"""The policy's part about mail: read, checked with file and line, and what holds without it."""

import pytest

from tierdesk_policy import Mail, Occasion, Policy, PolicyError, load_policy

DESK = """\
name: Desk
tiers: [{id: l1}]
groups: [{id: help, tier: l1}]
categories: [{id: usage, tier: l1, group: help}]
calendars: [{id: office, tz: Europe/Lisbon, weekly: {mon: [09:00-17:00]}}]
"""
WHOLE = """\
mail:
  tell: [opened, resolved]
  quiet_channels: [phone]
  gather: 1h
  per_day: 5
  per_day_unverified: 0
  trusted_domains: [example.org]
  remind_after_days: 1
  calendar: office
  language: pt
"""


def test_it_is_read_and_comes_back_from_its_document():
    policy = load_policy(DESK + WHOLE)
    assert policy.mailing.tell == (Occasion.OPENED, Occasion.RESOLVED)
    assert (policy.mailing.gather_seconds, policy.mailing.per_day_unverified) == (3_600, 0)
    assert policy.mailing.trusts("Example.org")
    assert not policy.mailing.trusts("sub.example.org")
    assert Policy.from_document(policy.document()) == policy


def test_a_policy_without_it_keeps_its_version_and_goes_by_what_is_usual():
    policy = load_policy(DESK)
    assert "mail" not in policy.document()
    assert policy.mailing == Mail() == load_policy(f"{DESK}mail: {{}}\n").mailing
    assert Occasion.IN_WORK not in policy.mailing.tell
    assert Occasion.RESOLVED in policy.mailing.tell


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("mail: {calendar: moon}", "desk.yaml:6: mail.calendar: there is no calendar 'moon'"),
        ("mail: {tell: [everything]}", "mail.tell.0"),
        ("mail: {quiet_channels: [smoke]}", "mail.quiet_channels.0"),
        ("mail: {gather: 0s}", "mail.gather"),
        ("mail: {per_day: 0}", "mail.per_day"),
        ("mail: {per_day: 101}", "mail.per_day"),
        ("mail: {trusted_domains: ['*.example.org']}", "mail.trusted_domains.0"),
        ("mail: {trusted_domains: [Example.org]}", "mail.trusted_domains.0"),
        ("mail: {reminders: 11}", "mail.reminders"),
        ("mail: {language: english}", "mail.language"),
        ("mail: {daily: 3}", "mail.daily"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(line, fault):
    with pytest.raises(PolicyError) as caught:
        load_policy(f"{DESK}{line}\n", source="desk.yaml")
    assert any(fault in str(one) for one in caught.value.faults), caught.value.faults
