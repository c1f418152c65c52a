"""How far the match score can be trusted: intervals, bins, thresholds, the fit, and what `tierdesk kb evaluate` tells of them."""

import json
import math
import random
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_cli.knowledge.calibration import (
    Example,
    ask_strangers,
    cross_validate,
    examine,
    examine_samples,
    fit_to,
    make_index,
    pool,
    predict,
)
from tierdesk_cli.knowledge.curve import draw_curve
from tierdesk_cli.knowledge.fitting import fit
from tierdesk_cli.knowledge.judged import read_collections
from tierdesk_cli.knowledge.reliability import (
    Judged,
    Share,
    bin_up,
    choose_threshold,
    measure_brier,
    measure_gap,
    route,
    step_up,
)
from tierdesk_kb.domain.evidence import Evidence
from tierdesk_kb.domain.matching import COEFFICIENTS, DOCUMENTED_FROM, Coefficients

SHARED = Path(__file__).parents[3] / "shared" / "data"
judgments = st.lists(st.builds(Judged, st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.72, 0.9, 1.0]), st.booleans()))


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (2, 45, 0.0123, 0.1483)],
)
def test_wilsons_interval_is_that_of_the_books(part, whole, low, high):
    """As R's `prop.test(…, correct = FALSE)` and `binom.wilson` give it."""
    assert Share(part, whole).interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_share_lies_in_its_interval(part, more):
    share = Share(part, part + more)
    low, high = share.interval
    assert 0 <= low <= share.value + 1e-12
    assert share.value - 1e-12 <= high <= 1


@given(judgments)
def test_bins_hold_each_match_once(judged):
    matched = [one for one in judged if one.predicted > 0]
    bins = bin_up(judged)
    assert sum(one.right.whole for one in bins) == len(matched)
    assert sum(one.right.part for one in bins) == sum(one.is_right for one in matched)
    assert all(one.low <= one.predicted <= one.high for one in bins)


def test_figures_of_calibration_are_those_worked_out_by_hand():
    judged = [Judged(0.9, is_right=True), Judged(0.9, is_right=False), Judged(0.3, is_right=False)]
    assert measure_brier(judged) == pytest.approx((0.01 + 0.81 + 0.09) / 3)
    assert measure_gap(judged) == pytest.approx((2 * 0.4 + 0.3) / 3)
    assert (measure_brier([]), measure_gap([])) == (0, 0)


@pytest.mark.parametrize(("threshold", "step"), [(0.7, 0.7), (0.701, 0.75), (0.65, 0.65), (0.01, 0.05), (1.0, 1.0)])
def test_a_threshold_is_set_in_steps_upwards(threshold, step):
    assert step_up(threshold) == pytest.approx(step)


@given(judgments, st.floats(0, 0.5))
def test_a_threshold_is_the_lowest_that_keeps_its_promise(judged, most_wrong):
    threshold = choose_threshold(judged, most_wrong)
    for other in {one.predicted for one in judged if one.predicted > 0}:
        routed = route(judged, other)
        if routed.wrong.part <= most_wrong * routed.wrong.whole:
            assert threshold is not None
            assert threshold <= other
    if threshold is not None:
        wrong = route(judged, threshold).wrong
        assert wrong.part <= most_wrong * wrong.whole
    assert route(judged, None).coverage.part == 0


def test_the_fit_finds_what_made_the_data():
    draw = random.Random(7)
    rows = [(draw.random(), draw.random()) for _ in range(4_000)]
    rights = [draw.random() < 1 / (1 + math.exp(2 - 4 * one - 1 * two)) for one, two in rows]
    intercept, first, second = fit(rows, rights, [1.0] * len(rows), penalty=1e-6)
    assert (intercept, first, second) == (
        pytest.approx(-2, abs=0.25),
        pytest.approx(4, abs=0.3),
        pytest.approx(1, abs=0.3),
    )


def test_an_example_that_counts_twice_is_two_examples():
    rows, rights = [(0.1,), (0.4,), (0.6,), (0.9,)], [False, True, False, True]
    twice = fit([*rows, rows[3]], [*rights, True], [1.0] * 5, penalty=1.0)
    assert fit(rows, rights, [1.0, 1.0, 1.0, 2.0], penalty=1.0) == pytest.approx(twice)


def test_what_would_speak_against_is_held_at_nothing():
    rows = [(0.1, 0.5), (0.2, 0.4), (0.8, 0.5), (0.9, 0.6)]
    assert fit(rows, [True, True, False, False], [1.0] * 4, penalty=1.0)[1] == 0


def examples(count, seed=3):
    draw = random.Random(seed)
    found = []
    for number in range(count):
        evidence = Evidence(draw.random(), draw.random(), draw.random(), draw.random())
        found.append(Example(f"q{seed}-{number}", evidence, draw.random() < COEFFICIENTS.probability(evidence)))
    return found


