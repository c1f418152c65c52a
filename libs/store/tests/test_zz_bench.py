import asyncio, time, os, cProfile, pstats
import pytest
from sqlalchemy import text
from trial_service import EVENTS, Notes, ordered, unordered, rows, until
from tierdesk_bus.port import HOME, Address
from tierdesk_store import Consumption, Relay, Database

NOTES = Address(HOME, EVENTS, "notes.a")
N = 20000

class Trivial(Notes):
    async def load(self, tx, messages): return [0]
    def decide(self, state, message): state[0] += 1
    async def save(self, tx, state): pass

async def test_bench(database, bus):
    print()
    print(type(bus).__name__)
    envs = [ordered(f"s{n%2000}", n//2000+1) for n in range(N)]
    t=time.perf_counter()
    for i in range(0, N, 500):
        async with database.transaction() as tx:
            for e in envs[i:i+500]: tx.send(e, NOTES)
    d=time.perf_counter()-t
    print(f"outbox insert, 500 a transaction: {N/d:.0f} rows/s")
    relay = Relay(database, bus)
    stop = asyncio.Event()
    pr = cProfile.Profile() if os.environ.get("PROF")=="relay" else None
    t=time.perf_counter()
    if pr: pr.enable()
    task = asyncio.create_task(relay.run(stop))
    while relay.published < N: await asyncio.sleep(0.01)
    d=time.perf_counter()-t
    if pr: pr.disable()
    stop.set(); await task
    print(f"relay from a full outbox: {N/d:.0f} rows/s")
    if pr: pstats.Stats(pr).sort_stats("tottime").print_stats(25)
    for batch in (200,):
        c = Consumption(bus, database, Trivial(), "notes", batch=batch)
        stop = asyncio.Event()
        pr = cProfile.Profile() if os.environ.get("PROF")=="consumer" else None
        t=time.perf_counter()
        if pr: pr.enable()
        task = asyncio.create_task(c.run(stop))
        while c.counts.applied < N: await asyncio.sleep(0.01)
        d=time.perf_counter()-t
        if pr: pr.disable()
        stop.set(); await task
        print(f"consumer, ordered, batch {batch}: {N/d:.0f} messages/s")
        if pr: pstats.Stats(pr).sort_stats("tottime").print_stats(30)
    c = Consumption(bus, database, Trivial(name="u"), "all", batch=200)
    stop = asyncio.Event()
    t=time.perf_counter()
    task = asyncio.create_task(c.run(stop))
    while c.counts.applied < N: await asyncio.sleep(0.01)
    d=time.perf_counter()-t
    stop.set(); await task
    print(f"consumer again ordered (queue all): {N/d:.0f} messages/s")

async def test_unordered(database, postgres_bus):
    from trial_service import Intake
    from tierdesk_store.arrival import read_arrival
    h = Trivial()
    i = Intake(database, h)
    msgs=[unordered(f"s{n%2000}", "x") for n in range(N)]
    t=time.perf_counter()
    for k in range(0,N,200): await i.take(*msgs[k:k+200])
    d=time.perf_counter()-t
    print(f"\napply unordered without bus: {N/d:.0f}/s (includes to_bytes)")

async def test_small(database, service):
    async with database.transaction() as tx: await tx.execute(text("SELECT 1"))
    t=time.perf_counter()
    for n in range(2000):
        async with database.transaction() as tx: await tx.execute(text("SELECT 1"))
    d=time.perf_counter()-t
    print(f"\none transaction with one select: {d/2000*1e3:.3f} ms")
    database._engine.pool._pre_ping = True
    t=time.perf_counter()
    for n in range(2000):
        async with database.transaction() as tx: await tx.execute(text("SELECT 1"))
    d=time.perf_counter()-t
    print(f"same with pre_ping: {d/2000*1e3:.3f} ms")
    from tierdesk_store.leases import PartitionLocks
    from tierdesk_store.outbox import OutboxReader
    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO outbox (partition, id, tenant, subject, namespace, exchange, key, type, body, published_at) SELECT n % 16, gen_random_uuid(), 'main', 's', '', 'e', 'k', 't', 'x', now() FROM generate_series(1, 200000) n"))
    async with PartitionLocks(service, schema="trial", name="b") as locks:
        r = OutboxReader(locks.connection, "trial")
        t=time.perf_counter(); c=time.process_time()
        for n in range(1000): await r.unpublished(list(range(16)), limit_each=31, except_for=[])
        print(f"idle poll: {(time.perf_counter()-t):.3f} ms, own CPU {(time.process_time()-c):.3f} ms")
        held=[Address("","e",f"k{n}") for n in range(20)]
        t=time.perf_counter()
        for n in range(1000): await r.unpublished(list(range(16)), limit_each=31, except_for=held)
        print(f"idle poll with 20 held: {(time.perf_counter()-t):.3f} ms")
        t=time.perf_counter()
        for n in range(200): await r.delete_old(n%16)
        print(f"clean look: {(time.perf_counter()-t)/200*1e3:.3f} ms")
