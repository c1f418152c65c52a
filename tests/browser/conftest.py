"""A whole desk in one process, people with accounts, and one browser for all."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browser.desk import Desk
from e2e.whole_desk import OTHER, OWN, WholeDesk, migrated_database
from servers.installation import find_chromium
from servers.postgres import DatabaseServer

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
"""The test's user may be root; nothing is asked of the network but the desk."""
PATIENCE_MILLISECONDS = 15_000


@pytest.fixture(scope="module")
def desk(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """All services in this process, a policy, and the accounts of `browser.desk`."""
    with migrated_database(database_server) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERDESK_DESK_GROUPS", "front,given,networks")
        whole = WholeDesk(tmp_path_factory.mktemp("desk"), url, tenants=(OWN, OTHER), default_tenant=OWN)
        whole.start()
        try:
            yield Desk.furnish(whole)
        finally:
            whole.stop()


@pytest.fixture(scope="module")
def chromium(desk: Desk) -> Iterator[Browser]:
    """It ends with its module: while its driver runs, no other test of this process can have an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, desk: Desk) -> Iterator[Callable[..., Page]]:
    """Opens a page for somebody, signed in already, in a browser profile of its own. In the end nothing may have run
    that is not ours: no dialog, no error of a script, no report of the content security policy.
    """
    contexts: list[BrowserContext] = []
    noticed: list[str] = []

    def build(name: str | None = None, path: str = "/", *, width: int = 1280, **options: object) -> Page:
        context = chromium.new_context(
            base_url=desk.url, viewport={"width": width, "height": 900}, locale="en-GB", **options
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        if name is not None:
            context.add_cookies(desk.cookies_of(name))
        page = context.new_page()
        page.on("dialog", lambda dialog: (noticed.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: noticed.append(f"script: {error}"))
        page.on("console", lambda message: _note(noticed, message.text))
        page.goto(path)
        return page

    yield build
    for context in contexts:
        context.close()
    assert noticed == []


def _note(noticed: list[str], text: str) -> None:
    if "Content Security Policy" in text or "Refused to" in text:
        noticed.append(text)
