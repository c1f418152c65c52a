"""The portal, as those who need help use it: on a phone, without script, by a link, and with hostile texts."""

import re
from collections.abc import Callable
from uuid import uuid4

from playwright.sync_api import Page, expect

from browser.desk import Desk
from browser.faults import find_faults
from e2e.whole_desk import OWN, wait_until

OpenPage = Callable[..., Page]
PHONE = 390
HOSTILE = "<script>alert(1)</script> \"><img src=x onerror=alert(2)> {{ 7 * 7 }} '-alert(5)-' </textarea><svg/onload=alert(3)>"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\x00" * 200


def test_on_a_phone_somebody_reports_answers_attaches_reopens_and_rates(open_page: OpenPage, desk: Desk) -> None:
    title = f"The printer eats paper {uuid4().hex[:6]}"
    page = open_page("rita", "/", width=PHONE)
    expect(page).to_have_url(f"{desk.url}/portal")
    page.get_by_label("What do you need?").fill(title)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("main").get_by_role("link", name="Report a problem").click()
    expect(page.get_by_label("What is wrong, in a line")).to_have_value(title)
    page.get_by_label("What happens, and since when").fill("Since nine.")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("How can we reach you?").fill("4711")
    page.get_by_label("Whom does it stop?").select_option("One person")
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_text("We have it:")).to_be_visible()
    ticket = page.url.rpartition("/")[2]
    work = f"/v1/desk/works/{desk.work_of(ticket)['assignment_id']}"
    with desk.whole.client(OWN) as agent:
        assert agent.post(f"{work}/claim").status_code == 200
        expect(page.locator(".standing-box")).to_contain_text("In work")  # by itself
        assert agent.post(f"{work}/progress", json={"answer": "Which model is it?"}).status_code == 200
        assert agent.post(f"{work}/pause", json={"party": "requester"}).status_code == 200
        expect(page.locator("#told")).to_contain_text("Which model is it?")
        expect(page.locator(".standing-box")).to_contain_text("Waits for you")
        page.get_by_label("Your words").fill("The large one. A picture:")
        page.get_by_label("Files").set_input_files({"name": "it.png", "mimeType": "image/png", "buffer": PICTURE})
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#told")).to_contain_text("The large one.")
        with page.expect_download() as download:
            page.get_by_role("link", name="it.png").click()
        assert download.value.suggested_filename.endswith("-1.png")
        desk.wait_for_stage(f"/works/{work.rpartition('/')[2]}", "owned")
        assert agent.post(f"{work}/resolve", json={"how": "Cleaned the rollers."}).status_code == 200
    expect(page.locator(".standing-box")).to_contain_text("Solved?")
    page.get_by_label("What does not work yet?").fill("It eats again")
    page.get_by_role("button", name="Reopen it").click()
    expect(page.get_by_text("It is open again.")).to_be_visible()
    second = f"/v1/desk/works/{_offered_again(desk, ticket)}"
    with desk.whole.client(OWN) as agent:
        assert agent.post(f"{second}/claim").status_code == 200
        desk.wait_for_stage(f"/works/{second.rpartition('/')[2]}", "owned")
        assert agent.post(f"{second}/resolve", json={"how": "New rollers."}).status_code == 200
    page.get_by_role("radio", name=re.compile("Good")).first.check(force=True)
    page.get_by_label("What was good, what was not").fill("Quick")
    page.get_by_role("button", name="Rate it").click()
    expect(page.get_by_text("You said: Good.")).to_be_visible()
    page.get_by_role("button", name="Yes, it works").click()
    expect(page.locator(".standing-box")).to_contain_text("Closed")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert desk.query("SELECT score FROM desk.rating WHERE ticket = $1", ticket)[0]["score"] == 4


