from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.clock import Clock, ClockError, DrivenClock, FastClock, SystemClock, load_clock

EPOCH = datetime(2016, 2, 29, 0, 16, tzinfo=UTC)


def test_without_a_file_the_clock_is_the_machines() -> None:
    before = datetime.now(UTC)
    now = load_clock(None).now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_a_fast_clock_starts_at_its_business_time_and_runs_at_its_rate() -> None:
    clock = FastClock.starting(EPOCH, rate=3600)
    assert clock.now() - EPOCH < timedelta(hours=1)
    first, real = clock.now(), time.time()
    time.sleep(0.05)
    passed, real_passed = (clock.now() - first).total_seconds(), time.time() - real
    assert passed == pytest.approx(real_passed * 3600, rel=0.1)


@given(
    st.timedeltas(timedelta(days=-9000), timedelta(days=30000)),
    st.integers(-12, 14),
    st.floats(0.001, 10_000, allow_nan=False),
)
def test_a_saved_fast_clock_is_the_same_clock_in_every_process(passed: timedelta, offset: int, rate: float) -> None:
    import tempfile

    clock = FastClock((EPOCH + passed).astimezone(timezone(timedelta(hours=offset))), datetime.now(UTC), rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clock.json"
        clock.save(path)
        loaded = load_clock(path)
    assert loaded == clock
    before, here, after = clock.now(), loaded.now(), clock.now()
    assert before <= here <= after


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        '{"business_epoch": "2016-02-29T00:16:00", "real_epoch": "2026-01-01T00:00:00+00:00", "rate": 60}',
        '{"business_epoch": "yesterday", "real_epoch": "2026-01-01T00:00:00+00:00", "rate": 60}',
        '{"business_epoch": 7, "real_epoch": "2026-01-01T00:00:00+00:00", "rate": 60}',
        '{"business_epoch": "2016-02-29T00:16:00Z", "real_epoch": "2026-01-01T00:00:00Z", "rate": 0}',
        '{"business_epoch": "2016-02-29T00:16:00Z", "real_epoch": "2026-01-01T00:00:00Z", "rate": -1}',
        '{"business_epoch": "2016-02-29T00:16:00Z", "real_epoch": "2026-01-01T00:00:00Z", "rate": NaN}',
        '{"business_epoch": "2016-02-29T00:16:00Z", "real_epoch": "2026-01-01T00:00:00Z", "rate": 1e300}',
        '{"business_epoch": "2016-02-29T00:16:00Z", "real_epoch": "2026-01-01T00:00:00Z", "rate": "fast"}',
    ],
)
def test_a_file_that_is_no_clock_is_refused_by_name(tmp_path: Path, document: str) -> None:
    path = tmp_path / "clock.json"
    path.write_text(document)
    with pytest.raises(ClockError, match=r"clock\.json"):
        load_clock(path)
    with pytest.raises(ClockError, match=r"gone\.json"):
        load_clock(tmp_path / "gone.json")


def test_saving_leaves_no_half_written_file(tmp_path: Path) -> None:
    FastClock.starting(EPOCH, rate=60).save(tmp_path / "clock.json")
    FastClock.starting(EPOCH, rate=120).save(tmp_path / "clock.json")
    assert [file.name for file in tmp_path.iterdir()] == ["clock.json"]
    assert json.loads((tmp_path / "clock.json").read_text())["rate"] == 120


async def test_sleeping_on_a_fast_clock_takes_the_real_share_of_the_time() -> None:
    clock = FastClock.starting(EPOCH, rate=3600)
    begun = time.perf_counter()
    await clock.sleep_until(EPOCH + timedelta(minutes=6), at_most_seconds=5)
    assert clock.now() >= EPOCH + timedelta(minutes=6)
    assert 0.05 < time.perf_counter() - begun < 1.0


@pytest.mark.parametrize("clock", [SystemClock(), FastClock(EPOCH, datetime.now(UTC), 2.0)])
async def test_sleep_is_bounded_and_a_past_time_needs_none(clock: Clock) -> None:
    begun = time.perf_counter()
    await clock.sleep_until(clock.now() + timedelta(days=400), at_most_seconds=0.05)
    assert 0.04 < time.perf_counter() - begun < 1.0
    begun = time.perf_counter()
    await clock.sleep_until(clock.now() - timedelta(days=400), at_most_seconds=30)
    assert time.perf_counter() - begun < 0.5


