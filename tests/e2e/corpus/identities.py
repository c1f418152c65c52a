"""Who somebody says to be, what is asked for, and by what name."""

from __future__ import annotations

import base64

CREDENTIALS = {
    "nothing": "",
    "no scheme": "{key}",
    "another scheme": "Basic {key}",
    "a scheme without a key": "Bearer",
    "two keys": "Bearer {key} {key}",
    "a letter less": "Bearer {short}",
    "a letter more": "Bearer {key}x",
    "another secret": "Bearer {changed}",
    "another environment": "Bearer {elsewhere}",
    "a revoked key": "Bearer {revoked}",
    "an expired key": "Bearer {expired}",
    "a token without signature": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    "a token with a path for a key": "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0.e30.x",
    "letters beyond ASCII": "Bearer caf\u00e9",
    "60,000 letters": "Bearer " + "x" * 60_000,
}
"""What stands in the header `Authorization` of somebody who is nobody."""

SPOOFED_HEADERS = {
    "X-Forwarded-User": "admin", "X-Forwarded-For": "127.0.0.1", "X-Remote-User": "admin", "X-Original-URL": "/healthz",
    "X-Rewrite-URL": "/healthz", "X-HTTP-Method-Override": "GET", "X-Tenant": "acme", "Forwarded": "for=127.0.0.1",
    "Cookie": "session=admin; tierdesk=admin", "X-CSRF-Token": "admin",
}  # fmt: skip


def _cursor(at: str) -> str:
    """Where a page of tickets would have ended, had there been such a time."""
    return base64.urlsafe_b64encode(f"{at} 00000000-0000-0000-0000-000000000000".encode()).decode()


QUERIES = (
    "limit=-1", "limit=0", "limit=1000000000000000000000", "limit=1.5", "limit=all", "limit=", "limit=1&limit=2", "offset=-1",
    "offset=99999999999999999999", "after=x", "after=%00",
    *(f"after={_cursor(at)}" for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "now", "")),
    "sort=password", "order_by=1;DROP", "status=%27%20OR%201=1--", "status[]=x", "status=unknown", "tier=%00", "tier=%ff",
    "tier=" + "x" * 5_000, "group=%27;--", "audience=%00", "audience=../x", "q=%00", "q=%ff%fe", "q=" + "x" * 9_000, "q=%22",
    "q=" + "%28" * 500, "q=" + "a+OR+" * 500, "q=title:x+AND+*", "q=%F0%9F%98%80", "q=" + "%F0%9F%98%80" * 5_000, "published=perhaps", "%00=1", "=", "&&&",
)  # fmt: skip
"""Query strings, for every endpoint that is read: those with one of `PARAMETERS` for whoever takes it."""
PARAMETERS = {"limit", "after", "status", "tier", "group", "audience", "q", "published"}

NAMES = (
    "0", "-1", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "urn:uuid:x", "{}", "%00", "%FF",
    "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "TD-0000-0000", "td-%27--", "%20", "a" * 5_000, "%F0%9F%98%80", "null", "*", "1;1",
    "summary%00", "%E2%80%AE",
)  # fmt: skip
"""Names in paths, of tickets and articles that are none."""
