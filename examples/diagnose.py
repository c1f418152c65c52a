"""Looks at this device for the service desk: shows what it has found, and sends it only if you say yes.

    python3 diagnose.py LINK

The link stands on your ticket and works once. Needs Python 3.8 or newer and nothing else. It reads no files of yours,
changes nothing, and asks for no password. `--yes` sends without asking, for devices without a keyboard.
"""

from __future__ import annotations

import argparse
import email.utils
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 10
LONGEST = 200


def look(check: dict[str, Any], clock_skew: float) -> dict[str, Any]:
    """Do one check that the desk asks for. One that this program does not know is said to be missing."""
    kind = str(check.get("kind"))
    checks: dict[str, Callable[[], dict[str, Any]]] = {
        "system": look_at_system,
        "disk": look_at_disk,
        "memory": look_at_memory,
        "clock": lambda: {"kind": kind, "skew_seconds": round(clock_skew, 1)},
        "dns": lambda: look_up(check["name"]),
        "tcp": lambda: reach(check["host"], check["port"]),
        "printers": look_at_printers,
    }
    if kind not in checks:
        return {"kind": "missing", "check": short(kind), "why": "not known to this program"}
    try:
        return checks[kind]()
    except Exception as error:  # noqa: BLE001 - one check that fails must not keep the others from being told
        return {"kind": "missing", "check": kind, "why": short(str(error) or type(error).__name__)}


def look_at_system() -> dict[str, Any]:
    """The operating system."""
    name, machine = platform.system(), platform.machine()
    version = f"{platform.release()} {platform.version()}"
    return {"kind": "system", "name": short(name) or "unknown", "version": short(version), "machine": short(machine)}


def look_at_disk() -> dict[str, Any]:
    """The disk that Python is on: as a rule the system's."""
    usage = shutil.disk_usage(sys.executable or os.sep)
    return {"kind": "disk", "free_bytes": usage.free, "total_bytes": usage.total}


def look_at_memory() -> dict[str, Any]:
    """What Linux says; other systems have no way that Python knows."""
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return {"kind": "memory", "available_bytes": available, "total_bytes": total}


def look_up(name: str) -> dict[str, Any]:
    """The addresses of a name."""
    try:
        found = sorted({str(row[4][0]) for row in socket.getaddrinfo(name, None)})
    except OSError as error:
        return {"kind": "dns", "name": name, "addresses": [], "error": short(str(error.strerror or error))}
    return {"kind": "dns", "name": name, "addresses": found[:20], "error": ""}


def reach(host: str, port: int) -> dict[str, Any]:
    """Whether a host answers at a port."""
    begun = time.monotonic()
    try:
        socket.create_connection((host, port), PATIENCE_SECONDS).close()
    except OSError as error:
        return {"kind": "tcp", "host": host, "port": port, "error": short(str(error.strerror or error))}
    return {
        "kind": "tcp",
        "host": host,
        "port": port,
        "milliseconds": round((time.monotonic() - begun) * 1000, 1),
        "error": "",
    }


def look_at_printers() -> dict[str, Any]:
    """What CUPS knows, where it is installed."""
    command = shutil.which("lpstat")
    if command is None:
        raise RuntimeError("no lpstat on this device")
    lines = subprocess.run(  # noqa: S603 - a fixed command without foreign words
        [command, "-p"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE_SECONDS, check=False,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout.decode(errors="replace").splitlines()  # fmt: skip
    rows = [line.split() for line in lines if line.startswith("printer ")][:50]
    return {
        "kind": "printers",
        "printers": [short(row[1]) for row in rows],
        "stopped": [short(row[1]) for row in rows if "disabled" in row],
    }


def short(text: str) -> str:
    """In one line, and no longer than the desk takes."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST]


def ask_desk(link: str, body: dict[str, Any] | None = None) -> tuple[dict[str, Any], float]:
    """What the desk answers, and how far this clock is ahead of its. Raises `SystemExit` with what went wrong."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(link, data, {"Content-Type": "application/json"})  # noqa: S310 - checked by the caller
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - as above
            told = answer.headers.get("Date")
            skew = time.time() - email.utils.parsedate_to_datetime(told).timestamp() if told else 0.0
            document = json.loads(answer.read(1_000_000))
    except urllib.error.HTTPError as error:
        raise SystemExit(f"The desk says no: {reason_of(error)}") from None
    except (OSError, ValueError) as error:
        raise SystemExit(f"The desk cannot be reached: {getattr(error, 'reason', error)}") from None
    return document, skew


def reason_of(error: urllib.error.HTTPError) -> str:
    """The detail of a problem document, or the status alone."""
    try:
        return str(json.loads(error.read(100_000))["detail"])
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"


def is_agreed() -> bool:
    """Ask whoever sits there."""
    try:
        return input("\nSend it to the service desk? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise SystemExit("Nobody is there to say yes, so nothing was sent.") from None


def main() -> None:
    """Ask, look, show, ask, send."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link", help="the link on your ticket")
    parser.add_argument("--yes", action="store_true", help="send without asking")
    arguments = parser.parse_args()
    parts = urllib.parse.urlsplit(arguments.link)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")):
        parser.error("the link begins with https://")

    asked, skew = ask_desk(arguments.link)
    print(f"Ticket {short(str(asked['reference']))}: looking at {len(asked['checks'])} things …")
    results = [look(check, skew) for check in asked["checks"]]
    print("This is what would be sent, and nothing else:\n")
    print(json.dumps(results, indent=2))
    if arguments.yes or is_agreed():
        ask_desk(arguments.link, {"results": results})
        print("Sent. Thank you; the answer comes on your ticket.")
    else:
        ask_desk(arguments.link, {"refused": True})
        print("Nothing was sent but your no. A colleague takes over.")


if __name__ == "__main__":
    main()
