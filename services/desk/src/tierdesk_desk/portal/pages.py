"""All pages of the portal, together."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter

from tierdesk_desk.console.rendering import Renderer
from tierdesk_desk.console.statics import FOLDER, Statics
from tierdesk_desk.portal.community import community_routes
from tierdesk_desk.portal.entering import entering_routes
from tierdesk_desk.portal.following import following_routes
from tierdesk_desk.portal.ordering import ordering_routes
from tierdesk_desk.portal.replying import reply_routes
from tierdesk_desk.portal.reporting import report_routes
from tierdesk_desk.portal.search import search_routes
from tierdesk_desk.portal.visiting import Portal
from tierdesk_desk.portal.words import PORTAL_WORDS

_HERE: Final = Path(__file__).parent


def make_renderer() -> Renderer:
    """Makes the pages of the console and of the portal: both look alike, and say the same things with the same words."""
    return Renderer(Statics(FOLDER, _HERE / "static"), folder=_HERE / "templates", words=PORTAL_WORDS)


def portal_routes(portal: Portal) -> APIRouter:
    """The pages."""
    router = APIRouter(include_in_schema=False)
    for routes in (
        search_routes,
        report_routes,
        following_routes,
        reply_routes,
        entering_routes,
        ordering_routes,
        community_routes,
    ):
        router.include_router(routes(portal))
    return router
