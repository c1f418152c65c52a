"""The secrets file of a desk: the pepper, keys, passwords of the database roles, and secrets of webhooks.

One JSON file that every service reads. Whoever can read it is the desk; it is written with mode 0600 and refused when
others than its user and group can read it.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets as chance
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from tierdesk_runtime.key_format import SCOPES, StoredKey, issue
from tierdesk_runtime.settings import DEFAULT_TENANT

SERVICES: Final = ("intake", "router", "sla", "kb", "bridge", "desk", "insights")
"""The services whose database roles get a password when the file is made."""
LOCAL_KEY_FILE: Final = "local.key"


class SecretsError(Exception):
    """The secrets file is missing, readable by others, or broken; the text names the file and what to do."""


class SecretsDocument(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    environment: Annotated[str, Field(pattern=r"^[a-z0-9]{1,16}$")]
    pepper: Annotated[Base64Bytes, Field(min_length=32)]
    database_passwords: dict[str, str]
    webhook_secrets: dict[str, dict[str, tuple[str, ...]]] = Field(
        default={}, description="By source, then tenant; several while one replaces the other."
    )
    keys: tuple[StoredKey, ...] = ()


class Secrets:
    """The secrets of this desk, as the file held them when it was last looked at."""

    def __init__(self, path: Path, document: SecretsDocument, stamp: tuple[int, int, int]) -> None:
        self.path = path
        self._document = document
        self._stamp = stamp

    @classmethod
    def load(cls, path: Path) -> Secrets:
        """Read the file. Raises `SecretsError`."""
        return cls(path, *_read(path))

    @classmethod
    def create(cls, path: Path, *, environment: str = "local", services: Iterable[str] = SERVICES) -> Secrets:
        """Write a new file, and beside it the key of this machine's owner. Raises `SecretsError` if there is a file.

        It holds a random pepper, a password for each service, and for the tenant `main` a key of every scope (see
        `local_key`) and a secret with which a phone system signs.
        """
        pepper = chance.token_bytes(32)
        key, stored = issue(
            environment=environment,
            pepper=pepper,
            label="local",
            tenant=DEFAULT_TENANT,
            scopes=SCOPES,
            now=datetime.now(UTC),
        )
        document = SecretsDocument(
            environment=environment,
            pepper=base64.b64encode(pepper),
            database_passwords={service: chance.token_urlsafe(24) for service in services},
            webhook_secrets={"phone": {DEFAULT_TENANT: (_webhook_secret(),)}},
            keys=(stored,),
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if path.exists():
                raise SecretsError(f"{path}: exists already; it is never overwritten")
            # The key first: a file whose key nobody knows would stay for ever, a key without its file does no harm.
            _write_private(path.with_name(LOCAL_KEY_FILE), f"{key}\n".encode())
            _write(path, document)
        return cls.load(path)

    @property
    def environment(self) -> str:
        """The word that stands in each key, so that a key of one desk is not tried on another."""
        return self._document.environment

    @property
    def pepper(self) -> bytes:
        """What the digests of keys are made under."""
        return self._document.pepper

    @property
    def keys(self) -> tuple[StoredKey, ...]:
        """The stored keys, revoked ones too."""
        return self._document.keys

    def database_password(self, service: str) -> str:
        """The password of the service's login role. Raises `SecretsError` when there is none."""
        try:
            return self._document.database_passwords[service]
        except KeyError:
            raise SecretsError(f"{self.path}: no database password for {service!r}") from None

    def webhook_secrets(self, source: str) -> Mapping[str, tuple[str, ...]]:
        """For each tenant, the secrets that may sign webhooks of this source: which one fits tells the tenant."""
        return self._document.webhook_secrets.get(source, {})

    def add_webhook_secret(self, tenant: str, source: str) -> str:
        """Make a further secret for this tenant and source and answer it: `whsec_` and 32 random bytes in base 64."""
        secret = _webhook_secret()

        def change(document: SecretsDocument) -> SecretsDocument:
            of_source = dict(document.webhook_secrets.get(source, {}))
            of_source[tenant] = (*of_source.get(tenant, ()), secret)
            return document.model_copy(update={"webhook_secrets": {**document.webhook_secrets, source: of_source}})

        self._change(change)
        return secret

    def drop_webhook_secrets(self, tenant: str, source: str, *, keep: int = 0) -> int:
        """Forget the secrets of this tenant and source but for the `keep` newest; answers how many are forgotten."""
        forgotten = 0

        def change(document: SecretsDocument) -> SecretsDocument:
            nonlocal forgotten
            of_source = dict(document.webhook_secrets.get(source, {}))
            had = of_source.pop(tenant, ())
            forgotten = max(0, len(had) - keep)
            if kept := had[forgotten:]:
                of_source[tenant] = kept
            secrets = {name: held for name, held in document.webhook_secrets.items() if name != source}
            if of_source:
                secrets[source] = of_source
            return document.model_copy(update={"webhook_secrets": secrets})

        self._change(change)
        return forgotten

    def add_services(self, services: Iterable[str]) -> None:
        """Make a password for each service that has none, as after an upgrade that brings a new service."""

        def change(document: SecretsDocument) -> SecretsDocument:
            fresh = {service: chance.token_urlsafe(24) for service in services}
            return document.model_copy(update={"database_passwords": {**fresh, **document.database_passwords}})

        if not set(services) <= set(self._document.database_passwords):
            self._change(change)

    def add_key(self, key: StoredKey) -> None:
        """Store a key."""
        self._change(lambda document: document.model_copy(update={"keys": (*document.keys, key)}))

    def revoke_key(self, key_id: str, at: datetime) -> None:
        """Revoke a key; every service refuses it within a second. Raises `SecretsError` when it is unknown."""

        def change(document: SecretsDocument) -> SecretsDocument:
            if all(key.id != key_id for key in document.keys):
                raise SecretsError(f"{self.path}: no key {key_id!r}")
            keys = tuple(
                key.model_copy(update={"revoked_at": at}) if key.id == key_id and key.revoked_at is None else key
                for key in document.keys
            )
            return document.model_copy(update={"keys": keys})

        self._change(change)

    def local_key(self) -> str | None:
        """The key that was made for the owner of this machine, if one was, from the file `local.key` beside this one.

        Kept in plain text, unlike all others, so that the command line can use and print it: it belongs to the person
        who owns both files, and whoever reads the one with the same rights could as well change the other.
        """
        path = self.path.with_name(LOCAL_KEY_FILE)
        return _read_private(path).decode().strip() if path.exists() else None

    def refresh(self) -> bool:
        """Read the file again if it was replaced; answer whether it was. Raises `SecretsError`; the old content stays."""
        try:
            state = self.path.stat()
        except OSError as error:
            raise SecretsError(f"{self.path}: {error.strerror}") from error
        if _stamp(state) == self._stamp:
            return False
        self._document, self._stamp = _read(self.path)
        return True

    def _change(self, change: Callable[[SecretsDocument], SecretsDocument]) -> None:
        with _locked(self.path):
            document, _ = _read(self.path)  # what another process added since must not be lost
            _write(self.path, change(document))
        self._document, self._stamp = _read(self.path)


