"""One digest instead of a storm: nothing is lost, nothing comes twice, and no address gets more than its share."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_desk.domain.mailing import MOST_NEWS, Box, Kind, Letter, News, due_at, note_sent
from tierdesk_desk.domain.retrying import MOST_ATTEMPTS, PAUSES_SECONDS, pause_after, rest_after
from tierdesk_policy import Mail

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(hours=24)
rules_of_mail = st.builds(
    Mail,
    gather=st.integers(1, 7_200),
    per_day=st.integers(1, 20),
    per_day_unverified=st.integers(1, 5),
)


def news(number):
    return News("main", "ann@example.org", "answered", f"t{number % 3}", "TD-1", "Title", f"Text {number}", START)


@settings(deadline=None)  # a busy machine takes its time
@given(
    rules=rules_of_mail,
    verified=st.booleans(),
    pauses=st.lists(st.integers(0, 30_000), max_size=60),
    delays=st.lists(st.integers(0, 4_000), min_size=1, max_size=10),
)
def test_every_news_is_in_exactly_one_mail_and_no_day_has_too_many(rules, verified, pauses, delays):
    """`pauses` lie between what happens; the server takes a mail `delays` after it was due."""
    box = Box("main", "ann@example.org", Kind.NEWS, is_verified=verified)
    now, waiting, due = START, None, START
    sent: list[tuple[datetime, Letter]] = []

    def send_until(at):
        nonlocal box, waiting
        while waiting is not None:
            left_at = due + timedelta(seconds=delays[len(sent) % len(delays)])
            if left_at > at:
                return
            sent.append((left_at, waiting))
            box, waiting = note_sent(box, rules, left_at), None

    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        send_until(now)
        if waiting is None:
            due, waiting = due_at(box, rules, now), Letter()
            assert due >= now
        waiting = waiting.add([news(number)])
    told = [one["text"] for _, letter in sent for one in letter.news]
    held = [] if waiting is None else [one["text"] for one in waiting.news]
    counted = Counter(told + held)
    left_out = sum(letter.left_out for _, letter in sent) + (0 if waiting is None else waiting.left_out)
    assert set(counted.values()) <= {1}
    assert len(counted) + left_out == len(pauses)
    times = [at for at, _ in sent]
    most = rules.per_day if verified else rules.per_day_unverified
    for at in times:
        assert sum(at <= other < at + DAY for other in times) <= most
    for before, after in pairwise(times):
        assert after - before >= timedelta(seconds=rules.gather_seconds)


def test_the_first_leaves_at_once():
    assert due_at(Box("main", "ann@example.org", Kind.NEWS), Mail(), START) == START


def test_to_who_may_get_nothing_none_is_ever_due():
    assert due_at(Box("main", "ann@example.org", Kind.NEWS), Mail(per_day_unverified=0), START) is None
    trusting = Mail(per_day_unverified=0, trusted_domains=("example.org",))
    assert due_at(Box("main", "ann@example.org", Kind.NEWS), trusting, START) == START
    assert due_at(Box("main", "ann@sub.example.org", Kind.NEWS), trusting, START) is None


@settings(deadline=None)  # a busy machine takes its time
@given(st.lists(st.integers(1, 40), max_size=8))
def test_what_is_beyond_one_mail_is_counted(sizes):
    letter = Letter()
    for size in sizes:
        letter = letter.add([news(number) for number in range(size)])
    assert len(letter) == sum(sizes)
    assert len(letter.news) == min(MOST_NEWS, sum(sizes))
    assert Letter.of(letter.values()) == letter


@settings(deadline=None)  # a busy machine takes its time
@given(st.floats(0, 1, exclude_max=True))
def test_a_mail_is_tried_for_some_days_and_then_no_more(draw):
    pauses = [pause_after(attempts, draw) for attempts in range(1, MOST_ATTEMPTS)]
    assert all(pauses)
    assert 0.79 <= sum(pauses) / sum(PAUSES_SECONDS) <= 1.21
    assert sum(pauses) > 2 * 86_400
    assert pause_after(MOST_ATTEMPTS, draw) is None
    assert 0 < rest_after(1, draw) <= 3
    assert 200 < rest_after(1_000, draw) <= 360
