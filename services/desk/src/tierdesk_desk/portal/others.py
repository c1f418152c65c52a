"""The other services, as the portal asks them: by their public endpoints, in the name of whoever looks and no more."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from tierdesk_desk.console.neighbours import Answer, Neighbours, Opened
from tierdesk_desk.console.rendering import Visit
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb, allows

ARTICLES: Final = "/v1/articles"
CATALOGUE: Final = "/v1/catalogue"
COMMUNITY: Final = "/v1/community"
FOR_REQUESTERS: Final = "requester"
"""The audience of what the portal shows; articles for tiers are none of its business."""


def scopes_of(person: Person) -> set[str]:
    """What this person's token may do: what the own pages need. Who came by a link may tell of a ticket, and read its files."""
    scopes = {"events:write", "tickets:read"}
    if allows(person.grants, Verb.ASK):
        scopes |= {"articles:read", "catalogue:read", "catalogue:order", "community:read", "community:write"}
    if allows(person.grants, Verb.MODERATE):
        scopes |= {"community:read", "community:moderate"}
        if allows(person.grants, Verb.WRITE_ARTICLES):
            scopes |= {"articles:write"}
    return scopes


def key_of(person: Person, ticket: str, key: str) -> str:
    """The idempotency key of a form: apart for each person and ticket, whatever the form says."""
    whose = hashlib.sha256(f"{person.tenant}:{person.party}:{ticket}".encode()).hexdigest()[:24]
    return f"portal-{whose}-{key}"


class Others(Neighbours):
    """Asks knowledge base and intake, under keys of the person who looks."""

    async def tell(self, visit: Visit, person: Person, event: Mapping[str, Any], key: str) -> Opened:
        """Tell intake of something that this person did; the same key once, however often it is asked.

        Raises `RefusedError`, `KeyReusedError` and `UnavailableError`.
        """
        return await self.open_ticket(visit, event, key_of(person, str(event.get("ticket", "")), key))

    async def attach(
        self, visit: Visit, person: Person, ticket: str, name: str, content: AsyncIterator[bytes], *, key: str
    ) -> Answer:
        """Hang a file on a ticket, as it comes. Raises `UnavailableError`; what intake refuses is answered."""
        return await self.send_file(visit, ticket, name, content, key_of(person, ticket, key))


def path_of_suggestions(words: str) -> str:
    """Titles for what is being typed."""
    return f"/v1/suggest?{urlencode({'q': words, 'limit': 6})}"


def path_of_search(words: str, *, limit: int) -> str:
    """Articles that have these words."""
    return f"{ARTICLES}/search?{urlencode({'q': words, 'audience': FOR_REQUESTERS, 'limit': limit})}"


def path_of_article(article_id: str) -> str:
    """An article as readers see it."""
    return f"{ARTICLES}/{quote(article_id, safe='')}?published=true&html=true"


def is_for_requesters(article: Mapping[str, Any] | None) -> bool:
    """Whether an article may be shown here: it is published, and written for requesters."""
    return article is not None and article.get("audience") == FOR_REQUESTERS and article.get("state") == "published"
