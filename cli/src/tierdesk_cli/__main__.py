"""`python -m tierdesk_cli`."""

from tierdesk_cli.main import run

run()
