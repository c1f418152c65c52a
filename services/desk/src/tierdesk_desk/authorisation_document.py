"""`docs/authorisation.md`: which request of the desk asks for what, and who may make it, rendered from `REQUESTS`.

Run it with `--write` after a change; with `--check` it exits with 1 when the document tells something else. The tests ask the
running desk for each of them, as each role, in the own and in another group and tenant, and fail for a route without a row.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tierdesk_desk.domain.roles import PERMISSIONS, Role, Verb

DOCUMENT: Final = Path("docs/authorisation.md")
_REPOSITORY: Final = Path(__file__).parents[4]
_HEAD: Final = """\
# Who may ask the desk for what

Rendered from the table in `services/desk/src/tierdesk_desk/authorisation_document.py` by `python -m tierdesk_desk.authorisation_document --write`; the checks refuse a document that tells
another table, and the tests ask the desk itself for each row, as each [role](accounts.md#roles).

Whoever is not signed in is answered 401, or sent to where people sign in (pages); who lacks the verb, 403. What belongs to a group or a tenant in which the verb is not granted is answered
404, as what does not exist.
"""


class Reach(StrEnum):
    """What a request that names something may name."""

    NOTHING = "-"
    """It names nothing, or shows nothing but what the person may see anyway."""
    GROUP = "groups of the grant"
    TENANT = "own tenant"
    ALL = "granted for all groups"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks for: to be signed in, these verbs, and where they must be granted."""

    verbs: frozenset[Verb] = frozenset()
    reach: Reach = Reach.NOTHING
    signed_in: bool = True

    @property
    def roles(self) -> tuple[Role, ...]:
        """Who has all of these verbs."""
        return tuple(role for role in Role if self.verbs <= PERMISSIONS[role])


ANYBODY: Final = Needs(signed_in=False)
SIGNED_IN: Final = Needs()
_READ: Final = Needs(frozenset({Verb.READ_BOARD}))
_READ_WORK: Final = Needs(frozenset({Verb.READ_BOARD}), Reach.GROUP)
_WORK: Final = Needs(frozenset({Verb.WORK}), Reach.GROUP)
_OPEN: Final = Needs(frozenset({Verb.OPEN_TICKET}))
_OVERSEE: Final = Needs(frozenset({Verb.OVERSEE}))
_OVERSEE_WORK: Final = Needs(frozenset({Verb.OVERSEE}), Reach.GROUP)
_WRITE: Final = Needs(frozenset({Verb.WRITE_ARTICLES}))
_KEEP: Final = Needs(frozenset({Verb.KEEP_ACCOUNTS}))
_KEEP_ONE: Final = Needs(frozenset({Verb.KEEP_ACCOUNTS}), Reach.TENANT)
_AUDIT: Final = Needs(frozenset({Verb.READ_AUDIT}))
_VENDORS: Final = Needs(frozenset({Verb.READ_VENDORS}))
_PARKED: Final = Needs(frozenset({Verb.READ_PARKED}))
_RESOLVE: Final = Needs(frozenset({Verb.RESOLVE_PARKED}))
_MAILS: Final = Needs(frozenset({Verb.KEEP_MAILS}))
_CALL: Final = Needs(frozenset({Verb.WORK}))

_STEPS: Final = (
    "progress", "pause", "resume", "resolve", "escalate", "carry", "transfer", "return", "invite", "contribute",
)  # fmt: skip
_CALLING: Final = ("claim", "release", "attempts", "close")
_API: Final = "/v1/desk"
_API_WORK: Final = f"{_API}/works/{{assignment_id}}"
_API_ACCOUNT: Final = f"{_API}/accounts/{{account_id}}"
_PAGE_WORK: Final = "/works/{assignment_id}"
_PAGE_ACCOUNT: Final = "/accounts/{account_id}"
_PAGE_ARTICLE: Final = "/articles/{article_id}"
_PAGE_PARKED: Final = "/parked/{service}/{parked_id}"

REQUESTS: Final[Mapping[tuple[str, str], Needs]] = {
    ("POST", f"{_API}/sessions"): ANYBODY,
    ("GET", f"{_API}/session"): SIGNED_IN,
    ("DELETE", f"{_API}/session"): SIGNED_IN,
    ("POST", f"{_API}/session/password"): SIGNED_IN,
    ("GET", f"{_API}/board"): _READ,
    ("GET", f"{_API}/counts"): _READ,
    ("GET", f"{_API}/mine"): _READ,
    ("GET", f"{_API}/left"): _READ,
    ("GET", f"{_API}/changes"): _READ,
    ("POST", f"{_API}/next"): Needs(frozenset({Verb.WORK})),
    ("GET", _API_WORK): _READ_WORK,
    ("POST", f"{_API_WORK}/claim"): _WORK,
    ("POST", f"{_API_WORK}/release"): _OVERSEE_WORK,
    **{("POST", f"{_API_WORK}/{step}"): _WORK for step in _STEPS},
    ("GET", f"{_API}/presence"): _CALL,
    ("PUT", f"{_API}/presence"): _CALL,
    ("GET", f"{_API}/people"): _OVERSEE,
    ("GET", f"{_API}/people/{{name}}/record"): _READ,
    ("GET", f"{_API}/shifts"): _OVERSEE,
    ("POST", f"{_API}/shifts"): _OVERSEE,
    ("DELETE", f"{_API}/shifts/{{shift_id}}"): _OVERSEE,
    ("GET", f"{_API}/callbacks"): _READ,
    ("POST", f"{_API}/callbacks"): _CALL,
    ("GET", f"{_API}/callbacks/{{callback_id}}"): _READ,
    **{("POST", f"{_API}/callbacks/{{callback_id}}/{step}"): _CALL for step in _CALLING},
    ("GET", f"{_API}/visits"): _READ,
    ("POST", f"{_API}/visits"): _CALL,
    ("GET", f"{_API}/visits/{{visit_id}}"): _READ,
    **{("POST", f"{_API}/visits/{{visit_id}}/{step}"): _CALL for step in ("move", "end")},
    ("GET", f"{_API}/repairs"): _READ,
    ("POST", f"{_API}/repairs"): _CALL,
    ("GET", f"{_API}/repairs/{{repair_id}}"): _READ,
    ("POST", f"{_API}/repairs/{{repair_id}}/steps"): _CALL,
    ("GET", f"{_API}/callers"): _OPEN,
    ("GET", f"{_API}/call-guard"): Needs(frozenset({Verb.OVERSEE}), Reach.ALL),
    ("GET", f"{_API}/mails"): _MAILS,
    **{("POST", f"{_API}/mails/{{mail_id}}/{step}"): _MAILS for step in ("retry", "discard")},
    ("GET", f"{_API}/accounts"): _KEEP,
    ("POST", f"{_API}/accounts"): _KEEP,
    ("GET", _API_ACCOUNT): _KEEP_ONE,
    ("PATCH", _API_ACCOUNT): _KEEP_ONE,
    ("PUT", f"{_API_ACCOUNT}/grants"): _KEEP_ONE,
    ("POST", f"{_API_ACCOUNT}/password"): _KEEP_ONE,
    ("DELETE", f"{_API_ACCOUNT}/sessions"): _KEEP_ONE,
    ("GET", f"{_API}/audit"): _AUDIT,
    ("GET", f"{_API}/audit/verification"): _AUDIT,
    ("GET", "/static/{name}"): ANYBODY,
    ("GET", "/login"): ANYBODY,
    ("POST", "/login"): ANYBODY,
    ("POST", "/logout"): SIGNED_IN,
    ("GET", "/password"): SIGNED_IN,
    ("POST", "/password"): SIGNED_IN,
    ("GET", "/"): SIGNED_IN,
    ("POST", "/next"): Needs(frozenset({Verb.WORK})),
    ("GET", "/queue/{tier}/{group}"): _READ_WORK,
    ("GET", "/escalated"): _READ,
    ("GET", "/ticket/{ticket}"): _READ_WORK,
    ("GET", "/keys"): _READ,
    ("POST", "/keys"): _READ,
    ("GET", "/find"): _READ,
    ("GET", "/open"): _OPEN,
    ("POST", "/open"): _OPEN,
    ("POST", "/open/matches"): _OPEN,
    ("GET", _PAGE_WORK): _READ_WORK,
    ("GET", f"{_PAGE_WORK}/clocks.svg"): _READ_WORK,
    ("GET", f"{_PAGE_WORK}/files/{{file}}"): _READ_WORK,
    ("GET", f"{_PAGE_WORK}/articles/{{article_id}}"): _READ_WORK,
    ("POST", f"{_PAGE_WORK}/articles/{{article_id}}"): _WORK,
    ("POST", f"{_PAGE_WORK}/claim"): _WORK,
    ("POST", f"{_PAGE_WORK}/release"): _OVERSEE_WORK,
    ("POST", f"{_PAGE_WORK}/{{action}}"): _WORK,
    ("GET", "/overview"): _OVERSEE,
    ("GET", "/overview/{worker}"): _OVERSEE_WORK,
    ("GET", "/people"): _OVERSEE,
    ("GET", "/people/{name}"): _READ,
    ("POST", "/people/shifts"): _OVERSEE,
    ("POST", "/people/shifts/{shift_id}/remove"): _OVERSEE,
    ("POST", "/presence"): _CALL,
    ("GET", "/callbacks"): _READ,
    ("POST", "/callbacks"): _CALL,
    **{("POST", f"/callbacks/{{callback_id}}/{step}"): _CALL for step in _CALLING},
    ("GET", "/visits"): _READ,
    ("POST", "/visits"): _CALL,
    **{("POST", f"/visits/{{visit_id}}/{step}"): _CALL for step in ("move", "end")},
    ("POST", "/repairs"): _CALL,
    ("POST", "/repairs/{repair_id}/steps"): _CALL,
    ("POST", f"{_PAGE_WORK}/link"): _CALL,
    ("GET", "/mails"): _MAILS,
    **{("POST", f"/mails/{{mail_id}}/{step}"): _MAILS for step in ("retry", "discard")},
    ("GET", "/articles"): _WRITE,
    ("GET", "/articles/new"): _WRITE,
    ("POST", "/articles/new"): _WRITE,
    ("GET", _PAGE_ARTICLE): _WRITE,
    ("GET", f"{_PAGE_ARTICLE}/edit"): _WRITE,
    ("POST", f"{_PAGE_ARTICLE}/edit"): _WRITE,
    ("GET", f"{_PAGE_ARTICLE}/compare"): _WRITE,
    ("POST", f"{_PAGE_ARTICLE}/care"): _WRITE,
    ("POST", f"{_PAGE_ARTICLE}/{{step}}"): Needs(frozenset({Verb.WRITE_ARTICLES, Verb.PUBLISH_ARTICLES})),
    ("GET", "/vendors"): _VENDORS,
    ("GET", "/vendors/{vendor}"): _VENDORS,
    ("GET", "/parked"): _PARKED,
    ("GET", _PAGE_PARKED): _PARKED,
    ("POST", f"{_PAGE_PARKED}/replay"): _RESOLVE,
    ("POST", f"{_PAGE_PARKED}/discard"): _RESOLVE,
    ("GET", "/accounts"): _KEEP,
    ("POST", "/accounts"): _KEEP,
    ("GET", _PAGE_ACCOUNT): _KEEP_ONE,
    **{
        ("POST", f"{_PAGE_ACCOUNT}/{step}"): _KEEP_ONE
        for step in ("change", "grant", "revoke", "password", "disable", "enable", "sign-out")
    },
    ("GET", "/audit"): _AUDIT,
    ("POST", "/audit"): _AUDIT,
}
"""By method and path of the desk's own routes. `POST /articles/{article_id}/{step}` is `submit` or `withdraw` for authors too;
the row is that of `publish`, `send-back` and `retire`.
"""


def render() -> str:
    """The whole document."""
    roles = " | ".join(role.value for role in Role)
    lines = [f"| request | verb | reach | {roles} |", f"|---|---|---|{'---|' * len(Role)}"]
    for (method, path), needs in REQUESTS.items():
        verbs = ", ".join(f"`{verb.value}`" for verb in sorted(needs.verbs)) or ("" if needs.signed_in else "anybody")
        marks = " | ".join("x" if role in needs.roles else "" for role in Role)
        lines.append(f"| `{method} {path}` | {verbs} | {needs.reach.value} | {marks} |")
    foot = (
        "\nAuthors may `submit` and `withdraw` their articles by `POST /articles/{article_id}/{step}`; `publish`, `send-back` and `retire` are "
        "for publishers. Articles, vendors and parked messages are asked of the services that keep them, each in the person's own tenant."
    )
    return "\n".join([_HEAD, *lines, foot]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when the document is written or agrees, 1 when --check finds that it does not, 2 for a wrong call."""
    parser = argparse.ArgumentParser(
        prog="python -m tierdesk_desk.authorisation_document", description=__doc__.split("\n")[0]
    )
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="write the document")
    mode.add_argument("--check", action="store_true", help="say whether it agrees")
    options = parser.parse_args(arguments)
    path = _REPOSITORY / DOCUMENT
    if path.is_file() and path.read_text(encoding="utf-8") == render():
        return 0
    if options.write:
        path.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT}: {'written' if options.write else 'differs from the table; run with --write'}\n")
    return 0 if options.write else 1


if __name__ == "__main__":
    sys.exit(main())
