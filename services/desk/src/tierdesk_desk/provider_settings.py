"""Reads the file that names the OpenID providers."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import ValidationError

from tierdesk_desk.domain.providers import Providers
from tierdesk_desk.oidc.asking import AwayError
from tierdesk_desk.oidc.issuer import read_secret
from tierdesk_policy import PolicyError
from tierdesk_policy.source import MAX_BYTES, read_source
from tierdesk_runtime.settings import SettingsError

_VARIABLE = "TIERDESK_DESK_PROVIDERS_FILE"


def read_providers(path: Path) -> Providers:
    """The providers of a YAML file; files that it names are found beside it.

    Raises `SettingsError` with file, line and field for whatever is wrong, a secret that cannot be read among it.
    """
    try:
        with path.open("rb") as file:
            source = read_source(file.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise SettingsError(f"{_VARIABLE}: {path}: {error.strerror}") from None
    except PolicyError as error:
        told = str(error.faults[0]).replace("not a policy: ", "")  # whose reader it is
        raise SettingsError(f"{_VARIABLE}: {told}") from None
    if source.faults:
        raise SettingsError(f"{_VARIABLE}: {source.faults[0]}")
    try:
        read = Providers.model_validate(source.root.values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = tuple(first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        field = f"{'.'.join(map(str, place))}: " if place else ""
        raise SettingsError(f"{_VARIABLE}: {path}:{source.line_of(place)}: {field}{message}") from None
    found = tuple(
        one.model_copy(
            update={
                "client_secret_file": one.client_secret_file and path.parent / one.client_secret_file,
                "ca_file": one.ca_file and path.parent / one.ca_file,
            }
        )
        for one in read.providers
    )
    for number, one in enumerate(found):
        try:
            read_secret(one.client_secret_file)
        except AwayError as error:
            line = source.line_of(("providers", number, "client_secret_file"))
            raise SettingsError(f"{_VARIABLE}: {path}:{line}: {one.id}: {error}") from None
        try:
            ssl.create_default_context(cafile=one.ca_file and str(one.ca_file))
        except (OSError, ssl.SSLError) as error:
            line = source.line_of(("providers", number, "ca_file"))
            raise SettingsError(f"{_VARIABLE}: {path}:{line}: {one.id}: no certificates: {error}") from None
    return read.model_copy(update={"providers": found})
