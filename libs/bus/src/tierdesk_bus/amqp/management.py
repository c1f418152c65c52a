"""What AMQP itself cannot do: make virtual hosts and set policies, by RabbitMQ's management API."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import httpx2

from tierdesk_bus.port import BusError, BusUnavailableError

TIMEOUT_SECONDS = 10.0
POLICY_PRIORITY = 10
"""Only the policy of the highest priority applies to a queue; that of an operator who wants another limit may be higher."""


class Management:
    """A client of the management API; its URL holds the user and password of an administrator."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._client = httpx2.AsyncClient(
            base_url=f"{parts.scheme}://{host}{parts.path.rstrip('/')}/api/",
            auth=(unquote(parts.username or "guest"), unquote(parts.password or "guest")),
            timeout=TIMEOUT_SECONDS,
        )

    async def create_namespace(self, vhost: str, *, user: str) -> None:
        """Make the virtual host exist and let `user` use it; permissions that the user has there stay as they are."""
        if not await self._exists(f"vhosts/{segment(vhost)}"):
            await self._put(f"vhosts/{segment(vhost)}", {})
        permissions = f"permissions/{segment(vhost)}/{segment(user)}"
        if not await self._exists(permissions):
            await self._put(permissions, {"configure": ".*", "write": ".*", "read": ".*"})

    async def limit_queue(self, vhost: str, queue: str, *, max_length: int) -> None:
        """Have publishers refused at `max_length` messages, and not the oldest message dropped."""
        await self._put(
            f"policies/{segment(vhost)}/{segment(f'limit {queue}')}",
            {
                "pattern": f"^{re.escape(queue)}$",
                "definition": {"max-length": max_length, "overflow": "reject-publish"},
                "priority": POLICY_PRIORITY,
                "apply-to": "queues",
            },
        )

    async def rules_of(self, vhost: str, queue: str) -> tuple[dict[str, object], dict[str, object]]:
        """What policies set for a queue, as it is in effect, and the arguments it was declared with. Raises `BusError`."""
        response = await self._request("GET", f"queues/{segment(vhost)}/{segment(queue)}", None)
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise BusError(f"the management API does not know the queue {queue!r} in {vhost!r}")
        found = response.json()
        return table(found.get("effective_policy_definition")), table(found.get("arguments"))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _exists(self, path: str) -> bool:
        response = await self._request("GET", path, None)
        return response.status_code != httpx2.codes.NOT_FOUND

    async def _put(self, path: str, document: dict[str, object]) -> None:
        await self._request("PUT", path, document)

    async def _request(self, method: str, path: str, document: dict[str, object] | None) -> httpx2.Response:
        try:
            response = await self._client.request(method, path, json=document)
        except httpx2.HTTPError as error:
            raise BusUnavailableError(f"the management API does not answer: {error!r}") from error
        missing = method in {"GET", "DELETE"} and response.status_code == httpx2.codes.NOT_FOUND
        if response.is_error and not missing:
            raise BusError(
                f"the management API refused {method} {path} with {response.status_code}: {response.text[:500]}; "
                "its user must be an administrator"
            )
        return response


def table(found: object) -> dict[str, object]:
    """A map of the management API."""
    return found if isinstance(found, dict) else {}  # RabbitMQ writes an empty map as a list


def segment(name: str) -> str:
    """A name as part of a path."""
    return quote(name, safe="")
