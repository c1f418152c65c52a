"""The examples work as they stand, as programs and within another process."""

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tierdesk_contracts.names import vendor_namespace
from tierdesk_contracts.outcome import WorkEscalated, WorkTransferred

EXAMPLES = Path(__file__).parents[3] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_vendor_as_a_program_repairs_and_stops_when_told(vendor_desk, bus_url):
    desk = vendor_desk
    prefix = f"{bus_url.rpartition('/')[2]}-" if bus_url.startswith("amqp") else ""
    program = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / "vendor_printer.py", "--bus", bus_url, "--namespace", prefix + desk.namespace
    )
    try:
        tickets = [await desk.offer() for _ in range(3)]
        await desk.until(lambda: all(ticket.is_over for ticket in tickets))
    finally:
        program.terminate()
    async with asyncio.timeout(30):
        assert await program.wait() == 0
    for ticket in tickets:
        assert ticket.steps == ["accepted", "progressed", "paused", "resumed", "resolved"]
    assert desk.namespace == vendor_namespace("main", "acme-print")


async def test_the_staff_see_every_ticket_through_to_an_end(desk_of, bus_url):
    desk = await desk_of("l1", "service-desk")
    await desk.add_group("l1", "front-office")
    await desk.add_group("l2", "workplace")
    groups = ["l1/service-desk", "l1/front-office", "l2/workplace"]
    stop = asyncio.Event()
    staff = asyncio.create_task(load("staff").run(bus_url, stop, groups=groups, speed=200.0))
    tickets = [await desk.offer() for _ in range(40)]
    await desk.until(lambda: all(ticket.is_over for ticket in tickets))
    stop.set()
    await staff
    endings = {ticket.steps[-1] for ticket in tickets}
    assert {"resolved", "escalated"} <= endings <= {"resolved", "escalated", "transferred"}
    assert {ticket.worker for ticket in tickets} == {"Amara", "Bjarne", "Chiyo"}
    for ticket in tickets:
        if isinstance(ticket.last, WorkEscalated):
            assert ticket.last.to_tier == "l2"
            assert ticket.last.findings
            assert ticket.last.steps_tried
        if isinstance(ticket.last, WorkTransferred):
            assert ticket.last.to_group == "front-office"


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("vendor_printer", [], "name the bus"),
        ("staff", ["--group", "l1/service-desk"], "name the bus"),
        ("staff", ["--bus", "postgresql://x/y", "--group", "service-desk"], "is not of the form tier/group"),
        ("staff", ["--bus", "postgresql://x/y"], "required: --group"),
        ("staff", ["--group", "l1/a", "--supplier", "l1/printer"], "is not of the form tier/category/tier"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(name, arguments, told):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *arguments],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
