"""Where webhooks may go: which URLs are taken, and which addresses may be connected to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Networks = Sequence[IPv4Network | IPv6Network]

LONGEST_URL: Final = 2_000
_HOST: Final = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?"
# Read here and nowhere else: two readers of one URL may not agree on its host.
_URL: Final = re.compile(
    rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?((?:/[\x21-\x7e]*)?(?:\?[\x21-\x7e]*)?)",
    re.IGNORECASE | re.ASCII,  # without the latter a long s counts as s, and the sign of Kelvin as k
)
_USERINFO: Final = re.compile(r"[^/?#]*//[^/?#]*@")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


class UrlError(ValueError):
    """A URL that no webhook may go to; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `host` is a name or an address without brackets, `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _port_of(self.scheme) else f"{host}:{self.port}"


def read_url(url: str, private: Networks) -> Target:
    """Take a URL apart. Raises `UrlError`.

    Plain http is for `private` networks alone. A host that is written as an address is judged at once; what a name
    resolves to is judged whenever a connection is made.
    """
    if len(url) > LONGEST_URL:
        raise UrlError(f"is longer than {LONGEST_URL} characters")
    if _USERINFO.match(url):
        raise UrlError("holds a user or a password; requests are signed instead")
    if "#" in url or "\\" in url:
        raise UrlError("holds a fragment or a backslash")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise UrlError("is no https URL with a host and printable ASCII alone")
    scheme, host = parts[1].lower(), parts[2].lower().strip("[]")
    port = int(parts[3] or _port_of(scheme))
    if not 1 <= port <= 65_535:
        raise UrlError("has no port between 1 and 65535")
    if scheme == "http" and not private:
        raise UrlError("is not https")
    address = _literal(host)
    if ":" in host and address is None:
        raise UrlError("has no address between its brackets")
    if address is not None and not is_allowed(address, private, public=scheme == "https"):
        raise UrlError(f"leads to {host}, which is no public address")
    path = parts[4] if parts[4].startswith("/") else f"/{parts[4]}"
    return Target(scheme, host, port, path)


def is_allowed(address: IPv4Address | IPv6Address, private: Networks, *, public: bool) -> bool:
    """Whether a connection may be made to this address: in one of the networks, or, with `public`, on the internet."""
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if any(address in network for network in private):
        return True
    return public and _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return True
    # What tunnels IPv4 inside of IPv6 may come out anywhere.
    return address in _GLOBAL_UNICAST and address.sixtofour is None and address.teredo is None


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _port_of(scheme: str) -> int:
    return 443 if scheme == "https" else 80
