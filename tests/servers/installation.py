"""Where the servers of this machine are, and how to get one."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from servers.containers import RABBITMQ_IMAGE
from servers.rabbitmq import BrokerError

DEBIAN_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in /usr/sbin changes the user


def find_rabbitmq_server() -> Path:
    """The start script of a local RabbitMQ, installed first where the machine is a Debian and we are root.

    Raises BrokerError, which names the ways to get one.
    """
    found = _find_or_install(_local_server, "rabbitmq-server")
    if found is None:
        raise BrokerError(
            "no RabbitMQ to test against. Do one of these: install it (Debian: apt-get install rabbitmq-server), "
            "set TIERDESK_TEST_AMQP_URL to a broker with the management plugin on which virtual hosts may be made, "
            f"or start Docker and pull {RABBITMQ_IMAGE}"
        )
    return found


def find_slapd() -> Path:
    """The OpenLDAP server of this machine, installed first likewise. Raises BrokerError, which names the way to get one."""
    found = _find_or_install(_local_slapd, "slapd", "openssl")
    if found is None:
        raise BrokerError("no LDAP server to test against: install one (Debian: apt-get install slapd openssl)")
    return found


def find_chromium() -> Path:
    """The browser of this machine, installed first likewise. Raises BrokerError, which names the way to get one."""
    found = _find_or_install(_local_chromium, "chromium")
    if found is None:
        raise BrokerError("no browser to test with: install one (Debian: apt-get install chromium)")
    return found


def _find_or_install(look: Callable[[], Path | None], *packages: str) -> Path | None:
    found = look()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # Test workers side by side would find the package manager locked by each other: one installs, the others wait.
        with (Path(tempfile.gettempdir()) / "tierdesk-install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if look() is None:
                _install_from_debian(*packages)
        found = look()
    return found


def _local_slapd() -> Path | None:
    found = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


def _local_chromium() -> Path | None:
    found = shutil.which("chromium")
    return Path(found) if found else None


def _local_server() -> Path | None:
    if DEBIAN_SERVER.exists():
        return DEBIAN_SERVER
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


def _install_from_debian(*packages: str) -> None:
    """Installs packages without starting their own servers: Debian asks `policy-rc.d` before it starts a service."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    try:
        for command in (install, ["apt-get", "update"], install):  # a fresh machine has no package lists yet
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if command is install and done.returncode == 0:
                return
        raise BrokerError(f"{' '.join(install)} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    finally:
        if ours:
            policy.unlink(missing_ok=True)
