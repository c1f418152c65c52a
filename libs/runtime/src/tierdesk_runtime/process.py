"""A service as a process of its own: what `python -m tierdesk_<service>` runs, in a container for instance."""

from __future__ import annotations

import sys

from tierdesk_runtime.clock import ClockError
from tierdesk_runtime.secrets import SecretsError
from tierdesk_runtime.service import ServiceDefinition
from tierdesk_runtime.serving import ServingError, run
from tierdesk_runtime.settings import Settings, SettingsError


def run_service(definition: ServiceDefinition) -> None:
    """Serve until SIGTERM or SIGINT, drain, and return.

    What an operator can mend ends the process with one line on stderr: 2 where a setting is at fault, 1 where its
    surroundings are. A defect keeps its traceback.
    """
    try:
        run([definition], Settings.read())
    except (SettingsError, ClockError) as error:
        _give_up(definition, str(error), exit_code=2)
    except (SecretsError, ServingError) as error:
        _give_up(definition, str(error), exit_code=1)


def _give_up(definition: ServiceDefinition, reason: str, *, exit_code: int) -> None:
    sys.stderr.write(f"tierdesk {definition.name}: {reason}\n")
    sys.exit(exit_code)
