"""Whom the password reset bot may serve: the port to a directory, and one that is a file."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError


class DirectoryError(Exception):
    """The directory did not answer, or refused. The text names no person and no address."""


class AmbiguousNameError(DirectoryError):
    """More than one account has this name or address."""

    def __init__(self) -> None:
        super().__init__("more than one account has this name")


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the directory has it now."""

    id: str
    """The directory's own name of it."""
    address: str | None
    """The registered mail address: the only one that a code goes to."""
    enabled: bool = True
    locked: bool = False
    privileged: bool = False
    """Administrators and the like: never reset by a machine."""


class Directory(Protocol):
    """A directory. Calls block; each raises `DirectoryError`."""

    def find(self, name: str) -> Account | None:
        """The account of a person, by the name that the client's portal gives or by mail address; None if there is none.

        Raises `AmbiguousNameError` for more than one: nobody may get another's password.
        """
        ...

    def set_temporary_password(self, account: Account, password: str) -> None:
        """Set a password that must be changed at the next sign-in, and unlock the account."""
        ...


class _Entry(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    mail: str | None = None
    enabled: bool = True
    locked: bool = False
    privileged: bool = False


class FileDirectory:
    """A JSON file: `{"accounts": [{"name": "ann", "mail": "ann@example.org", "privileged": false}]}`.

    For tests, demonstrations and small shops. A password that is set stands there as a salted scrypt hash, as
    `{"password": {"scrypt": …, "salt": …, "must_change": true}}`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    def find(self, name: str) -> Account | None:
        """By `name` or `mail`, in any case of letters."""
        with self._lock:
            document = self._read()
        wanted = name.casefold()
        found = [one for one in _entries(document) if wanted in {one.name.casefold(), (one.mail or "").casefold()}]
        if not found:
            return None
        if len(found) > 1:
            raise AmbiguousNameError
        (one,) = found
        return Account(one.name, one.mail, one.enabled, one.locked, one.privileged)

    def set_temporary_password(self, account: Account, password: str) -> None:
        """Write the password's hash into the file."""
        with self._lock:
            document = self._read()
            for entry in document["accounts"]:
                if entry["name"] == account.id:
                    salt = secrets.token_bytes(16)
                    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
                    entry |= {"locked": False}
                    entry["password"] = {"scrypt": digest.hex(), "salt": salt.hex(), "must_change": True}
                    self._write(document)
                    return
        raise DirectoryError("the account is gone")

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            _entries(document)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DirectoryError(f"the directory's file cannot be read: {type(error).__name__}") from error
        found: dict[str, Any] = document
        return found

    def _write(self, document: dict[str, Any]) -> None:
        draft = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
                json.dump(document, stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise DirectoryError(f"the directory's file cannot be written: {error.strerror}") from error


def _entries(document: Any) -> list[_Entry]:
    """The accounts. Raises `ValueError`, `KeyError` or `TypeError`."""
    try:
        return [_Entry.model_validate(entry) for entry in document["accounts"]]
    except ValidationError as error:
        raise ValueError(f"{error.error_count()} faults") from error
