"""The hosts from which recordings may be fetched, as the operator names them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final, NamedTuple

from tierdesk_runtime.addresses import Networks, Target, UrlError, read_url

INSIDE: Final[Networks] = tuple(
    ip_network(one) for one in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
"""Where a company has its own telephone system. What is beside the internet and not here is open to nobody: link-local
addresses, where clouds keep their secrets, multicast, carriers' own.
"""
_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)(?::([0-9]{1,5}))?"
)


class Host(NamedTuple):
    """One host. It may lie inside the company's network if its port was named: who names it means that very one."""

    scheme: str
    name: str
    port: int
    inside: bool


def read_host(text: str) -> Host:
    """The host of `https://pbx.example` or `http://10.0.0.5:8088`. Raises `ValueError`."""
    parts = _HOST.fullmatch(text)
    port = 0 if parts is None else int(parts[3] or _PORTS[parts[1]])
    if parts is None or not 1 <= port <= 65_535:
        raise ValueError(f"{text!r} is no host: write https://pbx.example, or http://10.0.0.5:8088")
    return Host(parts[1], parts[2].lower().strip("[]"), port, inside=parts[3] is not None)


class Hosts:
    """All that are named."""

    def __init__(self, hosts: Iterable[Host]) -> None:
        self._hosts = {(one.scheme, one.name, one.port): one for one in hosts}

    def find(self, locator: str) -> tuple[Target, Networks]:
        """Where the recording is, and which networks besides the internet it may lie in. Raises `UrlError`."""
        target = read_url(locator, INSIDE)
        host = self._hosts.get((target.scheme, target.host, target.port))
        if host is None:
            raise UrlError(f"leads to {target.scheme}://{target.authority}, which is none of the hosts named")
        return target, INSIDE if host.inside else ()
