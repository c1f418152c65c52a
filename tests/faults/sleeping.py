"""A program that passes a crash window twice and then does nothing until it is ended."""

from __future__ import annotations

import signal

from tierdesk_store.failpoints import failpoint

if __name__ == "__main__":
    failpoint("relay.after_claim")
    failpoint("relay.after_claim")
    while True:
        signal.pause()
