"""What the person who asks has at the desk: work in hand, and another account beside the own."""

from __future__ import annotations

import httpx2

from e2e.whole_desk import OWN, WholeDesk, wait_until

WORK = "/v1/desk/works/{assignment_id}"
ACCOUNT = "/v1/desk/accounts/{account_id}"
LEAVING = "/v1/desk/session"
NOBODYS = "01890000-0000-7000-8000-0000000000b0"
"""An assignment, and a shift, that do not exist."""
_KEEPING = ("{assignment_id}", "/claim", "/progress", "/pause", "/resume", "/contribute")
"""After these the work is still in hand."""


class Hands:
    """Of somebody of the first tenant. Work is taken when a path asks for it."""

    def __init__(self, desk: WholeDesk, client: httpx2.Client) -> None:
        self._desk = desk
        self._client = client
        self._work = ""

    def headers(self, method: str, path: str) -> dict[str, str]:
        """Those of the session; to leave it, those of one that nobody needs any more."""
        return self._desk.new_session(OWN) if (method, path) == ("DELETE", LEAVING) else self._desk.sessions[OWN]

    def path(self, pattern: str) -> str:
        """A path without parameters: to the other account, and to work in hand unless that would be its end."""
        if "{assignment_id}" in pattern:
            is_kept = pattern.endswith(_KEEPING)
            return pattern.replace("{assignment_id}", self._take_work() if is_kept else NOBODYS)
        pattern = pattern.replace("{shift_id}", NOBODYS)
        return pattern.replace("{account_id}", self._desk.accounts[OWN][1])

    def _take_work(self) -> str:
        if not self._work:
            taken = wait_until(self._take_next, "there is work")
            self._work = taken["assignment_id"]
        return self._work

    def _take_next(self) -> dict[str, str] | None:
        """What is in hand already: to take the next is one of the endpoints that are asked. Else the next."""
        held = self._client.get("/v1/desk/mine").json()["works"]
        if held:
            return dict(held[0])
        answer = self._client.post("/v1/desk/next")
        return answer.json() if answer.status_code == 200 else None
