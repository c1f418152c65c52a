"""The probe of a container: 0 when the service takes requests, else 1 and the reason."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest


class _Desk(http.server.BaseHTTPRequestHandler):
    answers: ClassVar = {"/readyz": (503, b'{"state": "failed"}'), "/healthz": (200, b'{"state": "ok"}')}

    def do_GET(self) -> None:
        status, body = self.answers.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Desk) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def probe(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tierdesk_runtime.probe", *arguments],
        check=False,
        env={"TIERDESK_HTTP_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_path_that_answers_200_is_well(port):
    told = probe(port, "/healthz")
    assert (told.returncode, told.stdout) == (0, "")


def test_a_service_that_is_not_ready_is_ill_and_the_probe_says_what_it_answered(port):
    told = probe(port)
    assert told.returncode == 1
    assert told.stdout == '/readyz answers 503: {"state": "failed"}\n'


def test_a_service_that_does_not_answer_is_ill():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port, and it refuses
        told = probe(closed.getsockname()[1])
    assert told.returncode == 1
    assert "does not answer" in told.stdout
    assert told.stderr == ""
