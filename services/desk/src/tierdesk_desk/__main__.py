"""`python -m tierdesk_desk`: this service as a process of its own, set by `TIERDESK_` variables."""

from tierdesk_desk.app import DEFINITION
from tierdesk_runtime.process import run_service

run_service(DEFINITION)
