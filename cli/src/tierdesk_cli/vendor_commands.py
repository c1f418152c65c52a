"""`tierdesk vendor`, with all that belongs to vendors."""

from __future__ import annotations

from tierdesk_cli import scorecard
from tierdesk_cli.options import console
from tierdesk_cli.vendor import app
from tierdesk_cli.vendors import mock, webhooks

app.add_typer(webhooks.app, name="webhook")
scorecard.add_commands(app, console)
mock.add_command(app, console)

__all__ = ["app"]
