"""The page where people sign in: by name and password, or at a provider of their organisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.console.forms import Faults, Filled
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.provider_sign_in import ProviderSignIn
from tierdesk_desk.signing_in import SignIn

LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was wrong with what was sent. `trouble` is a word of `sign_in`, with what its text names."""

    status: int
    faults: Faults = field(default_factory=dict)
    trouble: tuple[str, dict[str, timedelta | str]] | None = None


@dataclass(frozen=True, slots=True)
class SignInPage:
    """Shows it. `default_tenant` is that of whoever names none; `providers` is None where there are none."""

    console: Console
    sign_in: SignIn
    default_tenant: str
    providers: ProviderSignIn | None = None

    def tenant_of(self, filled: Filled) -> str:
        """Whose account it is about."""
        return filled["tenant"][:LONGEST] or self.default_tenant

    def show(self, request: Request, filled: Filled, attempt: Attempt) -> Response:
        """The page. Where passwords are good for few, they are asked for behind a word."""
        tenant = self.tenant_of(filled)
        return self.console.renderer.page(
            self.console.visit(request),
            "login.html",
            status=attempt.status,
            headers={"Retry-After": "5"} if attempt.status == 503 else None,
            filled=filled,
            faults=attempt.faults,
            trouble=attempt.trouble,
            doors=() if self.providers is None else self.providers.of_tenant(tenant),
            is_restricted=self.sign_in.restricts(tenant),
        )
