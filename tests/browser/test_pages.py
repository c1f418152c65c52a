"""The pages of leads, authors, operators and administrators in a browser; and what they show of hostile texts."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from browser.desk import Desk
from browser.faults import find_faults
from browser.test_console import HOSTILE, expect_to_have_it
from e2e.whole_desk import OWN, wait_until

OpenPage = Callable[..., Page]
TEXT = " ".join(HOSTILE)
FIXED = (
    "/", "/queue/l1/front", "/queue/l1/front?held=true", "/escalated", "/find?q=hostile", "/open", "/overview", "/overview/all",
    "/people", "/articles", "/articles?shelf=draft", "/articles?shelf=published", "/articles?shelf=proposed",
    "/articles?shelf=stale", "/articles/new", "/vendors", "/vendors/acme", "/parked", "/accounts", "/audit", "/keys", "/password",
)  # fmt: skip
SEEN = ("/", "/queue/l1/front", "/queue/l1/front?held=true", "/escalated", "/open", "/overview", "/people", "/keys")
"""`test_console` looks for faults there."""
PHONE, DESKTOP = ({"width": width, "height": 900} for width in (390, 1440))
RUNNING = "main img[src=x], main script, main svg, main iframe, main math, main a[href^=javascript], main [onerror], main [onload]"


@pytest.fixture(scope="module")
def hostile(desk: Desk) -> list[str]:
    """Hostile texts in whatever people and vendors fill; answers the pages of what holds them."""
    path = desk.report(
        f"hostile {TEXT}"[:290],
        text=TEXT,
        asset=TEXT[:190],
        location=TEXT[:190],
        contact=TEXT[:190],
        affected=TEXT,
        requester={"party": f"r-{uuid4()}", "name": TEXT[:190]},
        steps_tried=[{"step": TEXT[:290], "result": TEXT}],
    )
    paths = [path]
    article = {
        "title": f"hostile {TEXT}"[:290],
        "body": f"hostile {TEXT}\n\n[x](javascript:alert(10)) ![x](data:text/html,x)\n\n<iframe src=javascript:alert(11)>",
        "keywords": [HOSTILE[0], HOSTILE[1]],
        "steps": [TEXT[:290]],
        "kind": "how-to",
        "owner": "all",
    }
    with desk.whole.client(OWN) as client:
        ticket = desk.row(path)["ticket"]
        for name in (HOSTILE[1], f"{HOSTILE[2]}.svg"):
            named = {"ticket": ticket, "name": name}
            assert client.post("/v1/events/attachments", params=named, content=b"<script>alert(12)</script>").is_success
        for publish in (True, False):
            made = client.post("/v1/articles", json=article).json()["id"]
            revised = {key: value for key, value in article.items() if key != "owner"} | {"body": TEXT, "based_on": 1}
            assert client.put(f"/v1/articles/{made}", json=revised).status_code == 200
            if publish:
                assert client.post(f"/v1/articles/{made}/publish").status_code == 200
                paths.append(f"{path}/articles/{made}")
            else:
                assert client.post(f"/v1/articles/{made}/submit").status_code == 200
                back = client.post(f"/v1/articles/{made}/send-back", json={"reason": TEXT})
                assert back.status_code == 200
            paths += [f"/articles/{made}", f"/articles/{made}/edit", f"/articles/{made}/compare?from=1&to=2"]
        wait_until(lambda: client.get("/v1/articles/search?q=hostile").json()["articles"], "the article is found")
    parked = uuid4()
    desk.query(
        "INSERT INTO router.parked (id, consumer, tenant, subject, message_id, type, namespace, queue, body, reason, detail)"
        " VALUES ($1, $2, $3, $2, $2, $2, $2, $2, $4, $2, $2)",
        parked,
        TEXT,
        OWN,
        TEXT.encode(),
    )
    account = desk.query("SELECT id FROM desk.account WHERE name = 'ben'")[0]["id"]
    desk.query("UPDATE desk.account SET display_name = $1 WHERE name = 'ben'", TEXT[:190])
    return [*paths, f"/parked/router/{parked}", f"/accounts/{account}"]


def test_no_page_runs_hostile_texts_or_is_too_wide_or_has_a_serious_fault(
    open_page: OpenPage, desk: Desk, hostile: list[str]
) -> None:
    page = open_page("all", hostile[0], width=DESKTOP["width"])
    page.keyboard.press("c")
    expect_to_have_it(page)
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Noted.")).to_be_visible()
    faults, seen = [], set(SEEN)
    for path in (*FIXED, *hostile):
        page.set_viewport_size(DESKTOP)
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.locator(RUNNING).count() == 0, path
        kind = re.sub(r"[0-9a-f-]{36}|shelf=(draft|published|proposed)", "", path)  # made from the same template
        if kind not in seen:
            seen.add(kind)
            faults += find_faults(page)
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, size)
    assert faults == []
    page.goto(hostile[0])
    assert HOSTILE[1] in page.locator("#files").inner_text()


def test_text_of_a_form_whose_session_has_ended_is_there_after_signing_in(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("Its session ends")
    page = open_page("ann", path)
    page.keyboard.press("c")
    expect_to_have_it(page)
    page.get_by_label("Text").fill("A long thought that nobody types twice")
    desk.query("DELETE FROM desk.session USING desk.account AS a WHERE a.id = account_id AND a.name = 'ann'")
    desk.forget_cookies_of("ann")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(desk.passwords["ann"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Text")).to_have_value("A long thought that nobody types twice")
    assert page.url.startswith(f"{desk.url}{path}")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Noted.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Text")).to_have_value("")


def test_what_may_answer_a_caller_appears_while_it_is_typed(open_page: OpenPage, desk: Desk) -> None:
    desk.report("The wardrobe in the attic creaks")
    page = open_page("ben", "/open")
    page.get_by_label("What is wrong, in a line").press_sequentially("wardrobe creaks")
    expect(page.locator("#matches").get_by_role("link", name="The wardrobe in the attic creaks")).to_be_visible()
    expect(page.get_by_label("What is wrong, in a line")).to_have_value("wardrobe creaks")
    without = open_page("ben", "/open", java_script_enabled=False, width=360)
    without.get_by_label("What is wrong, in a line").fill("wardrobe creaks")
    without.get_by_role("button", name="Look for matches").click()
    expect(without.locator("#matches")).to_contain_text("The wardrobe in the attic creaks")


def test_a_lead_gives_the_ticket_of_somebody_who_is_ill_to_the_others(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("Its owner is ill")
    ann = open_page("ann", path)
    ann.keyboard.press("c")
    expect_to_have_it(ann)
    lea = open_page("lea", path)
    lea.get_by_text("Give it to the others of Front desk").click()
    lea.get_by_label("Why ann cannot do it").fill("She is ill.")
    lea.get_by_role("button", name="Give it to the others").click()
    expect(lea.get_by_text("ann has it no more; it waits for the others of the group.")).to_be_visible()
    ann.goto("/")
    expect(ann.get_by_text("lea has given")).to_be_visible()
    ticket = desk.row(path)["ticket"]
    offered = wait_until(
        lambda: desk.query("SELECT * FROM desk.work WHERE ticket = $1 AND stage = 'offered'", ticket),
        "it is offered again",
    )
    assert offered[0]["group_id"] == "front"
    lea.goto(f"/works/{offered[0]['assignment_id']}")
    expect(lea.locator("#report")).to_contain_text("lea took it back from ann: She is ill.")


def test_an_article_goes_from_its_author_to_the_readers(open_page: OpenPage, desk: Desk) -> None:
    title = f"Descale the kettle {uuid4().hex[:8]}"
    aux = open_page("aux", "/articles/new")
    aux.get_by_label("Title").fill(title)
    aux.get_by_label("Text of the article").fill("Use **vinegar**.")
    aux.get_by_label("Steps to tick").fill("Fill it\nBoil it")
    aux.get_by_label("Kind").select_option("Steps to do")
    aux.get_by_role("button", name="Keep it and look at it").click()
    expect(aux.locator(".prose strong")).to_have_text("vinegar")
    path = aux.url.removeprefix(desk.url)
    pia = open_page("pia", f"{path}/edit")
    aux.get_by_role("button", name="Ask for a review").click()
    expect(aux.get_by_text("It waits for a review.")).to_be_visible()
    aux.goto(f"{path}/edit")
    aux.get_by_label("Text of the article").fill("Use **lemon**.")
    aux.get_by_role("button", name="Keep it and look at it").click()
    pia.get_by_label("Text of the article").fill("Use **acid**.")
    pia.get_by_role("button", name="Keep it and look at it").click()
    expect(pia.get_by_text("aux has changed the article since you began.")).to_be_visible()
    expect(pia.get_by_label("Text of the article")).to_have_value("Use **acid**.")
    pia.get_by_role("button", name="Keep it and look at it").click()
    expect(pia.locator(".prose strong")).to_have_text("acid")
    pia.get_by_role("button", name="Publish revision 3").click()
    expect(pia.get_by_text("Readers see it from now on.")).to_be_visible()
    pia.get_by_role("button", name="Compare").click()
    expect(pia.locator(".diff__line--added")).to_contain_text("acid")


def test_an_administrator_makes_an_account_with_which_somebody_signs_in(open_page: OpenPage, desk: Desk) -> None:
    name = f"new-{uuid4().hex[:8]}"
    page = open_page("all", "/accounts")
    page.get_by_label("Name to sign in with").fill(name)
    page.get_by_label("Role").select_option("Agent")
    page.get_by_label("Where").select_option("Service desk: Front desk")
    page.get_by_role("button", name="Make the account").click()
    password = page.locator(".password").inner_text()
    other = open_page(None, "/login")
    other.get_by_label("Name").fill(name)
    other.get_by_label("Password").fill(password)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Choose a password")).to_be_visible()
