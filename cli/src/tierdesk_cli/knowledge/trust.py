"""Prints how far the match score can be trusted, and from where on it may route; draws its reliability curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tierdesk_cli.errors import CommandError
from tierdesk_cli.knowledge.calibration import (
    DEALS,
    PARTS,
    Unseen,
    ask_strangers,
    choose_step,
    cross_validate,
    examine,
    examine_samples,
    fit_to,
    leave_out,
    pool,
    predict,
)
from tierdesk_cli.knowledge.curve import draw_curve
from tierdesk_cli.knowledge.judged import Collection
from tierdesk_cli.knowledge.reliability import (
    MOST_WRONG,
    Judged,
    Routed,
    Share,
    bin_up,
    measure_brier,
    measure_gap,
    route,
)
from tierdesk_kb.domain.matching import COEFFICIENTS, Coefficients
from tierdesk_kb.search.index import ArticleIndex

POOLED: Final = "pooled"


def tell_trust(
    collections: Mapping[str, Collection],
    indexes: Mapping[str, ArticleIndex],
    console: Console,
    *,
    threshold: float,
    curve: Path | None,
) -> None:
    """Print the reliability of the score on these sets, as it stands and as it is on questions that it was not fitted to.

    Writes the curve of the latter. Raises `CommandError` when it cannot be written.
    """
    sets = {name: examine(collection, indexes[name]) for name, collection in collections.items()}
    beside = [*ask_strangers(collections, indexes), *examine_samples()]
    as_it_stands = {name: predict(examples) for name, examples in sets.items()}
    _print_bins("The score as it stands", _with_pool(as_it_stands), console)
    routed = {name: (route(judged, threshold), [threshold]) for name, judged in _with_pool(as_it_stands).items()}
    _print_routed(f"Routed from {threshold:g} on, the score as it stands", routed, console)
    try:
        with console.status("Fitting the score anew …"):
            deals = [cross_validate(sets, beside, deal=deal) for deal in range(DEALS)]
            left_out = dict(leave_out(sets, beside))
            every = [one for examples in sets.values() for one in examples]
            fitted = fit_to([*every, *beside])
    except ValueError as error:
        console.print(f"Nothing can be fitted to these questions: {error}")
        _write_curve(_with_pool(as_it_stands), curve, console)
        return
    unseen = deals[0] | ({POOLED: pool(deals[0])} if len(sets) > 1 else {})
    judged = {name: one.judged for name, one in unseen.items()}
    _print_bins(f"Cross-validated: each of {PARTS} parts by what was fitted to the others", judged, console)
    _print_routed(
        f"Routed with at most {MOST_WRONG:.0%} wrong: the threshold too is chosen on the other parts",
        _routed(unseen),
        console,
    )
    _print_deals([pool(one).routed for one in deals], console)
    if left_out:
        _print_routed(
            "Each set by what was fitted to the other sets alone, and their threshold", _routed(left_out), console
        )
    console.print(f"As it stands:    {_tell(COEFFICIENTS)}", highlight=False)
    threshold_of_all = choose_step(every, fitted)
    console.print(
        f"Fitted to these: {_tell(fitted)}, threshold {'none' if threshold_of_all is None else f'{threshold_of_all:.2f}'}",
        highlight=False,
    )
    _write_curve(judged, curve, console)


def _print_deals(deals: list[Routed], console: Console) -> None:
    routed, wrong = [one.coverage.part for one in deals], [one.wrong.part for one in deals]
    console.print(
        f"Dealt anew {len(deals)} times: {min(routed)} to {max(routed)} routed, {min(wrong)} to {max(wrong)} of them wrong; in all "
        f"{sum(routed) / sum(one.coverage.whole for one in deals):.1%} routed, {sum(wrong) / max(1, sum(routed)):.1%} wrong",
        highlight=False,
    )


def _tell(coefficients: Coefficients) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in asdict(coefficients).items())


def _with_pool(sets: Mapping[str, list[Judged]]) -> dict[str, list[Judged]]:
    pooled = {POOLED: [one for judged in sets.values() for one in judged]} if len(sets) > 1 else {}
    return dict(sets) | pooled


def _routed(unseen: Mapping[str, Unseen]) -> dict[str, tuple[Routed, list[float]]]:
    return {name: (one.routed, one.thresholds) for name, one in unseen.items()}


def _print_bins(title: str, sets: Mapping[str, list[Judged]], console: Console) -> None:
    table = Table(title=title)
    table.add_column("questions")
    for heading in ("score", "matches", "predicted", "right", "95 % interval"):
        table.add_column(heading, justify="right")
    for name, judged in sets.items():
        for one in bin_up(judged):
            table.add_row(
                name,
                f"{one.low:.1f} to {one.high:.1f}",
                str(one.right.whole),
                f"{one.predicted:.3f}",
                f"{one.right.value:.3f}",
                _tell_interval(one.right),
            )
        table.add_section()
    console.print(table)
    for name, judged in sets.items():
        console.print(
            f"{name}: Brier score {measure_brier(judged):.4f}, calibration error {measure_gap(judged):.4f}",
            highlight=False,
        )


def _print_routed(title: str, sets: Mapping[str, tuple[Routed, list[float]]], console: Console) -> None:
    table = Table(title=title)
    table.add_column("questions")
    for heading in ("threshold", "routed", "coverage", "95 % interval", "wrong", "share", "95 % interval"):
        table.add_column(heading, justify="right")
    for name, (routed, thresholds) in sets.items():
        coverage, wrong = routed.coverage, routed.wrong
        low, high = (min(thresholds), max(thresholds)) if thresholds else (1.0, 1.0)
        table.add_row(
            name,
            f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}",
            f"{coverage.part} of {coverage.whole}",
            f"{coverage.value:.1%}",
            _tell_interval(coverage),
            str(wrong.part),
            f"{wrong.value:.1%}",
            _tell_interval(wrong),
        )
    console.print(table)


def _tell_interval(share: Share) -> str:
    low, high = share.interval
    return f"{low:.1%} to {high:.1%}"


def _write_curve(sets: Mapping[str, list[Judged]], path: Path | None, console: Console) -> None:
    if path is None:
        return
    pooled_first = dict(sorted(sets.items(), key=lambda item: item[0] != POOLED))
    try:
        path.write_text(draw_curve(pooled_first), "utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", exit_code=2) from error
    console.print(f"The reliability curve is in {path}", highlight=False)
