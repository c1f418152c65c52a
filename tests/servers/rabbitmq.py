"""RabbitMQ for the tests: any broker, and a private node of our own."""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import httpx2
import psutil

from servers.reaper import Reaper

_NAME = "tierdesk"


class BrokerError(Exception):
    """The broker cannot be had, or does not do what the tests need; the text says what to do."""


class Broker:
    """A running RabbitMQ, known by its two addresses, `amqp_root` without a virtual host; nothing but virtual hosts of our own is made or changed on it."""

    def __init__(self, description: str, amqp_root: str, management_url: str) -> None:
        self.description = description
        self.amqp_root = amqp_root
        self.management_url = management_url
        parts = urlsplit(amqp_root)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 5672)
        self._user = unquote(parts.username or "guest")
        api = urlsplit(management_url)
        self._api = httpx2.Client(
            base_url=f"{api.scheme}://{api.netloc.rpartition('@')[2]}/api/",
            auth=(unquote(api.username or "guest"), unquote(api.password or "guest")),
            timeout=30.0,
        )

    def amqp_url(self, vhost: str = "/") -> str:
        """The address of a virtual host."""
        return f"{self.amqp_root}/{quote(vhost, safe='')}"

    def answers(self) -> bool:
        """Tells whether both AMQP and the management API answer."""
        try:
            with socket.create_connection(self._address, timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                if not connection.recv(1):
                    return False
            return self._api.get("overview").is_success
        except (OSError, httpx2.HTTPError):
            return False

    def create_vhost(self, name: str) -> None:
        """Makes a virtual host on which the user of `amqp_url` may do everything."""
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._call("PUT", f"vhosts/{quote(name, safe='')}")
        self._call("PUT", f"permissions/{quote(name, safe='')}/{quote(self._user, safe='')}", json=everything)

    def delete_vhost(self, name: str) -> None:
        """Removes a virtual host with all that is in it; one that is gone is no error."""
        self._call("DELETE", f"vhosts/{quote(name, safe='')}", tolerated=404)

    @contextlib.contextmanager
    def fresh_vhost(self) -> Iterator[str]:
        """The address of a new virtual host, which is removed after."""
        name = f"test-{secrets.token_hex(6)}"
        self.create_vhost(name)
        try:
            yield self.amqp_url(name)
        finally:
            self.delete_vhost(name)

    def close(self) -> None:
        """Closes our connections to it; the broker runs on."""
        self._api.close()

    def _call(self, method: str, path: str, *, json: object = None, tolerated: int | None = None) -> None:
        try:
            answer = self._api.request(method, path, json=json)
        except httpx2.HTTPError as error:
            raise BrokerError(f"the management API of {self.description} does not answer: {error}") from error
        if answer.is_error and answer.status_code != tolerated:
            raise BrokerError(f"{method} {path} on {self.description}: {answer.status_code} {answer.text[:200]}")


class RabbitNode:
    """A private RabbitMQ node in one folder: own name, home, ports and epmd; shares nothing with another on this machine.

    `broker` is the node as its clients see it.

    `stop`, `kill9` and `wipe_data` leave folder and ports as they are, so that `start` brings the same node back at the same
    addresses. `close` ends it for good. A reaper ends both processes if the session cannot.
    """

    def __init__(self, folder: Path, server: Path, reaper: Reaper) -> None:
        self.folder = folder
        self.password = secrets.token_urlsafe(12)
        self._server = server
        self._reaper = reaper
        self._amqp_port, self._management_port, self._distribution_port, self._epmd_port = _free_ports(4)
        self.broker = Broker(
            f"a private node of {server}",
            f"amqp://{_NAME}:{self.password}@127.0.0.1:{self._amqp_port}",
            f"http://{_NAME}:{self.password}@127.0.0.1:{self._management_port}",
        )
        self._node: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        for name in ("home", "log"):
            (folder / name).mkdir(parents=True)
        (folder / "env.conf").touch()
        (folder / "plugins").write_text("[rabbitmq_management].\n")
        (folder / "rabbitmq.conf").write_text(
            f"default_user = {_NAME}\n"
            f"default_pass = {self.password}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self._management_port}\n"
            "collect_statistics_interval = 1000\n"  # tests read queue lengths over the management API
        )

    @property
    def pid(self) -> int:
        """The node's process. Raises BrokerError when it does not run."""
        if self._node is None:
            raise BrokerError("the node does not run")
        return self._node.pid

    def start(self, *, timeout_seconds: float = 90.0) -> None:
        """Starts the node and returns when both AMQP and the management API answer. Raises BrokerError with the log's end."""
        if self._epmd is None or self._epmd.poll() is not None:
            self._epmd = self._spawn([_find_epmd(), "-port", str(self._epmd_port), "-address", "127.0.0.1"])
        self._node = self._spawn([str(self._server), "-noinput"])
        deadline = time.monotonic() + timeout_seconds
        while not self.broker.answers():
            if self._node.poll() is not None or time.monotonic() > deadline:
                self.kill9()
                raise BrokerError(f"RabbitMQ did not start:\n{self._log_end()}")
            time.sleep(0.2)

    def stop(self, *, timeout_seconds: float = 30.0) -> None:
        """Stops the node in order; kills it after the time limit. A node that does not run is no error."""
        self._end(signal.SIGTERM, timeout_seconds)

    def kill9(self) -> None:
        """Ends the node with SIGKILL, as if the machine had lost it."""
        self._end(signal.SIGKILL, 10.0)

    def wipe_data(self) -> None:
        """Removes all that the stopped node has stored: it comes back as if its disk had been lost."""
        if self._node is not None:
            raise BrokerError("the node runs; stop or kill it before its data are wiped")
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    def control(self, *arguments: str) -> None:
        """Runs `rabbitmqctl` on the node. Raises BrokerError with what it said."""
        command = [str(self._server.with_name("rabbitmqctl")), *arguments]
        done = subprocess.run(
            command, check=False, cwd=self.folder, env=self._environment(), capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise BrokerError(f"rabbitmqctl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")

    def close(self) -> None:
        """Ends the node and its epmd and removes the folder. The node is killed: an orderly stop takes seconds to keep data."""
        self.kill9()
        self.broker.close()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(10)
            self._epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log" / "console.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt from the keyboard is the session's alone
            )
        self._reaper.watch_process(process.pid)
        return process

    def _environment(self) -> dict[str, str]:
        """Measured on RabbitMQ 3.10: with these, nothing of the machine's own RabbitMQ or Erlang set-up is read or written."""
        folder = self.folder
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),  # the Erlang cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_ALLOW_INPUT": "1",  # the script then becomes the node, instead of watching over it
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_NODENAME": f"{_NAME}-{self._amqp_port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._amqp_port),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _end(self, how: signal.Signals, timeout_seconds: float) -> None:
        if self._node is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._node.pid).children(recursive=True)
            self._node.send_signal(how)
            try:
                self._node.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self._node.kill()
                self._node.wait(10)
            _, stubborn = psutil.wait_procs(children, timeout=1)  # its port programs leave when their pipe closes
            for child in stubborn:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        self._node = None

    def _log_end(self) -> str:
        texts = [path.read_text(errors="replace")[-2000:] for path in sorted((self.folder / "log").glob("*.log"))]
        return "\n".join(texts)


def _find_epmd() -> str:
    found = shutil.which("epmd")
    if found is None:
        raise BrokerError("epmd is not on the PATH; it comes with Erlang (Debian: erlang-base)")
    return found


def _free_ports(count: int) -> list[int]:
    """Free ports below those of outgoing connections, where a client that retries could be connected to itself."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(range(20_000, 32_000), 400):
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise BrokerError("found no free ports between 20000 and 32000 on 127.0.0.1")
