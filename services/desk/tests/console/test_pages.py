"""The pages over HTTP: who sees them, under which headers, and what they do without the other services."""

import asyncio
import re
from uuid import uuid4

import pytest

from tierdesk_desk.console.neighbours import READ_SECONDS
from tierdesk_desk.console.rendering import TEMPLATES
from tierdesk_desk.console.statics import FOLDER

PAGES = (
    "/", "/queue/l1/front", "/callbacks", "/escalated", "/overview", "/open", "/keys", "/password", "/find", "/articles", "/articles/new",
    "/vendors", "/parked", "/accounts", "/audit",
)  # fmt: skip
ALL = ("agent", "lead", "publisher", "operator", "administrator")


def csrf_of(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


def test_templates_hold_no_script_and_no_style_of_their_own():
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_our_script_makes_no_html_of_texts():
    assert not re.search(
        r"innerHTML\s*=|insertAdjacentHTML|outerHTML|document\.write|eval\(", (FOLDER / "console.js").read_text()
    )


async def test_every_page_runs_nothing_but_our_script_and_is_kept_nowhere(sign_in):
    ann = await sign_in("ann", *ALL)
    for path in (*PAGES, "/login", "/nowhere"):
        page = await ann.get(path)
        assert page.status_code == (404 if path == "/nowhere" else 200), path
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy, path
        assert "unsafe" not in policy, path
        assert page.headers["x-content-type-options"] == "nosniff", path
        assert page.headers["referrer-policy"] == "same-origin", path
        assert page.headers["cache-control"] == "no-store", path
        assert "<html lang=" in page.text, path


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(visitor):
    for path in PAGES:
        answer = await visitor.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
        fragment = await visitor.get(path, headers={"X-Fragment": "main"})
        assert fragment.status_code == 401, path


async def test_nobody_is_sent_elsewhere_after_signing_in(visitor):
    for way in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        page = await visitor.get("/login", params={"next": way})
        assert 'name="next" value="/"' in page.text, way


async def test_a_wrong_password_keeps_the_name_and_tells_nothing(visitor):
    answer = await visitor.post("/login", data={"name": '"><b>ann', "password": "wrong"})
    assert answer.status_code == 401
    assert "Name and password do not fit." in answer.text
    assert "&#34;&gt;&lt;b&gt;ann" in answer.text
    assert "wrong" not in answer.text.replace("not right", "")
    assert (await visitor.post("/login", data={"name": "ann"})).status_code == 422


async def test_who_works_no_tickets_is_shown_what_is_granted(sign_in):
    page = await (await sign_in("ada", "administrator")).get("/")
    assert page.status_code == 200
    links = set(re.findall(r'class="button" href="([^"]+)"', page.text))
    assert links == {"/accounts", "/audit"}


@pytest.mark.parametrize(("grant", "asked"), [("lead", True), ("lead:l2", False)])
async def test_the_promises_of_all_groups_are_for_whoever_leads_them_all(grant, asked, sign_in, others):
    others.answers["v1/clocks/summary"] = {"kinds": []}
    assert (await (await sign_in("eve", grant)).get("/overview")).status_code == 200
    assert ("v1/clocks/summary" in others.asked) is asked


async def test_who_may_not_oversee_is_told_so(sign_in):
    client = await sign_in("ann", "agent")
    page = await client.get("/overview")
    assert page.status_code == 403
    assert "This is not for you" in page.text
    assert "Overview" not in (await client.get("/")).text


async def test_a_form_without_the_token_of_its_session_changes_nothing(desk, offered, sign_in):
    assignment = await desk.offer(offered())
    client = await sign_in("ann", "agent")
    for data in ({}, {"csrf": "x"}):
        assert (await client.post(f"/works/{assignment}/claim", data=data)).status_code == 403
        assert (await client.post("/logout", data=data)).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    token = csrf_of(await client.get("/"))
    assert (await client.post("/next", data={"csrf": token}, headers=foreign)).status_code == 403
    assert await desk.sent() == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_foreign_work_is_as_work_that_does_not_exist(method, desk, offered, sign_in):
    other = await desk.offer(offered(tenant="other"))
    above = await desk.offer(offered(place=("l2", "networks"), category="network"))
    client = await sign_in("ann", "agent:l1")
    token = csrf_of(await client.get("/"))
    told = set()
    for assignment in (other, above, uuid4(), "no-identifier"):
        path = f"/works/{assignment}" + ("/claim" if method == "POST" else "")
        answer = await client.request(method, path, data={"csrf": token} if method == "POST" else None)
        assert answer.status_code == 404
        told.add(re.sub(r"Request [0-9a-f]+", "", answer.text))
    assert len(told) == 1
    assert (await client.get("/queue/l2/networks")).status_code == 404
    assert (await client.get("/ticket/none")).status_code == 404


async def test_a_claim_and_a_step_go_on_with_a_get_that_says_it_once(desk, offered, assigned, sign_in):
    offer = offered()
    assignment = await desk.offer(offer)
    client = await sign_in("ann", "agent")
    path = f"/works/{assignment}"
    token = {"csrf": csrf_of(await client.get(path))}
    claimed = await client.post(f"{path}/claim", data=token)
    assert (claimed.status_code, claimed.headers["location"]) == (303, path)
    page = await client.get(path)
    assert "It is yours as soon as the desk confirms it." in page.text
    assert "It is yours as soon" not in (await client.get(path)).text
    assert await desk.receive(desk.work, assigned(offer, "ann")) == []
    assert "You have it." in (await client.get(path, headers={"X-Fragment": "main"})).text
    faulty = await client.post(f"{path}/facts", data=token | {"location": "x" * 201, "contact": "<b>4711"})
    assert faulty.status_code == 422
    assert "This is too long." in faulty.text
    assert 'value="&lt;b&gt;4711"' in faulty.text
    assert (await client.post(f"{path}/nonsense", data=token)).status_code == 404
    done = await client.post(f"{path}/resolve", data=token | {"how": "Off and on"})
    assert (done.status_code, done.headers["location"]) == (303, "/")


async def test_a_form_that_is_sent_twice_is_taken_once_and_its_text_is_kept(desk, offered, assigned, sign_in):
    offer = offered()
    path = f"/works/{await desk.offer(offer)}"
    client = await sign_in("ann", "agent")
    token = {"csrf": csrf_of(await client.get(path))}
    await client.post(f"{path}/claim", data=token)
    await desk.receive(desk.work, assigned(offer, "ann"))
    (seen,) = set(re.findall(r'name="seen" value="(\d+)"', (await client.get(path)).text))
    form = token | {"seen": seen, "audience": "team", "text": "Looked behind it."}
    assert (await client.post(f"{path}/note", data=form)).status_code == 303
    again = await client.post(f"{path}/note", data=form)
    assert again.status_code == 409
    assert "More was said of it since you looked" in again.text
    assert "Looked behind it." in again.text
    assert len(await desk.sent()) == 2
    (now,) = set(re.findall(r'name="seen" value="(\d+)"', again.text))
    assert (await client.post(f"{path}/note", data=form | {"seen": now})).status_code == 303


async def test_a_page_does_without_the_other_services_in_good_time(desk, offered, sign_in, others):
    offer = offered()
    assignment = await desk.offer(offer)
    client = await sign_in("ann", *ALL)
    others.slow = {f"v1/tickets/{offer.subject}"}
    others.answers = {
        f"v1/clocks/{offer.subject}": {"clocks": []},
        "v1/events/attachments": {"attachments": []},
        "v1/articles/search": {"articles": []},
    }
    begun = asyncio.get_running_loop().time()
    page = await client.get(f"/works/{assignment}")
    assert asyncio.get_running_loop().time() - begun < READ_SECONDS + 1
    assert page.status_code == 200
    assert "Could not be had at the moment: the ticket&#39;s log." in page.text.replace("\n", "")
    assert "It does." in page.text
    overview = await client.get("/overview")
    assert "how promises were kept" in overview.text
    picture = await client.get(f"/works/{assignment}/clocks.svg")
    assert picture.status_code == 503


async def test_a_page_that_nobody_linked_to_is_refused(sign_in):
    ann, none = await sign_in("ann", "agent"), "00000000-0000-0000-0000-000000000000"
    for after in ("x", "1~2~3", f"9~0~{none}", f"1~{10**25}~{none}"):
        assert (await ann.get("/queue/l1/front", params={"after": after})).status_code == 422, after


async def test_every_link_leads_somewhere(sign_in):
    client = await sign_in("ann", *ALL)
    pages = [(await client.get(page)).text for page in ("/", "/overview")]
    for link in {link for page in pages for link in re.findall(r'href="(/[^"]*)"', page)}:
        assert (await client.get(link)).status_code == 200, link


async def test_a_form_with_a_key_that_is_not_ours_is_refused_with_what_it_held(sign_in):
    client = await sign_in("ann", "agent")
    filled = {"csrf": csrf_of(await client.get("/open")), "party": "rita", "title": "It smokes"}
    for key in ("\xe9", "a\nb", "k" * 101):
        answer = await client.post("/open", data=filled | {"key": key})
        assert answer.status_code == 422, key
        assert "It smokes" in answer.text


async def test_what_a_ticket_is_opened_with_is_kept_while_intake_is_away(sign_in):
    client = await sign_in("ann", "agent")
    token = csrf_of(await client.get("/open"))
    filled = {
        "csrf": token,
        "key": "k",
        "party": "rita",
        "title": "<i>It smokes",
        "step": ["Off", ""],
        "result": ["No", ""],
    }
    answer = await client.post("/open", data=filled)
    assert answer.status_code == 503
    assert "&lt;i&gt;It smokes" in answer.text
    assert 'value="Off"' in answer.text


async def test_static_files_are_for_ever_and_known_again(visitor):
    page = await visitor.get("/login")
    paths = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert {path.rpartition(".")[2] for path in paths} == {"css", "js", "svg"}
    for path in set(paths):
        file = await visitor.get(path)
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        again = await visitor.get(path, headers={"If-None-Match": file.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert (await visitor.get("/static/console.js")).status_code == 404


async def test_an_error_is_a_page_for_browsers_and_a_problem_for_programs(visitor):
    page = await visitor.get("/nowhere")
    assert "There is nothing here" in page.text
    problem = await visitor.get("/nowhere", headers={"Accept": "application/json"})
    assert problem.json()["status"] == 404
    assert (await visitor.get("/v1/nowhere")).headers["content-type"] == "application/problem+json"


async def test_a_flash_that_is_not_ours_is_not_shown(sign_in):
    client = await sign_in("ann", "agent")
    for value in ("x", "W10=", "WyJwd25lZCIsIHt9XQ==", "A" * 5_000):
        client.cookies.set("tierdesk_flash", value)
        page = await client.get("/")
        assert page.status_code == 200
        assert 'id="flash"' not in page.text


async def test_who_was_given_a_password_chooses_one_first(visitor, database, hashing):
    from tierdesk_desk.accounts import Accounts
    from tierdesk_runtime.clock import SystemClock
    from tierdesk_runtime.identifiers import Identifiers

    _, given = await Accounts(database, hashing, SystemClock(), Identifiers()).add("main", "ann", by="desk")
    await visitor.post("/login", data={"name": "ann", "password": given})
    sent = await visitor.get("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "/password")
    token = csrf_of(await visitor.get("/password"))
    for new, again, status in (
        ("short", "short", 422),
        ("a long enough one", "another", 422),
        ("a long enough one",) * 2 + (303,),
    ):
        answer = await visitor.post("/password", data={"csrf": token, "old": given, "new": new, "again": again})
        assert answer.status_code == status
    assert "works no tickets" in (await visitor.get("/")).text  # no grant yet
