"""The client side of a replay: reports and requests posted in batches, in the order in which they fell due."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tierdesk_cli.client import DeskClient
from tierdesk_cli.errors import CommandError
from tierdesk_cli.replay.case import Case
from tierdesk_cli.replay.script import Request
from tierdesk_cli.replay.tiers import group_name
from tierdesk_contracts.vocabulary import Channel

LINES_PER_POST = 500


class Mailbox:
    """Collects what is to be posted until `deliver`. Every line has a key, so that a repeated post changes nothing."""

    def __init__(self, desk: DeskClient, run: str) -> None:
        """`run` makes the keys of this replay its own."""
        self._desk = desk
        self._run = run
        self._follow_ups: list[dict[str, Any]] = []
        self.posts = 0

    def follow_up(self, ticket_id: str, number: str, position: int, request: Request) -> None:
        """Queue a requester's word on a ticket."""
        event: dict[str, Any] = {"type": request.type, "ticket": ticket_id, "occurred_at": request.at.isoformat()}
        if request.type == "reopened":
            event["reason"] = "as the export says"
        self._follow_ups.append({"key": f"{self._run}-{number}-{position}", "event": event})

    async def deliver(self, cases: Sequence[Case]) -> list[tuple[Case, str, str]]:
        """Post what is queued and the reports of `cases`; answer (case, ticket, reference) of each."""
        lines = self._follow_ups + [self._line(case) for case in cases]
        self._follow_ups = []
        results: list[dict[str, Any]] = []
        for start in range(0, len(lines), LINES_PER_POST):
            results += await self._post(lines[start : start + LINES_PER_POST])
        reports = results[len(lines) - len(cases) :] if cases else []
        return [(case, result["ticket"], result["reference"]) for case, result in zip(cases, reports, strict=True)]

    async def _post(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        body = "\n".join(json.dumps(line) for line in lines)
        response = await self._desk.request(
            "POST", "/v1/events:batch", content=body.encode(), headers={"Content-Type": "application/x-ndjson"}
        )
        self.posts += 1
        results = [json.loads(line) for line in response.text.splitlines() if line]
        refused = next((result for result in results if result["status"] != 202), None)
        if refused is not None or len(results) != len(lines):
            raise CommandError(f"the desk refused a line: {refused}")
        return results

    def _line(self, case: Case) -> dict[str, Any]:
        incident = case.incident
        first = incident.updates[0]
        event = {
            "type": "problem_reported",
            "occurred_at": incident.opened_at.isoformat(),
            "channel": (Channel.PHONE if incident.phone else Channel.MAIL).value,
            "requester": {"party": f"caller-{incident.caller}"},
            "title": f"Incident {incident.number}: category {incident.category}/{incident.subcategory}",
            "text": f"Symptom {incident.symptom}",
            "category": "incident",
            "department": group_name(first.group),
            "impact": first.impact,
            "urgency": first.urgency,
        }
        if incident.location is not None:
            event["location"] = f"location {incident.location}"
        return {"key": f"{self._run}-{incident.number}", "event": event}
