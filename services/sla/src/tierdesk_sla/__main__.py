"""`python -m tierdesk_sla`: this service as a process of its own, set by `TIERDESK_` variables."""

from tierdesk_runtime.process import run_service
from tierdesk_sla.app import DEFINITION

run_service(DEFINITION)
