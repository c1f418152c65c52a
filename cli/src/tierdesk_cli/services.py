"""All services, in the order in which they start."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from tierdesk_cli.serving import SERVICES, find_service
from tierdesk_desk.app import DEFINITION as DESK
from tierdesk_desk.app import build as build_desk
from tierdesk_runtime.service import ServiceDefinition

DEFINITIONS: Final[dict[str, ServiceDefinition]] = {name: find_service(name) for name in SERVICES}


def definitions(*, worked: frozenset[str] | None = None, mails: Path | None = None) -> list[ServiceDefinition]:
    """All services. People work the groups that are named at the desk, whatever its settings say; None leaves it to those.

    Where no setting says where mail goes, it is laid into the folder `mails`.
    """
    desk = replace(DESK, build=partial(build_desk, groups=worked, mails=mails))
    return [desk if definition is DESK else definition for definition in DEFINITIONS.values()]
