"""A receiver of webhooks on real HTTP, which keeps every byte that it gets and answers as a test wants."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Hook:
    """One request. `headers` have lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes
    raw: bytes
    """All that came, from the first line on."""
    at: float

    @property
    def id(self) -> str:
        """The identifier that it was sent under."""
        return self.headers.get("webhook-id", "")

    @property
    def document(self) -> Any:
        """The envelope."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered. `chunk` is sent without end; with `hangs`, nothing is answered before the receiver closes."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    chunk: bytes = b""
    hangs: bool = False


Script = Callable[[Hook], Reply]


class Receiver:
    """Answers `script(hook)` on a free port of 127.0.0.1, each request in a thread of its own."""

    def __init__(self, script: Script | None = None, *, certificate: str | None = None) -> None:
        self.script: Script = script or (lambda _hook: Reply())
        self.hooks: list[Hook] = []
        self.most_at_once = 0
        self.sent_bytes = 0
        self.cut_off = False
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(self)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join(PATIENCE_SECONDS)
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it takes webhooks."""
        return f"http://127.0.0.1:{self.port}/hook"

    def wait_for(self, look: Callable[[list[Hook]], Any], what: str) -> Any:
        """The first true answer of `look` at what has come."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := look(list(self.hooks))):
            assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:.0f} s: {what}; came: {self.hooks}"
            time.sleep(0.02)
        return found

    def take(self, hook: Hook) -> Reply:
        """Keep a request, and decide the answer."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.hooks.append(hook)
        try:
            reply = self.script(hook)
            if reply.hangs:
                self._closing.wait(PATIENCE_SECONDS)
            return reply
        finally:
            with self._lock:
                self._at_once -= 1

    @property
    def is_closing(self) -> bool:
        """Whether it is time to end what has no end."""
        return self._closing.is_set()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is nobody's fault."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        raw = f"{self.requestline}\r\n{self.headers}".encode() + body
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.server.receiver
        reply = receiver.take(Hook(self.path, headers, body, raw, time.time()))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.chunk:
            self.send_header("Content-Length", "0")
        self.end_headers()
        while reply.chunk and not receiver.is_closing:
            try:
                self.wfile.write(reply.chunk)
            except OSError:
                receiver.cut_off = True
                return
            receiver.sent_bytes += len(reply.chunk)

    def log_message(self, *_: object) -> None:
        pass