def test_without_script_a_request_is_made_followed_answered_and_cancelled(open_page: OpenPage, desk: Desk) -> None:
    page = open_page("rita", "/portal/report?q=No+script+here", width=360, java_script_enabled=False)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No script here")
    ticket = page.url.rpartition("/")[2]
    desk.work_of(ticket)
    page.goto(f"/portal/requests/{ticket}")
    _reload_until(page, ".standing-box", "A question for you")
    page.get_by_label("Whom does it stop?").select_option("One person")
    page.get_by_role("button", name="Answer").click()
    _reload_until(page, "#told", "You told what was asked")
    page.get_by_label("Your words").fill("It is the blue one.")
    page.get_by_role("button", name="Send", exact=True).click()
    _reload_until(page, "#told", "It is the blue one.")
    page.get_by_text("I need it no more").click()
    page.get_by_role("button", name="Cancel the request").click()
    _reload_until(page, ".standing-box", "Cancelled")
    page.goto("/portal/requests?over=true")
    expect(page.get_by_role("link", name="No script here")).to_be_visible()


def test_who_comes_by_a_link_follows_one_request(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("Followed by a link")
    agent = open_page("ann", path)
    agent.get_by_text("Link for the requester").click()
    agent.get_by_role("button", name="Make a link").click()
    address = agent.get_by_label("The link").input_value()
    guest = open_page(None, address, width=PHONE)
    guest.get_by_role("button", name="Show my request").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("Followed by a link")
    guest.get_by_label("Your words").fill("By the link")
    guest.get_by_role("button", name="Send", exact=True).click()
    expect(guest.locator("#told")).to_contain_text("By the link")
    again = open_page(None, address)
    expect(again.get_by_role("heading", name="This link works no more")).to_be_visible()
    guest.get_by_role("button", name="Leave").click()
    expect(guest.get_by_text("You have left.")).to_be_visible()


def test_no_page_of_the_portal_has_a_serious_fault_or_runs_what_people_write(open_page: OpenPage, desk: Desk) -> None:
    with desk.whole.client(OWN) as client:
        form = {"type": "object", "properties": {"size": {"title": HOSTILE[:100], "enum": ["13", "15"]}}}
        service = {"name": HOSTILE[:100], "description": HOSTILE, "form": form, "category": "hardware"}
        assert client.put("/v1/catalogue/laptop", json=service).status_code in {200, 201}
        assert client.put("/v1/community/settings", json={"hold_first": "none"}).status_code == 200
        asked = {"by": "rita", "title": HOSTILE[:200], "body": HOSTILE}
        question = client.post("/v1/community/questions", json=asked).json()["id"]
        answers = f"/v1/community/questions/{question}/answers"
        assert client.post(answers, json={"by": "mia", "body": HOSTILE}).status_code == 201
        article = {"title": f"Paper {HOSTILE[:100]}", "body": f"Paper **jam** {HOSTILE}", "steps": [HOSTILE[:200]]}
        written = client.post("/v1/articles", json=article).json()["id"]
        assert client.post(f"/v1/articles/{written}/publish").status_code == 200
        event = {"type": "problem_reported", "requester": {"party": "rita"}, "title": HOSTILE, "text": HOSTILE}
        ticket = client.post("/v1/events", json=event).json()["ticket"]
    desk.work_of(ticket)
    page = open_page("rita", "/portal", width=PHONE)
    faults = find_faults(page)
    for address in (
        "/portal?q=paper",
        f"/portal/articles/{written}?q=paper",
        f"/portal/report?q=paper&looked={written}",
        "/portal/requests",
        f"/portal/requests/{ticket}",
        "/portal/services",
        "/portal/services/laptop",
        "/portal/community",
        f"/portal/community/{question}",
        "/portal/community/ask",
        "/portal/nothing",
        "/portal/links",
    ):
        page.goto(address)
        faults += find_faults(page)
        assert page.locator("main img[src=x], main script, main svg").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
    page.goto("/portal")
    page.get_by_label("What do you need?").press_sequentially("paper")
    expect(page.locator("#suggestions a").first).to_be_visible()
    faults += find_faults(page, ".ask")
    assert faults == []


def _reload_until(page: Page, place: str, text: str) -> None:
    """What was sent is shown at once, but for a machine that has other work."""
    wait_until(lambda: text in page.locator(place).inner_text() or (page.reload() and False), f"{place} shows {text}")


def _offered_again(desk: Desk, ticket: str) -> str:
    statement = "SELECT assignment_id FROM desk.work WHERE ticket = $1 AND stage = 'offered'"
    return str(wait_until(lambda: desk.query(statement, ticket), "it is offered again")[0]["assignment_id"])
