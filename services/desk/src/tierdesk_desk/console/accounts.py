"""Who may sign in, and what is granted to them: for administrators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from tierdesk_desk.accounts import Accounts, Changes, LastAdministratorError, NameTakenError, UnknownAccountError
from tierdesk_desk.console.forms import Faults, Filled, read_filled
from tierdesk_desk.console.rendering import Flash, redirect
from tierdesk_desk.console.views import Choice
from tierdesk_desk.console.visiting import Console
from tierdesk_desk.domain.accounts import ROLES_OF_TIERS, Account, AccountError, read_grant, write_grant
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Grant, Verb
from tierdesk_desk.hashing import HashingBusyError
from tierdesk_policy import Policy
from tierdesk_runtime.problems import ProblemError

PAGE: Final = 50
_SKILL: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_MOST_CAPACITY: Final = 1_000
_ONE: Final = "/accounts/{account_id:uuid}"


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant, as people read it. `text` is how it is sent back."""

    text: str
    role: str
    place: str


@dataclass(slots=True)
class _Attempt:
    """What was wrong with what was sent: `trouble` is a word. `password` was made and is shown this once."""

    status: int = 200
    filled: Filled = field(default_factory=Filled)
    faults: Faults = field(default_factory=dict)
    trouble: str | None = None
    password: str | None = None


def account_page_routes(console: Console, accounts: Accounts) -> APIRouter:
    """The pages."""
    router = console.router()
    pages = _AccountPages(console, accounts)
    router.add_api_route("/accounts", pages.read_all, methods=["GET"])
    router.add_api_route("/accounts", pages.add, methods=["POST"])
    router.add_api_route(_ONE, pages.read, methods=["GET"])
    router.add_api_route(f"{_ONE}/change", pages.change, methods=["POST"])
    router.add_api_route(f"{_ONE}/grant", pages.grant, methods=["POST"])
    router.add_api_route(f"{_ONE}/revoke", pages.revoke, methods=["POST"])
    router.add_api_route(f"{_ONE}/password", pages.reset_password, methods=["POST"])
    for step in ("disable", "enable", "sign-out"):
        router.add_api_route(f"{_ONE}/{step}", pages.switch, methods=["POST"])
    return router


class _AccountPages:
    def __init__(self, console: Console, accounts: Accounts) -> None:
        self._console = console
        self._accounts = accounts

    async def read_all(
        self, request: Request, after: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None
    ) -> Response:
        return await self._show_all(request, _Attempt(), after)

    async def add(self, request: Request) -> Response:
        _, person, _ = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        filled = read_filled(await request.form())
        with _noting(filled) as attempt:
            grants = () if not filled["role"] else (_read_place(filled),)
            known = _read_known(filled)
            account, attempt.password = await self._accounts.add(
                person.tenant,
                filled["name"],
                by=_actor(person),
                display_name=known.display_name or "",
                skills=known.skills or (),
                capacity=known.capacity or None,
                grants=grants,
            )
            return await self._show(request, account.id, attempt)
        return await self._show_all(request, attempt, None)

    async def read(self, request: Request, account_id: UUID) -> Response:
        return await self._show(request, account_id, _Attempt())

    async def change(self, request: Request, account_id: UUID) -> Response:
        visit, person, _ = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        filled = read_filled(await request.form())
        with _noting(filled) as attempt:
            await self._accounts.change(person.tenant, account_id, _read_known(filled), by=_actor(person))
            return redirect(visit, f"/accounts/{account_id}", Flash("account_changed"))
        return await self._show(request, account_id, attempt)

    async def grant(self, request: Request, account_id: UUID) -> Response:
        visit, person, _ = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        filled = read_filled(await request.form())
        with _noting(filled) as attempt:
            await self._accounts.add_grants(person.tenant, account_id, [_read_place(filled)], by=_actor(person))
            return redirect(visit, f"/accounts/{account_id}", Flash("account_granted"))
        return await self._show(request, account_id, attempt)

    async def revoke(self, request: Request, account_id: UUID) -> Response:
        visit, person, _ = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        filled = read_filled(await request.form())
        with _noting(filled) as attempt:
            await self._accounts.revoke_grants(
                person.tenant, account_id, [read_grant(filled["grant"])], by=_actor(person)
            )
            return redirect(visit, f"/accounts/{account_id}", Flash("account_granted"))
        return await self._show(request, account_id, attempt)

    async def reset_password(self, request: Request, account_id: UUID) -> Response:
        _, person, _ = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        with _noting(Filled()) as attempt:
            _, attempt.password = await self._accounts.reset_password(person.tenant, account_id, by=_actor(person))
        return await self._show(request, account_id, attempt)

    async def switch(self, request: Request, account_id: UUID) -> Response:
        visit, person, _ = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        step = request.url.path.rpartition("/")[2]
        with _noting(Filled()) as attempt:
            if step == "sign-out":
                await self._accounts.sign_out(person.tenant, account_id, by=_actor(person))
                return redirect(visit, f"/accounts/{account_id}", Flash("account_ended"))
            changes = Changes(disabled=step == "disable")
            await self._accounts.change(person.tenant, account_id, changes, by=_actor(person))
            return redirect(visit, f"/accounts/{account_id}", Flash(f"account_{step}d"))
        return await self._show(request, account_id, attempt)

    async def _show_all(self, request: Request, attempt: _Attempt, after: str | None) -> Response:
        visit, person, policy = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        found = await self._accounts.page(person.tenant, after=after, limit=PAGE + 1)
        return self._console.renderer.page(
            visit,
            "accounts.html",
            status=attempt.status,
            accounts=[(account, view_grants(account, policy)) for account in found[:PAGE]],
            following=found[PAGE - 1].name if len(found) > PAGE else None,
            first_page=after is None,
            filled=attempt.filled,
            faults=attempt.faults,
            trouble=attempt.trouble,
            places=places_to_grant(policy),
        )

    async def _show(self, request: Request, account_id: UUID, attempt: _Attempt) -> Response:
        visit, person, policy = await self._console.admit(request, Verb.KEEP_ACCOUNTS)
        try:
            account = await self._accounts.read(person.tenant, account_id)
        except UnknownAccountError:
            raise ProblemError(404) from None
        known = {
            "display_name": account.display_name,
            "skills": ", ".join(account.skills),
            "capacity": str(account.capacity or ""),
        }
        return self._console.renderer.page(
            visit,
            "account.html",
            status=attempt.status,
            account=account,
            grants=view_grants(account, policy),
            filled=Filled({**known, **attempt.filled.values}),
            faults=attempt.faults,
            trouble=attempt.trouble,
            password=attempt.password,
            places=places_to_grant(policy),
        )