def _webhook_secret() -> str:
    return f"whsec_{base64.b64encode(chance.token_bytes(32)).decode()}"


def _stamp(state: os.stat_result) -> tuple[int, int, int]:
    return state.st_mtime_ns, state.st_ino, state.st_size


def _read(path: Path) -> tuple[SecretsDocument, tuple[int, int, int]]:
    try:
        stamp = _stamp(path.stat())
    except OSError as error:
        raise SecretsError(f"{path}: {error.strerror}") from error
    body = _read_private(path)
    try:
        return SecretsDocument.model_validate_json(body), stamp
    except ValidationError as error:
        # Never the values: they are the secrets.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise SecretsError(f"{path}: {field}: {first['msg']}") from None


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & (stat.S_IRWXO | stat.S_IWGRP):
                raise SecretsError(f"{path}: mode {mode:04o} lets others in; run: chmod 600 {path}")
            return file.read()
    except OSError as error:
        raise SecretsError(f"{path}: {error.strerror}") from error


def _write(path: Path, document: SecretsDocument) -> None:
    _write_private(path, document.model_dump_json(indent=2).encode() + b"\n")


def _write_private(path: Path, body: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{chance.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():  # the owner chose who reads it
            before = path.stat()
            fresh.chmod(stat.S_IMODE(before.st_mode))
            if os.geteuid() == 0:
                os.chown(fresh, before.st_uid, before.st_gid)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # A lock file of its own: the secrets file is replaced, so a lock on it would not exclude the next writer.
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
