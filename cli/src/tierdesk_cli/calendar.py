"""`tierdesk calendar verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tierdesk_policy.facts import verify


def verify_files(files: Sequence[Path]) -> int:
    """Print each mismatch and a closing line; answer the exit code."""
    return verify(files, lambda line: sys.stdout.write(f"{line if line.isprintable() else ascii(line)}\n"))