async def test_a_driven_clock_wakes_sleepers_when_their_time_has_come_and_not_before() -> None:
    clock = DrivenClock(EPOCH)
    woken: list[int] = []

    async def sleep(minutes: int) -> None:
        await clock.sleep_until(EPOCH + timedelta(minutes=minutes), at_most_seconds=30)
        woken.append(minutes)

    sleepers = [asyncio.create_task(sleep(minutes)) for minutes in (3, 1, 2)]
    await asyncio.sleep(0)
    clock.advance_to(EPOCH + timedelta(seconds=59))
    await asyncio.sleep(0.01)
    assert woken == []
    clock.advance_to(EPOCH + timedelta(minutes=2))
    await asyncio.sleep(0.01)
    assert sorted(woken) == [1, 2]
    clock.advance_to(EPOCH + timedelta(minutes=5))
    await asyncio.gather(*sleepers)
    assert woken[-1] == 3


async def test_a_driven_clock_stands_still_and_never_runs_back() -> None:
    clock = DrivenClock(EPOCH)
    await clock.sleep_until(EPOCH + timedelta(seconds=1), at_most_seconds=0.02)
    assert clock.now() == EPOCH
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(EPOCH - timedelta(microseconds=1))
    clock.advance_to(EPOCH)
    assert clock.now() == EPOCH


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), max_size=20))
def test_a_driven_clock_shows_the_last_time_it_was_given(steps: list[timedelta]) -> None:
    async def drive() -> None:
        clock, at = DrivenClock(EPOCH.astimezone(timezone(timedelta(hours=5, minutes=45)))), EPOCH
        for step in steps:
            at += step
            clock.advance_to(at)
            assert clock.now() == at
            assert clock.now().utcoffset() == timedelta(0)

    asyncio.run(drive())


def test_another_machines_real_time_is_told_as_business_time() -> None:
    real = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert SystemClock().at(real) == real
    assert FastClock(EPOCH, real, 60.0).at(real + timedelta(seconds=3)) == EPOCH + timedelta(minutes=3)
    assert DrivenClock(EPOCH).at(real) == EPOCH


@pytest.mark.parametrize(("clock", "rate"), [(SystemClock(), 1), (FastClock(EPOCH, datetime.now(UTC), 60.0), 60)])
def test_how_far_a_clock_reaches_goes_by_its_rate(clock: Clock, rate: float) -> None:
    before, reached, after = clock.now(), clock.reach(10), clock.now()
    assert before + timedelta(seconds=10 * rate) <= reached <= after + timedelta(seconds=10 * rate)


def test_a_driven_clock_may_reach_anything_at_any_moment() -> None:
    clock = DrivenClock(EPOCH)
    reached = clock.reach(0.1)
    clock.advance_to(EPOCH + timedelta(days=36_500))
    assert reached > clock.now()


@pytest.mark.parametrize(
    ("set_by_seconds", "shortest", "longest"), [(3600, 0.2, 3.0), (-3600, 3.9, 7.0), (0, 3.9, 7.0)]
)
async def test_a_machines_clock_that_is_set_while_somebody_sleeps_is_noticed_within_a_second(
    monkeypatch: pytest.MonkeyPatch, set_by_seconds: float, shortest: float, longest: float
) -> None:
    """Set forward, the instant has come; set back, the longest sleep is still measured by a clock that nobody sets."""
    clock = FastClock.starting(EPOCH, rate=60)
    machines = time.time

    async def set_clock() -> None:
        await asyncio.sleep(0.2)
        monkeypatch.setattr("tierdesk_runtime.clock.time.time", lambda: machines() + set_by_seconds)

    begun = time.perf_counter()
    setting = asyncio.create_task(set_clock())
    await clock.sleep_until(EPOCH + timedelta(minutes=30), at_most_seconds=4)
    await setting
    assert shortest < time.perf_counter() - begun < longest
