"""Made-up tickets, each with the sample article that solves it, or none: they show how well few articles are told apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class SampleTicket:
    """A ticket. `article` is the name of the sample article that documents it, None where none does."""

    title: str
    text: str
    article: str | None


def read_tickets() -> list[SampleTicket]:
    """The tickets, in the order in which they are written."""
    lines = files("tierdesk_kb.samples").joinpath("tickets.jsonl").read_text("utf-8").splitlines()
    return [SampleTicket(**json.loads(line)) for line in lines]
