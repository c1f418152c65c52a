"""The console, as people use it: with the keyboard, side by side, without script, and with hostile texts."""

from collections.abc import Callable
from uuid import uuid4

from playwright.sync_api import Page, expect

from browser.desk import Desk
from browser.faults import find_faults

OpenPage = Callable[..., Page]
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "<svg/onload=alert(3)>",
    "{{ 7 * 7 }} ${7*7} javascript:alert(4)",
    "'-alert(5)-' </textarea><script>alert(6)</script>",
    "<a href=javascript:alert(7)>x</a><math><mi xlink:href=data:x,1>",
)


def test_from_signing_in_to_the_resolution_with_the_keyboard_alone(open_page: OpenPage, desk: Desk) -> None:
    desk.report("The printer prints nothing", impact=1, urgency=1)
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the content
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "name":
            break
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(desk.passwords["ann"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="My tickets")).to_be_visible()
    page.keyboard.press("t")
    expect_to_have_it(page)
    path = page.url.removeprefix(desk.url)

    page.keyboard.press("n")
    page.keyboard.type("Asked for the model: it says n, r and e.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Noted.")).to_be_visible()

    page.keyboard.press("s")
    expect(page.get_by_label("Step 1", exact=True)).to_be_focused()
    page.keyboard.type("Cleared the queue")
    page.keyboard.press("Tab")
    page.keyboard.type("It prints")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("The steps are noted.")).to_be_visible()

    page.keyboard.press("r")
    expect(page.get_by_label("How it was solved")).to_be_focused()
    page.keyboard.press("Control+Enter")
    fault = page.get_by_role("link", name="How it was solved: Fill this in.")
    fault.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Cleared the queue of the printer.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Resolved.")).to_be_visible()
    assert desk.wait_for_stage(path, "left")["worker"] == "ann"