def view_grants(account: Account, policy: Policy | None) -> list[GrantView]:
    """What is granted to an account."""
    names = {choice.value: choice.name for choice in places_to_grant(policy)}
    return [
        GrantView(write_grant(grant), grant.role.value, names.get(_place(grant), _place(grant)))
        for grant in account.grants
    ]


def places_to_grant(policy: Policy | None) -> list[Choice]:
    """Each tier of the policy, and each group of it."""
    if policy is None:
        return []
    return [
        choice
        for tier in policy.tiers
        for choice in (
            Choice(tier.id, tier.name),
            *(Choice(f"{tier.id}/{group.id}", f"{tier.name}: {group.name}") for group in policy.groups_of(tier.id)),
        )
    ]


def _place(grant: Grant) -> str:
    return "/".join(part for part in (grant.tier, grant.group) if part)


def _read_place(filled: Filled) -> Grant:
    """Raises `AccountError`."""
    place = f":{filled['place']}" if filled["place"] else ""
    grant = read_grant(f"{filled['role']}{place}")
    if grant.tier is not None and grant.role not in ROLES_OF_TIERS:
        raise AccountError("grants", f"{grant.role} holds in the whole tenant")
    return grant


def _read_known(filled: Filled) -> Changes:
    """Raises `AccountError`."""
    skills = tuple(word for word in (part.strip() for part in filled["skills"].split(",")) if word)
    if len(skills) > 100 or any(not _SKILL.fullmatch(skill) for skill in skills):
        raise AccountError("skills", "a skill has small letters, digits and -")
    capacity = filled["capacity"]
    is_number = capacity.isascii() and capacity.isdigit() and len(capacity) < 5
    if capacity and not (is_number and 1 <= int(capacity) <= _MOST_CAPACITY):
        raise AccountError("capacity", "a number of tickets")
    if len(filled["display_name"]) > 200 or "\x00" in filled["display_name"]:
        raise AccountError("display_name", "it is too long")
    return Changes(
        display_name=filled["display_name"] or None, skills=skills, capacity=int(capacity) if capacity else 0
    )


_FAULTS: Final = {
    "name": "login",
    "grants": "grant",
    "skills": "not_this",
    "capacity": "choose",
    "display_name": "too_long",
}


@contextmanager
def _noting(filled: Filled) -> Iterator[_Attempt]:
    """Note what accounts refuse, with what was filled in."""
    attempt = _Attempt(filled=filled)
    try:
        yield attempt
    except AccountError as error:
        attempt.status, attempt.faults = 422, {error.field: _FAULTS.get(error.field, "not_this")}
    except NameTakenError:
        attempt.status, attempt.trouble = 409, "name_taken"
    except LastAdministratorError:
        attempt.status, attempt.trouble = 409, "last_administrator"
    except UnknownAccountError:
        raise ProblemError(404) from None
    except HashingBusyError:
        attempt.status, attempt.trouble = 503, "busy"


def _actor(person: Person) -> str:
    return f"person:{person.name}"
