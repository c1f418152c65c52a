"""`tierdesk` on a machine whose clock somebody sets: by as many seconds as the file says that `MISSET_FILE` names."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from tierdesk_cli.main import run
from tierdesk_runtime import clock

VARIABLE: Final = "MISSET_FILE"


def set_clock(file: Path, seconds: float) -> None:
    """Set the clocks of the processes that go by this file, now, to so many seconds beside the right time."""
    fresh = file.with_suffix(".new")
    fresh.write_text(str(seconds))
    fresh.replace(file)


def _misset(file: Path) -> SimpleNamespace:
    return SimpleNamespace(time=lambda: time.time() + float(file.read_text()))


if __name__ == "__main__":
    clock.time = _misset(Path(os.environ[VARIABLE]))  # type: ignore[assignment]
    run()