def test_two_who_claim_at_once_are_told_who_has_it(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("Two want this one")
    ann, ben = open_page("ann", path), open_page("ben", path)
    lea = open_page("lea", path)
    claims = [page.get_by_role("button", name="Claim") for page in (ann, ben)]
    for claim in claims:
        expect(claim).to_be_visible()
    ben.evaluate("document.querySelector('#head').removeAttribute('data-live')")  # sees it as it stood
    claims[0].click()
    expect_to_have_it(ann)
    claims[1].click()
    expect(ben.get_by_role("alert")).to_contain_text("ann was faster and has it now.")
    expect(lea.locator("#head .owner")).to_have_text("ann has it.")
    expect(lea.get_by_role("button", name="Claim")).to_have_count(0)


def test_what_was_written_is_kept_when_it_is_not_taken(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("This goes up")
    page = open_page("ann", path)
    page.keyboard.press("c")
    expect_to_have_it(page)
    page.get_by_label("Text").fill("A thought for later")
    page.get_by_role("link", name="Steps tried").click()
    page.get_by_label("Step 1", exact=True).fill("Looked at it")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("The steps are noted.")).to_be_visible()
    expect(page.get_by_label("Text")).to_have_value("A thought for later")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Noted.")).to_be_visible()
    page.keyboard.press("e")
    page.get_by_label("What you found").fill("The cable is broken")
    page.reload()
    expect(page.get_by_label("What you found")).to_have_value("The cable is broken")
    page.get_by_role("button", name="Escalate").click()
    expect(page.get_by_role("link", name="Reason: Choose one of the list.")).to_be_visible()
    expect(page.get_by_label("What you found")).to_have_value("The cable is broken")
    page.get_by_label("Reason").select_option("The cause is unclear")
    page.get_by_role("button", name="Escalate").click()
    page.get_by_role("link", name="Escalated by me").click()
    expect(page.get_by_role("listitem").filter(has_text="This goes up")).to_contain_text("Networks")


def test_a_refused_step_is_mended_in_its_form(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("This is refused", affected=None)
    page = open_page("ann", path)
    page.keyboard.press("c")
    expect_to_have_it(page)
    page.keyboard.press("e")
    page.get_by_label("Reason").select_option("Beyond what this tier may do")
    page.get_by_label("What you found").fill("It needs a specialist")
    page.get_by_role("button", name="Escalate").click()
    row = desk.wait_for_stage(path, "owned")
    assert row["refused"] is not None
    page.goto(path)
    expect(page.get_by_role("alert")).to_contain_text("The escalation was not taken.")
    expect(page.get_by_label("What you found")).to_have_value("It needs a specialist")
    page.get_by_label("Why it goes on with an incomplete description").fill("They cannot be reached")
    page.get_by_role("button", name="Escalate").click()
    desk.wait_for_stage(path, "left")


def test_without_script_everything_is_read_and_done(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("No script here")
    page = open_page("ben", path, java_script_enabled=False, width=360)
    page.get_by_role("button", name="Claim").click()
    desk.wait_for_stage(path, "owned")
    for action, fill in (("Facts", "Where from"), ("Note or answer", "Text")):
        page.get_by_role("link", name=action).click()
        page.get_by_label(fill).fill("Leeds, 3rd floor")
        page.locator("#act .form__end button").click()
    page.get_by_role("link", name="Put on hold").click()
    page.get_by_label("Whom it waits for").select_option("the requester")
    page.get_by_role("button", name="Put on hold").click()
    expect(page.get_by_text("Waits for the requester")).to_be_visible()
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Resolve").click()
    page.get_by_label("How it was solved").fill("By itself")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("Resolved.")).to_be_visible()
    desk.wait_for_stage(path, "left")


def test_a_ticket_for_a_caller_is_on_the_board_at_once(open_page: OpenPage, desk: Desk) -> None:
    board, form = open_page("ben"), open_page("ann", "/open?phone=%2B44+20+7946+0123")
    title = f"Called about {uuid4()}"
    form.get_by_label("What is wrong, in a line").fill(title)
    form.get_by_role("button", name="Open the ticket").click()
    expect(form.get_by_role("link", name="Name in the directory: Fill this in.")).to_be_visible()
    expect(form.get_by_label("Phone")).to_have_value("+44 20 7946 0123")
    form.get_by_label("Name in the directory").fill("rita")
    form.get_by_label("What it stops, and whom").fill("Her")
    form.get_by_role("button", name="Open the ticket").click()
    expect(form.get_by_text("is open.")).to_be_visible()
    count = board.locator(".queue").filter(has_text="Front desk").locator(".queue__waiting")
    expect(count).not_to_have_text("0 waiting")
    form.goto("/queue/l1/front")
    expect(form.get_by_role("link", name=title)).to_be_visible()


def test_who_is_available_is_given_work_told_on_any_page_and_shown_to_the_lead(open_page: OpenPage, desk: Desk) -> None:
    page = open_page("ben", "/escalated")
    with page.expect_response("**/v1/desk/changes"):  # from then on the page hears
        page.get_by_role("button", name="Available").click()
    expect(page.get_by_role("button", name="Available")).to_have_attribute("aria-pressed", "true")
    title = f"Given {uuid4()}"
    desk.report(title, category="urgent")
    page.get_by_role("link", name=title).click()
    expect_to_have_it(page)
    expect(page.get_by_text("Assigned to you", exact=True)).to_be_visible()
    lead = open_page("lea", "/people", width=390)
    expect(lead.locator(".person").filter(has_text="ben").locator(".standing")).to_have_text("Available")
    page.get_by_role("button", name="Away").click()
    expect(lead.locator(".person--alone").filter(has_text="ben")).to_contain_text("Away")  # by itself
    assert lead.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_no_page_has_a_serious_fault_for_whoever_cannot_see_or_point(open_page: OpenPage, desk: Desk) -> None:
    path = desk.report("To be looked at", text="A text", steps_tried=[{"step": "Off and on", "result": "No"}])
    page = open_page(None, "/login")
    faults = find_faults(page)
    page.context.add_cookies(desk.cookies_of("lea"))
    for address in (
        "/",
        "/queue/l1/front",
        path,
        "/open",
        "/overview",
        "/people",
        "/people/lea",
        "/escalated",
        "/keys",
        "/nothing",
    ):
        page.goto(address)
        faults += find_faults(page)
    page.goto(path)
    page.keyboard.press("c")
    expect_to_have_it(page)
    for key in ("r", "e", "f"):
        page.keyboard.press(key)
        expect(page.locator("#act form").get_by_role("textbox").first).to_be_visible()
        page.keyboard.press("Escape")
        faults += find_faults(page, "#act")
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    faults += find_faults(page, "dialog")
    assert faults == []


def test_hostile_texts_stay_what_they_are(open_page: OpenPage, desk: Desk) -> None:
    text = " ".join(HOSTILE)
    path = desk.report(
        text[:290],
        text=text,
        asset=text[:190],
        location=text[:190],
        contact=text[:190],
        affected=text,
        requester={"party": f"r-{uuid4()}", "name": text[:190]},
        steps_tried=[{"step": text[:290], "result": text}],
    )
    page = open_page("ann", path, width=390)
    page.keyboard.press("c")
    expect_to_have_it(page)
    page.keyboard.press("n")
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Noted.")).to_be_visible()
    expect(page.locator("#log")).to_contain_text(HOSTILE[4])
    expect(page.get_by_role("heading", level=1)).to_have_text(text[:290].strip())
    page.goto(f"{path}?do=escalate")
    page.get_by_label("What you found").fill(text)
    page.get_by_role("button", name="Escalate").click()
    expect(page.get_by_label("What you found")).to_have_value(text)
    page.goto("/open")
    for label in ("Name in the directory", "What is wrong, in a line", "In the caller's words", "Mail"):
        page.get_by_label(label, exact=False).first.fill(text[:150])
    page.get_by_role("button", name="Open the ticket").click()
    expect(page.get_by_role("link", name="Mail: An address has the form name@place.")).to_be_visible()


def test_single_keys_can_be_switched_off(open_page: OpenPage, desk: Desk) -> None:
    page = open_page("lea", "/keys")
    page.get_by_role("button", name="Switch single keys off").click()
    page.goto("/")
    page.keyboard.press("o")
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    assert page.url == f"{desk.url}/"
    assert page.locator("dialog[open]").count() == 0


def expect_to_have_it(page: Page) -> None:
    """Wait until the page says, by itself, that the router has confirmed the claim."""
    expect(page.locator("#head .owner")).to_have_text("You have it.")


def test_a_page_is_live_again_after_an_answer_that_was_no_stream(open_page: OpenPage, desk: Desk) -> None:
    page = open_page("ann")
    page.route("**/v1/desk/changes", lambda route: route.fulfill(status=503))
    page.reload()
    state = page.locator("#state")
    expect(state).to_have_text("Not live at the moment; trying again.")
    page.unroute("**/v1/desk/changes")
    expect(state).to_be_empty(timeout=15_000)
    desk.report("It is told again", impact=1, urgency=1)
    expect(page.get_by_text("It is told again").first).to_be_visible()
