"""`/v1/desk/accounts`: who may sign in, and what is granted to them. For administrators, each in the own tenant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from tierdesk_desk.accounts import Accounts, Changes, LastAdministratorError, NameTakenError, UnknownAccountError
from tierdesk_desk.domain.accounts import AccountError
from tierdesk_desk.domain.people import Person
from tierdesk_desk.domain.roles import Verb
from tierdesk_desk.hashing import HashingBusyError
from tierdesk_desk.http.access import signed_in
from tierdesk_desk.http.account_views import (
    AccountChange,
    AccountPage,
    AccountView,
    GrantsRequest,
    NewAccount,
    PasswordMade,
    view_account,
)
from tierdesk_runtime.http import json_body
from tierdesk_runtime.problems import ProblemError

Keeper = Annotated[Person, Depends(signed_in(Verb.KEEP_ACCOUNTS))]
_ONE: Final = "/{account_id:uuid}"


def account_routes(accounts: Accounts) -> APIRouter:
    """The endpoints. An account of another tenant is as one of nobody. Each change stands in the audit."""
    router = APIRouter(prefix="/v1/desk/accounts", tags=["accounts"])

    @router.get("")
    async def read_page(
        person: Keeper,
        after: Annotated[
            str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="`next` of the page before.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> AccountPage:
        """The accounts of the tenant, disabled ones too."""
        found = await accounts.page(person.tenant, after=after, limit=limit + 1)
        shown = found[:limit]
        following = shown[-1].name if len(found) > limit else None
        return AccountPage(accounts=tuple(view_account(account) for account in shown), next=following)

    @router.post("", status_code=201)
    async def add(
        person: Keeper, asked: Annotated[NewAccount, Depends(json_body(NewAccount))], response: Response
    ) -> PasswordMade:
        """Make an account. Its one-time password is told this once, and is valid for seven days."""
        with told_as_problems():
            account, password = await accounts.add(
                person.tenant,
                asked.name,
                by=_actor(person),
                display_name=asked.display_name or "",
                skills=asked.skills,
                capacity=asked.capacity,
                email=asked.email or "",
                grants=[one.grant() for one in asked.grants],
                party=asked.party,
            )
        response.headers["Location"] = f"/v1/desk/accounts/{account.id}"
        return PasswordMade(account=view_account(account), one_time_password=password)

    @router.get(_ONE)
    async def read(account_id: UUID, person: Keeper) -> AccountView:
        """One account."""
        with told_as_problems():
            return view_account(await accounts.read(person.tenant, account_id))

    @router.patch(_ONE)
    async def change(
        account_id: UUID, person: Keeper, asked: Annotated[AccountChange, Depends(json_body(AccountChange))]
    ) -> AccountView:
        """Change what is known of somebody, or disable or enable the account: who is disabled is signed out at once.

        The last administrator cannot be disabled: the answer is 409.
        """
        is_unlimited = "capacity" in asked.model_fields_set and asked.capacity is None
        changes = Changes(
            display_name=asked.display_name,
            skills=asked.skills,
            capacity=0 if is_unlimited else asked.capacity,
            disabled=asked.disabled,
            email=asked.email,
            party="" if "party" in asked.model_fields_set and asked.party is None else asked.party,
        )
        with told_as_problems():
            return view_account(await accounts.change(person.tenant, account_id, changes, by=_actor(person)))

    @router.put(f"{_ONE}/grants")
    async def set_grants(
        account_id: UUID, person: Keeper, asked: Annotated[GrantsRequest, Depends(json_body(GrantsRequest))]
    ) -> AccountView:
        """Grant these in the place of all others; the person is signed out. The same ones again change nothing.

        From the last administrator that role cannot be taken: the answer is 409.
        """
        with told_as_problems():
            grants = [one.grant() for one in asked.grants]
            return view_account(await accounts.set_grants(person.tenant, account_id, grants, by=_actor(person)))

    @router.post(f"{_ONE}/password")
    async def reset_password(account_id: UUID, person: Keeper) -> PasswordMade:
        """Make a one-time password, valid for seven days, in the place of the other; the person is signed out."""
        with told_as_problems():
            account, password = await accounts.reset_password(person.tenant, account_id, by=_actor(person))
        return PasswordMade(account=view_account(account), one_time_password=password)

    @router.delete(f"{_ONE}/sessions", status_code=204)
    async def sign_out(account_id: UUID, person: Keeper) -> None:
        """Sign the person out everywhere. Who is signed in nowhere stays so."""
        with told_as_problems():
            await accounts.sign_out(person.tenant, account_id, by=_actor(person))

    return router


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise as `ProblemError` what the accounts raise: 404, 409, 422 with the field, 503."""
    try:
        yield
    except UnknownAccountError:
        raise ProblemError(404, "No such account", "Your tenant has no account of this identifier.") from None
    except NameTakenError as error:
        raise ProblemError(409, "Login taken", f"{error}.".capitalize()) from None
    except LastAdministratorError as error:
        raise ProblemError(409, "Last administrator", f"{error}.".capitalize()) from None
    except AccountError as error:
        raise ProblemError(
            422, "Invalid request", "See errors.", errors=[{"field": error.field, "message": error.reason}]
        ) from None
    except HashingBusyError:
        raise ProblemError(
            503, "Overloaded", "Too many sign in at this moment.", headers={"Retry-After": "1"}
        ) from None


def _actor(person: Person) -> str:
    return f"person:{person.name}"
