"""What an operator or an accident does to the server behind a bus."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import asyncpg
import httpx2


def vhost_of(url: str) -> str:
    """The virtual host that an AMQP URL names."""
    return unquote(urlsplit(url).path[1:])


def api_options(management_url: str) -> dict[str, Any]:
    """How to make a client of the management API."""
    parts = urlsplit(management_url)
    return {
        "base_url": f"{parts.scheme}://{parts.hostname}:{parts.port}/api/",
        "auth": (unquote(parts.username or ""), unquote(parts.password or "")),
        "timeout": 30,
    }


def remove_vhosts(management_url: str, *, prefix: str) -> None:
    """Remove the virtual hosts whose names begin so."""
    with httpx2.Client(**api_options(management_url)) as api:
        for vhost in api.get("vhosts").json():
            if vhost["name"].startswith(prefix):
                api.delete(f"vhosts/{quote(vhost['name'], safe='')}")


class PostgresOperator:
    """Does to PostgreSQL what an operator or an accident would."""

    def __init__(self, url: str) -> None:
        self._url = url

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._url)
        try:
            yield connection
        finally:
            await connection.close()

    async def delete_queue(self, name: str) -> None:
        async with self._connection() as connection:
            await connection.execute("DELETE FROM bus.queue WHERE name = $1", name)

    async def cut_all_connections(self) -> None:
        async with self._connection() as connection:
            cut = await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cut > 0

    async def put_message_without_id(self, queue: str, body: bytes) -> None:
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO bus.message (queue_id, id, type, key, content_type, headers, body)"
                " SELECT id, '', '', '', '', NULL, $2 FROM bus.queue WHERE name = $1",
                queue,
                body,
            )


class AmqpOperator:
    """Does to RabbitMQ what an operator or an accident would."""

    def __init__(self, url: str, management_url: str) -> None:
        self.url = url
        self.vhost = vhost_of(url)
        self.users: list[str] = []
        self.api = httpx2.AsyncClient(**api_options(management_url))

    async def close(self) -> None:
        for user in self.users:
            await self.api.delete(f"users/{user}")
        await self.api.aclose()

    async def delete_queue(self, name: str) -> None:
        response = await self.api.delete(f"queues/{quote(self.vhost, safe='')}/{name}")
        response.raise_for_status()

    async def create_user(self, name: str, password: str, *, vhost: str, configure: str, write: str, read: str) -> None:
        await self._put(f"users/{name}", {"password": password, "tags": ""})
        self.users.append(name)
        permissions = {"configure": configure, "write": write, "read": read}
        await self._put(f"permissions/{quote(vhost, safe='')}/{name}", permissions)

    async def _put(self, path: str, document: dict[str, str]) -> None:
        (await self.api.put(path, json=document)).raise_for_status()

    async def cut_all_connections(self) -> None:
        """The API learns of a connection a moment after it is there; its own list is what can be cut."""
        names: list[str] = []
        async with asyncio.timeout(20):
            while len(names) < 2:
                await asyncio.sleep(0.2)
                connections = (await self.api.get(f"vhosts/{quote(self.vhost, safe='')}/connections")).json()
                names = [connection["name"] for connection in connections]
        for name in names:
            await self.api.delete(f"connections/{quote(name, safe='')}")

    async def put_message_without_id(self, queue: str, body: bytes) -> None:
        response = await self.api.post(
            f"exchanges/{quote(self.vhost, safe='')}/amq.default/publish",
            json={"properties": {}, "routing_key": queue, "payload": body.decode(), "payload_encoding": "string"},
        )
        assert response.json() == {"routed": True}


Operator = PostgresOperator | AmqpOperator
