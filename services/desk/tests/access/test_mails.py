"""Those who keep the desk running see how mails stand, try one again, discard one: each step stands in the audit."""

from uuid import uuid4

import pytest

from tierdesk_desk.domain.mailing import Kind
from tierdesk_desk.domain.roles import PERMISSIONS, Role, Verb
from tierdesk_desk.http.mails import mail_routes
from tierdesk_desk.outgoing import Outgoing
from tierdesk_desk.store.mails import NewMail, add_mail


@pytest.fixture
def app(app, gate):
    app.include_router(mail_routes(Outgoing(gate.database, gate.clock.now), has_server=True))
    return app


@pytest.fixture
def mail(gate):
    """A mail that stands so."""

    async def build(state="failed", reason=None, tenant="main"):
        made = NewMail(tenant, uuid4(), Kind.LINK, "ann@example.org", {"url": "secret"}, reference="TD-TEST-0001")
        async with gate.database.transaction() as tx:
            await add_mail(tx.connection, made)
        ended = "NULL" if state == "queued" else "now()"
        await gate.sql(
            f"UPDATE desk.mail SET state = $1, reason = $2, attempts = 3, ended_at = {ended} WHERE id = $3",
            state,
            reason,
            made.id,
        )
        return made.id

    return build


async def test_failed_mails_are_listed_the_newest_first_and_page_by_page(signed_in, mail):
    made = [str(await mail()) for _ in range(5)]
    await mail(tenant="other")
    await mail("sent")
    otto = await signed_in("otto", "operator")
    seen, before = [], ""
    while before is not None:
        page = (await otto.ask("GET", f"/mails?limit=2{before and f'&before={before}'}")).json()
        seen += [one["id"] for one in page["mails"]]
        before = page["next"]
    assert seen == sorted(made, reverse=True)
    assert page["has_server"] is True
    assert "secret" not in str(page)
    assert (page["mails"][0]["to"], page["mails"][0]["attempts"]) == ("ann@example.org", 3)


async def test_a_failed_mail_is_tried_again_once(gate, signed_in, mail):
    otto, failed = await signed_in("otto", "operator"), await mail("failed", "refused")
    answer = await otto.ask("POST", f"/mails/{failed}/retry")
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (200, "queued", 0)
    again = await otto.ask("POST", f"/mails/{failed}/retry")
    assert (again.status_code, again.json()["title"]) == (409, "Not now")
    assert ("person:otto", "mail.retried", str(failed)) in await gate.audited()
    assert "ann@example.org" not in str(await gate.sql("SELECT detail FROM desk.audit WHERE action LIKE 'mail%'"))


@pytest.mark.parametrize(
    ("state", "reason", "step", "status"),
    [
        ("suppressed", "no-server", "retry", 200), ("suppressed", "bad-address", "retry", 409), ("sent", None, "retry", 409),
        ("queued", None, "retry", 409), ("queued", None, "discard", 200), ("failed", "refused", "discard", 200),
        ("sent", None, "discard", 409), ("suppressed", "no-server", "discard", 409),
    ],
)  # fmt: skip
async def test_what_can_be_done_depends_on_how_it_stands(gate, signed_in, mail, state, reason, step, status):
    otto, one = await signed_in("otto", "operator"), await mail(state, reason)
    answer = await otto.ask("POST", f"/mails/{one}/{step}")
    assert answer.status_code == status, answer.text
    done = [entry for entry in await gate.audited() if entry[1].startswith("mail.")]
    assert len(done) == (status == 200)


@pytest.mark.parametrize("role", [None, *Role])
async def test_operators_alone_and_of_their_tenant(gate, signed_in, open_browser, mail, role):
    browser = open_browser() if role is None else await signed_in("someone", role.value)
    own, foreign = await mail(), await mail(tenant="other")
    may = role is not None and Verb.KEEP_MAILS in PERMISSIONS[role]
    assert may is (role is Role.OPERATOR)
    refused = 401 if role is None else 403
    assert (await browser.ask("GET", "/mails")).status_code == (200 if may else refused)
    for step in ("retry", "discard"):
        assert (await browser.ask("POST", f"/mails/{foreign}/{step}")).status_code == (404 if may else refused)
        assert (await browser.ask("POST", f"/mails/{uuid4()}/{step}")).status_code == (404 if may else refused)
    assert (await browser.ask("POST", f"/mails/{own}/retry")).status_code == (200 if may else refused)
    (row,) = await gate.sql("SELECT state FROM desk.mail WHERE id = $1", foreign)
    assert row["state"] == "failed"


async def test_an_account_has_an_address_that_is_one(gate, signed_in):
    keeper = await signed_in("keeper", "administrator")
    made = await keeper.ask("POST", "/accounts", {"name": "ana", "email": "Ana@Example.org"})
    assert made.json()["account"]["email"] == "ana@example.org"
    path = f"/accounts/{made.json()['account']['id']}"
    refused = await keeper.ask("PATCH", path, {"email": "a,b@example.org"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "email")
    assert (await keeper.ask("PATCH", path, {"display_name": "Ana"})).json()["email"] == "ana@example.org"
    assert (await keeper.ask("PATCH", path, {"email": ""})).json()["email"] is None
