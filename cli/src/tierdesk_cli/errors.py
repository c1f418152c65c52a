"""How a command fails: one line, and an exit code."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot go on. The text says what to do; `exit_code` is 1, or 2 for input that is at fault."""

    def __init__(self, text: str, *, exit_code: int = 1) -> None:
        """`text` is printed after `tierdesk: `."""
        super().__init__(text)
        self.exit_code = exit_code