def test_each_question_is_judged_once_by_what_was_fitted_to_others(monkeypatch):
    seen = []

    def spy(found):
        seen.append({one.name for one in found})
        return fit_to(found)

    monkeypatch.setattr("tierdesk_cli.knowledge.calibration.fit_to", spy)
    sets = {"a": examples(60), "b": examples(50, seed=4)}
    strangers = [Example("q3-1", None, is_right=False), Example("q4-1", None, is_right=False)]
    unseen = cross_validate(sets, strangers)
    assert [len(one.judged) for one in unseen.values()] == [60, 50]
    assert len(pool(unseen).judged) == pool(unseen).routed.coverage.whole == 110
    names = {one.name for found in sets.values() for one in found}
    parts = [names - found for found in seen]
    assert sorted(name for part in parts for name in part) == sorted(names)


def test_a_question_without_a_match_is_never_routed():
    examples = [Example("q", None, is_right=False)]
    assert predict(examples) == [Judged(0.0, is_right=False)]
    assert route(predict(examples), 0.0001).coverage.part == 0


def test_coefficients_cannot_be_fitted_to_right_ones_alone():
    with pytest.raises(ValueError, match="right"):
        fit_to([Example("q", Evidence(1, 1, 1, 0), is_right=True)])


def test_the_curve_is_a_picture_with_a_point_for_each_bin():
    sets = {"pooled <&>": predict(examples(80)), "none": []}
    drawn = ET.fromstring(draw_curve(sets))
    points = list(drawn.iter("{http://www.w3.org/2000/svg}polygon"))
    assert len(points) == len(bin_up(sets["pooled <&>"]))
    assert ET.fromstring(draw_curve({"none": []})) is not None


def test_the_command_tells_how_far_the_score_can_be_trusted(tierdesk, tmp_path):
    pairs, picture = tmp_path / "pairs.json", tmp_path / "curve.svg"
    things = ["printer", "zebra", "violin", "garage", "pension", "satellite", "orchid", "glacier", "tunnel", "compass"]
    sentences = [
        {"text": f"how to clean a {one}", "answer": {"text": f"The {one} is cleaned so. " * 3}} for one in things
    ]
    sentences += [{"text": "which one is it?", "answer": {"text": "Nobody knows."}}]
    pairs.write_text(json.dumps({"sentences": sentences}))
    done = tierdesk("kb", "evaluate", "--corpus", pairs, "--curve", picture)
    assert (done.code, done.err) == (0, "")
    for told in ("The score as it stands", "Cross-validated", "at most 5% wrong", "Brier score", "Fitted to these"):
        assert told in done.out
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")


def test_several_collections_are_told_apart_and_pooled(tierdesk, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sentences = [
            {"text": f"what about {name}{number}", "answer": {"text": f"{name}{number} is fine"}} for number in range(9)
        ]
        (tmp_path / name / "corpus.json").write_text(json.dumps({"sentences": sentences}))
    done = tierdesk(
        "kb", "evaluate", *(part for name in ("one", "two") for part in ("--corpus", tmp_path / name / "corpus.json"))
    )
    assert (done.code, done.err) == (0, "")
    assert "pooled" in done.out
    assert re.search("one: .*9 questions|9 documents, 9 questions", done.out)
    assert "belong together" in tierdesk("kb", "evaluate", "--corpus", "x", "--queries", "y").err


def test_a_curve_that_cannot_be_written_is_said(tierdesk, tmp_path):
    pairs = tmp_path / "pairs.json"
    pairs.write_text(json.dumps({"sentences": [{"text": "zebra", "answer": {"text": "a zebra"}}]}))
    done = tierdesk("kb", "evaluate", "--corpus", pairs, "--curve", tmp_path / "nowhere" / "curve.svg")
    assert done.code == 2
    assert "nowhere" in " ".join(done.err.split())


@pytest.mark.reference
def test_the_score_is_reliable_on_public_judgments(capsys):
    """Those that are at hand; without them the samples' own tickets alone."""
    cloud, ubuntu = SHARED / "kb_ibmcloud", SHARED / "kb_askubuntu" / "AskUbuntuCorpus.json"
    if not (cloud.is_dir() and ubuntu.is_file()):
        judged = predict(examine_samples())
        assert measure_gap(judged) < 0.25
        return
    files = ([cloud / "corpus.jsonl.gz", ubuntu], [cloud / "queries.jsonl.gz"], [cloud / "qrels.tsv"])
    collections = read_collections(*files)
    indexes = {name: make_index(one) for name, one in collections.items()}
    sets = {name: examine(one, indexes[name]) for name, one in collections.items()}
    beside = [*ask_strangers(collections, indexes), *examine_samples()]
    unseen = pool(cross_validate(sets, beside))
    deals = [pool(cross_validate(sets, beside, deal=deal)).routed for deal in range(3)]
    with capsys.disabled():
        print(f"\n{unseen.routed} of {len(unseen.judged)} questions")  # noqa: T201 - says how many ran
    assert all(one.coverage.value >= 0.2 for one in deals)
    assert all(one.wrong.value <= 0.05 for one in deals)
    assert measure_gap(unseen.judged) < 0.1
    fitted = fit_to([*(one for found in sets.values() for one in found), *beside])
    assert fitted == Coefficients(
        *(pytest.approx(getattr(COEFFICIENTS, name), abs=0.02) for name in Coefficients.__slots__)
    )
    as_it_stands = [one for found in sets.values() for one in predict(found)]
    routed = route(as_it_stands, DOCUMENTED_FROM)
    assert routed.wrong.value <= 0.05
