"""Rules, as data: which result of a diagnosis means what, and who acts on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tierdesk_bots.diagnosis import Result, measures

_MEASURES: Final = {
    "disk": {"free_bytes", "free_share"},
    "memory": {"available_bytes", "available_share"},
    "clock": {"skew_seconds"},
    "dns": {"failed"},
    "tcp": {"failed", "milliseconds"},
    "printers": {"printers", "stopped"},
}


class Rule(BaseModel):
    """If a measure of a check is below or above a number, then its advice solves it, or people must look."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    check: Literal["disk", "memory", "clock", "dns", "tcp", "printers"]
    measure: str
    below: float | None = None
    above: float | None = None
    then: Literal["resolve", "hand_on"]
    because: Annotated[str, Field(min_length=1, max_length=300)]
    advice: Annotated[str, Field(max_length=2_000)] = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> Rule:
        if self.measure not in _MEASURES[self.check]:
            raise ValueError(f"{self.check} has the measures {', '.join(sorted(_MEASURES[self.check]))}")
        if (self.below is None) == (self.above is None):
            raise ValueError("either `below` or `above`")
        if self.then == "resolve" and not self.advice:
            raise ValueError("what resolves a ticket needs an advice")
        return self

    def fits(self, result: Result) -> bool:
        """Whether this result is beyond the rule's number."""
        if result.kind != self.check:
            return False
        measured = measures(result)[self.measure]
        return measured < self.below if self.below is not None else self.above is not None and measured > self.above


Rules = tuple[Rule, ...]
_ADAPTER: Final = TypeAdapter(Rules)


class RulesError(Exception):
    """A file of rules that cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules make of a diagnosis. `advice` is empty when people must look."""

    because: tuple[str, ...]
    advice: tuple[str, ...]


def judge(rules: Iterable[Rule], results: Iterable[Result]) -> Verdict:
    """Advice solves it if at least one rule fits, and none that fits asks for people."""
    seen = tuple(results)
    fitting = [rule for rule in rules if any(rule.fits(result) for result in seen)]
    solved = bool(fitting) and all(rule.then == "resolve" for rule in fitting)
    return Verdict(
        because=tuple(dict.fromkeys(rule.because for rule in fitting)),
        advice=tuple(dict.fromkeys(rule.advice for rule in fitting)) if solved else (),
    )


def load_rules(path: Path) -> Rules:
    """Rules from a JSON file. Raises `RulesError`."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise RulesError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RulesError(f"{path}: {where}: {first['msg']}") from error


BUILT_IN: Final[Rules] = (
    Rule(
        check="disk", measure="free_share", below=0.03, then="resolve",
        because="The disk is full.",
        advice="Your disk is full. Empty the recycle bin and the folder of downloads, then start the device anew.",
    ),
    Rule(
        check="clock", measure="skew_seconds", above=240, then="resolve",
        because="The clock of the device is wrong, so that sign-ins and certificates are refused.",
        advice="The clock of your device is wrong. Switch on “set the time automatically” in its settings and sign in anew.",
    ),
    Rule(check="dns", measure="failed", above=0, then="hand_on", because="A name of ours is not known to the device."),
    Rule(check="tcp", measure="failed", above=0, then="hand_on", because="A server of ours cannot be reached."),
    Rule(check="tcp", measure="milliseconds", above=1_000, then="hand_on", because="A server of ours answers late."),
    Rule(check="memory", measure="available_share", below=0.03, then="hand_on", because="Memory is used up."),
    Rule(check="printers", measure="stopped", above=0, then="hand_on", because="A printer is stopped."),
)  # fmt: skip
"""What is known everywhere; `--rules` puts a company's own in their place."""
