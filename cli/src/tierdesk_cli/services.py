"""All services, in the order in which they start."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from tierdesk_bridge.app import DEFINITION as BRIDGE
from tierdesk_cli.errors import CommandError
from tierdesk_desk.app import DEFINITION as DESK
from tierdesk_desk.app import build as build_desk
from tierdesk_intake.app import DEFINITION as INTAKE
from tierdesk_kb.app import DEFINITION as KB
from tierdesk_router.app import DEFINITION as ROUTER
from tierdesk_runtime.service import ServiceDefinition
from tierdesk_sla.app import DEFINITION as SLA

DEFINITIONS: Final[dict[str, ServiceDefinition]] = {
    definition.name: definition for definition in (ROUTER, INTAKE, SLA, KB, BRIDGE, DESK)
}


def definitions(*, worked: frozenset[str] | None = None) -> list[ServiceDefinition]:
    """All services. People work the groups that are named at the desk, whatever its settings say; None leaves it to those."""
    desk = replace(DESK, build=partial(build_desk, groups=worked))
    return [desk if definition is DESK else definition for definition in DEFINITIONS.values()]


def find_service(name: str) -> ServiceDefinition:
    """The service of this name. Raises `CommandError` that lists them."""
    try:
        return DEFINITIONS[name]
    except KeyError:
        raise CommandError(f"no service {name!r}; there are {', '.join(sorted(DEFINITIONS))}", exit_code=2) from None
