"""The walls in the database: each service in its own schema, the tenant in every row."""

from __future__ import annotations

import asyncio

import asyncpg

from tierdesk_cli.services import DEFINITIONS
from tierdesk_store import service_url

WITHOUT_TENANT = {"alembic_version", "attempts", "dispatch", "inbox", "sign_in_pace", "spent"}
"""Tables that hold numbers and digests, of messages and of who tried to sign in, and nothing of a tenant."""


def test_the_tenant_stands_in_every_table(whole_desk):
    without = {table.partition(".")[2] for table, columns in whole_desk.tables().items() if "tenant" not in columns}
    assert without == WITHOUT_TENANT


def test_no_service_can_read_the_schema_of_another(whole_desk):
    """Each signs in as its own role; next door it is refused."""

    async def refused(service: str, schema: str) -> bool:
        url = service_url(whole_desk.database_url, service, whole_desk.secrets.database_password(service))
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(f"SELECT * FROM {schema}.outbox LIMIT 1")
        except asyncpg.InsufficientPrivilegeError:
            return True
        finally:
            await connection.close()
        return False

    told = {(one, other): asyncio.run(refused(one, other)) for one in DEFINITIONS for other in DEFINITIONS}
    assert told == {(one, other): one != other for one in DEFINITIONS for other in DEFINITIONS}
