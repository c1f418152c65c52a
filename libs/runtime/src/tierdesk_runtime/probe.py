"""`python -m tierdesk_runtime.probe [PATH]`: asks the service of this container how it is.

Ends with 0 when `PATH` (`/readyz`) answers 200, else with 1 and one line. Only the standard library, and little of it:
it is run every few seconds, in an image that has no curl.
"""

from __future__ import annotations

import http.client
import os
import sys

TIMEOUT_SECONDS = 5.0


def ask(port: int, path: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> str | None:
    """What is wrong with the service on this port; None when it answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"port {port} does not answer: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{path} answers {answer.status}: {body}"


def main() -> int:
    """Ask, say what is wrong, and answer the exit code."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/readyz"
    wrong = ask(int(os.environ.get("TIERDESK_HTTP_PORT") or "8080"), path)
    if wrong is not None:
        sys.stdout.write(f"{wrong}\n")
    return 1 if wrong is not None else 0


if __name__ == "__main__":
    sys.exit(main())
