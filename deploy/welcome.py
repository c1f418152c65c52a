"""Waits until the desk takes events, and prints the line that posts a first one: `welcome.py DESK ADDRESS`.

DESK is where this container reaches the desk, ADDRESS where the reader does.
"""

# ruff: noqa: INP001 - run as a file, never imported

import sys
import time
from http import HTTPStatus

import httpx2

from tierdesk_cli.desk import open_secrets
from tierdesk_cli.environment import read_settings
from tierdesk_cli.up import first_post

PATIENCE_SECONDS = 300.0


def wait_until_ready(desk: str) -> bool:
    """Whether every service takes requests within the time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if httpx2.get(f"{desk}/readyz", timeout=5.0, trust_env=False).status_code == HTTPStatus.OK:
                return True
        except httpx2.TransportError:
            pass
        time.sleep(0.5)
    return False


def main() -> None:
    """Wait and print."""
    desk, address = sys.argv[1:]
    if not wait_until_ready(desk):
        sys.exit(f"the desk is not ready after {PATIENCE_SECONDS:.0f} s: see the logs of its services")
    key = open_secrets(read_settings().secrets_file).local_key()
    if key is None:
        sys.exit("the desk is ready; its local.key was removed, so mint a key to post a first event")
    print(f"Tierdesk is ready at {address}. Post a first event:\n\n{first_post(address, key)}\n")  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
