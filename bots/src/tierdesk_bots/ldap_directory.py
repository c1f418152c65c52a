"""A directory that speaks LDAP and enforces a change of password as OpenLDAP's password policy does (`pwdReset`)."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ldap3 import BASE, MODIFY_REPLACE, NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException, LDAPNoSuchObjectResult, LDAPSizeLimitExceededResult
from ldap3.utils.conv import escape_filter_chars

from tierdesk_bots.directory import Account, AmbiguousNameError, DirectoryError
from tierdesk_bots.mail import LOOPBACK

_TIMEOUT_SECONDS: Final = 10
_FOR_GOOD: Final = "000001010000Z"
"""As `pwdAccountLockedTime`: locked until an administrator says otherwise."""


class LdapDirectory:
    """Finds people by `uid` or `mail`; one connection for each question.

    A member of a privileged group, named by `member`, `uniqueMember` or `memberUid`, is never reset; groups within
    groups are not looked into. A group that cannot be read is an error, so that nobody is taken for harmless by mistake.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str,
        base: str,
        privileged_groups: Sequence[str],
        ca_file: Path | None = None,
    ) -> None:
        """Raises `ValueError` for a URL that is none, or that would send passwords in clear to another machine."""
        parts = urlsplit(url)
        if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname:
            raise ValueError("ldaps://HOST is expected")
        if parts.scheme == "ldap" and parts.hostname not in LOOPBACK:
            raise ValueError("ldap:// would send passwords in clear; use ldaps://")
        if not privileged_groups:
            raise ValueError("name at least one privileged group")
        is_tls = parts.scheme == "ldaps"
        tls = (
            Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=None if ca_file is None else str(ca_file)) if is_tls else None
        )
        self._server = Server(
            parts.hostname, parts.port, use_ssl=is_tls, tls=tls, get_info=NONE, connect_timeout=_TIMEOUT_SECONDS
        )
        self._user = user
        self._password = password
        self._base = base
        self._privileged_groups = tuple(privileged_groups)

    def find(self, name: str) -> Account | None:
        """By `uid` or `mail`. Raises `DirectoryError`, also for more than one."""
        word = escape_filter_chars(name)
        with self._connected() as connection:
            try:
                connection.search(
                    self._base, f"(&(objectClass=person)(|(uid={word})(mail={word})))", SUBTREE, size_limit=2,
                    attributes=["uid", "mail", "pwdAccountLockedTime"],
                )  # fmt: skip
            except LDAPSizeLimitExceededResult:
                raise AmbiguousNameError from None
            found = _entries(connection)
            if not found:
                return None
            if len(found) > 1:
                raise AmbiguousNameError
            (entry,) = found
            attributes = entry["attributes"]
            locked = _first(attributes, "pwdAccountLockedTime")
            return Account(
                entry["dn"],
                _first(attributes, "mail"),
                enabled=locked != _FOR_GOOD,
                locked=locked is not None,
                privileged=self._is_privileged(connection, entry["dn"], _first(attributes, "uid")),
            )

    def set_temporary_password(self, account: Account, password: str) -> None:
        """By RFC 3062, so that the server hashes it; then it must be changed. Unlocks. Raises `DirectoryError`."""
        with self._connected() as connection:
            connection.extend.standard.modify_password(user=account.id, new_password=password)
            connection.modify(account.id, {"pwdReset": [(MODIFY_REPLACE, ["TRUE"])]})  # type: ignore[no-untyped-call]  # the stubs lack it

    def _is_privileged(self, connection: Connection, dn: str, uid: str | None) -> bool:
        name = escape_filter_chars(dn)
        by_uid = f"(memberUid={escape_filter_chars(uid)})" if uid is not None else ""
        for group in self._privileged_groups:
            try:
                connection.search(group, f"(|(member={name})(uniqueMember={name}){by_uid})", BASE, attributes=["cn"])
            except LDAPNoSuchObjectResult:
                raise DirectoryError(f"the privileged group {group} cannot be read") from None
            if _entries(connection):
                return True
        return False

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Signed in. Raises `DirectoryError` without the server's own words: they may name people."""
        connection = Connection(
            self._server, self._user, self._password, raise_exceptions=True, check_names=False,
            receive_timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        try:
            try:
                connection.bind()
                yield connection
            finally:
                connection.unbind()
        except (LDAPException, OSError) as error:
            raise DirectoryError(f"LDAP: {type(error).__name__}") from None


def _entries(connection: Connection) -> list[dict[str, Any]]:
    """What was found, without referrals to other servers."""
    return [entry for entry in connection.response or [] if entry["type"] == "searchResEntry"]


def _first(attributes: dict[str, Any], name: str) -> str | None:
    values = attributes.get(name) or []
    return str(values if isinstance(values, str) else values[0]) if values else None
