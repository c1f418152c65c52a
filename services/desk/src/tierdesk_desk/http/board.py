"""`/v1/desk/board`, `/counts`, `/mine`, `/left`: what there is to do, who has what."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from tierdesk_contracts.vocabulary import Identifier
from tierdesk_desk.board import Board
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.views import BoardPage, Counts, GroupCounts, Left, LeftWork, WorkLine, Works
from tierdesk_desk.store.tables import NEVER
from tierdesk_desk.store.works import Rank
from tierdesk_runtime.problems import ProblemError

Reader = Annotated[Person, Depends(signed_in(Verb.READ_BOARD))]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RANK_PATTERN: Final = (
    rf"^[1-5]~(0|[1-9][0-9]{{0,16}}|{(NEVER - _EPOCH) // _MICROSECOND})"
    r"~[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
)
"""A priority, microseconds since 1970, an assignment."""


def board_routes(board: Board) -> APIRouter:
    """The endpoints. Each shows the groups for which the person has a grant, in the own tenant."""
    router = APIRouter(prefix="/v1/desk", tags=["desk"])

    @router.get("/board")
    async def read_board(
        person: Reader,
        *,
        held: Annotated[bool, Query(description="What people have, instead of what is free.")] = False,
        tier: Identifier | None = None,
        group: Identifier | None = None,
        after: Annotated[str | None, Query(pattern=_RANK_PATTERN, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> BoardPage:
        """The most urgent first: by priority, then by deadline."""
        own = await board.places(person)
        places = [place for place in own if tier in {None, place[0]} and group in {None, place[1]}]
        works, following = await board.page(person, places=places, held=held, after=read_rank(after), limit=limit)
        return BoardPage(
            works=tuple(WorkLine.of(work) for work in works), next=None if following is None else write_rank(following)
        )

    @router.get("/counts")
    async def count(person: Reader) -> Counts:
        """How much work of each group stands where."""
        counts = await board.counts(person)
        return Counts(
            groups=tuple(
                GroupCounts(tier=tier, group=group, **{stage.value: number for stage, number in stages.items()})
                for (tier, group), stages in counts.items()
            )
        )

    @router.get("/mine")
    async def read_mine(person: Reader) -> Works:
        """What the person has, the most urgent first."""
        return Works(works=tuple(WorkLine.of(work) for work in await board.mine(person)))

    @router.get("/left")
    async def read_left(person: Reader, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Left:
        """What the person has resolved or handed on, and where it is now: for following it up."""
        left = await board.left(person, limit=limit)
        return Left(works=tuple(LeftWork.of(work, standing) for work, standing in left))

    return router


def write_rank(rank: Rank) -> str:
    """Where a page of the board begins, for an address."""
    priority, rank_at, assignment_id = rank
    return f"{priority}~{(rank_at - _EPOCH) // _MICROSECOND}~{assignment_id}"


def read_rank(text: str | None) -> Rank | None:
    """What `write_rank` wrote; None for nothing. Raises `ProblemError` 422."""
    if text is None:
        return None
    if not re.fullmatch(_RANK_PATTERN, text):
        raise ProblemError(422, "Invalid request", "`after` is `next` of the page before.")
    priority, rank_at, assignment_id = text.split("~")
    return int(priority), _EPOCH + int(rank_at) * _MICROSECOND, UUID(assignment_id)
