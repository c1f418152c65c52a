"""A service that sends ten words to itself and notes them: `mortal_service.py DATABASE_URL BUS_URL`.

It ends once all are noted, or where `TIERDESK_FAILPOINT` says; started again, it goes on with what is left.
"""

import asyncio
import sys

from sqlalchemy import text
from trial_service import EVENTS, Notes, ordered

from tierdesk_bus import connect
from tierdesk_bus.port import HOME, Address
from tierdesk_store import Consumption, Database, Relay

SENT = text("SELECT count(*) FROM outbox")
NOTED = text("SELECT count(*) FROM note")
LEFT = text("SELECT count(*) FROM dispatch WHERE published_at IS NULL")


async def main(database_url, bus_url):
    database = Database(database_url, schema="trial", name="mortal")
    bus = await connect(bus_url, name="mortal")
    if not await count(database, SENT):
        async with database.transaction() as tx:
            for number in range(1, 6):
                for subject in "ab":
                    tx.send(ordered(subject, number), Address(HOME, EVENTS, "notes.a"))
    stop = asyncio.Event()
    parts = [Relay(database, bus), Consumption(bus, database, Notes(), "notes", batch=3)]
    tasks = [asyncio.create_task(part.run(stop)) for part in parts]
    while True:
        if await count(database, NOTED) >= 10 and not await count(database, LEFT):
            break
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*tasks)
    await bus.close()
    await database.close()


async def count(database, statement):
    async with database.read() as connection:
        return (await connection.execute(statement)).scalar_one()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
