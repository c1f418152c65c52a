"""One broker for all workers of a test run.

A node takes some ten seconds of a processor to start and a part of one to stand by, which five of them would take from the
tests. The controller has it, so that it outlives each worker; it is started when the first worker asks, by a file in a
folder that all know.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from servers.containers import RabbitContainer
from servers.postgres import make_reachable_folder
from servers.rabbitmq import Broker, BrokerError, RabbitNode
from servers.reaper import Reaper

AnyBroker = Broker | RabbitContainer | RabbitNode
"""One that the environment names, one in a container, a node of our own."""
Start = Callable[[Path, Reaper], AnyBroker]
"""Starts a broker in this folder, watched over by this reaper. Raises `BrokerError`."""
_WANTED, _ANSWER = "wanted", "answer"
_LOOK_SECONDS = 0.1


class SharedBroker:
    """The controller's side. `folder` is where workers ask."""

    def __init__(self, start: Start) -> None:
        self.folder = make_reachable_folder(in_memory=True)
        self._start = start
        self._reaper = Reaper()
        self._reaper.watch_folder(self.folder)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="broker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the broker, if anybody asked for it."""
        self._closing.set()
        self._thread.join()
        self._reaper.close()

    def _serve(self) -> None:
        while not (self.folder / _WANTED).exists():
            if self._closing.wait(_LOOK_SECONDS):
                return
        try:
            server = self._start(self.folder / "rabbitmq", self._reaper)
        except BrokerError as error:
            self._tell({"error": str(error)})
            return
        broker = server if isinstance(server, Broker) else server.broker
        self._tell({"description": broker.description, "amqp": broker.amqp_root, "management": broker.management_url})
        self._closing.wait()
        server.close()

    def _tell(self, answer: dict[str, str]) -> None:
        written = self.folder / f"{_ANSWER}.new"
        written.write_text(json.dumps(answer))
        written.replace(self.folder / _ANSWER)


def ask_for_broker(folder: Path, *, timeout_seconds: float = 110.0) -> Broker:
    """A worker's side: the broker of this run. Raises `BrokerError` when the controller cannot have one."""
    (folder / _WANTED).touch()
    deadline = time.monotonic() + timeout_seconds
    while not (folder / _ANSWER).exists():
        if time.monotonic() > deadline:
            raise BrokerError(f"no broker was started within {timeout_seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)
    answer = json.loads((folder / _ANSWER).read_text())
    if "error" in answer:
        raise BrokerError(answer["error"])
    return Broker(answer["description"], answer["amqp"], answer["management"])
