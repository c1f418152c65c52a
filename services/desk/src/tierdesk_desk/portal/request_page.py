"""The page of one request, and what its requester says there."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled
from tierdesk_desk.console.neighbours import KeyReusedError, RefusedError, UnavailableError
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.portal.forms import faults_of_event, new_key
from tierdesk_desk.portal.views import view_request
from tierdesk_desk.portal.visiting import Follower, Portal, path_of


class RequestPage:
    """Shows it, with the form that was not taken where there is one."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    async def tell(self, follower: Follower, filled: Filled, event: dict[str, Any], action: str, done: str) -> Response:
        """Tell intake, and go on with the page; or show the form again, with what is wrong."""
        try:
            await self._portal.settle(follower, event, f"{action}-{filled['key']}")
        except KeyReusedError:
            return await self.show(follower, filled, action=action, status=409, trouble="sent_before")
        except RefusedError as error:
            faults = faults_of_event(error.faults)
            return await self.show(follower, filled, action=action, status=422, faults=faults)
        except UnavailableError:
            return await self.show(follower, filled, action=action, status=503, trouble="unavailable", kept=True)
        return redirect(follower.visit, path_of(follower.request.ticket), Flash(done))

    async def show(
        self,
        follower: Follower,
        filled: Filled | None = None,
        *,
        action: str = "",
        status: int = 200,
        faults: Faults | None = None,
        trouble: str | None = None,
        kept: bool = False,
    ) -> Response:
        """The page. `filled` is the form of `action` again, under a new key unless it is not known whether it was taken."""
        story = await self._portal.requests.tell(follower.request)
        rating = story.rating
        given = {} if rating is None else {"score": str(rating.score), "comment": rating.comment}
        return self._portal.page(
            follower.visit,
            "request.html",
            guest=follower.guest,
            status=status,
            request=view_request(story, follower.policy, follower.visit.now),
            rating=rating,
            may_rate=story.may_rate,
            rated=filled if filled is not None and action == "rating" else Filled(given),
            filled=filled or Filled(),
            none_filled=Filled(),
            key=filled["key"] if filled is not None and kept else new_key(),
            action=action,
            faults=faults or {},
            trouble=trouble,
            departments=follower.policy.departments,
        )
