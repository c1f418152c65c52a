"""The whole way in a real browser, without script: what the policy of our pages forbids shows nowhere else."""

import asyncio
import socket

import uvicorn
from playwright.async_api import async_playwright

from servers.installation import find_chromium

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]


async def test_a_browser_goes_to_the_provider_and_back_and_signs_out_of_both(gate):
    await gate.add("ana", has_password=False)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        gate.there.returns_to = f"{url}/login/company/return"
        gate.there.answers["/sign-out"] = lambda: (200, {"Content-Type": "text/html"}, b"<title>Out</title>")
        app = gate.build(public_url=url, link_by_login=True)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            page = await browser.new_page(java_script_enabled=False)
            noticed: list[str] = []
            page.on("console", lambda message: noticed.append(message.text))
            await page.goto(f"{url}/login?next=/password", timeout=60_000)
            await page.get_by_role("link", name="Sign in with Example & Co.").click()
            await page.wait_for_url(f"{url}/password")
            await page.get_by_role("button", name="Sign out").click()
            await page.wait_for_url(f"{gate.there.issuer}/sign-out?**")
            assert await page.title() == "Out"
            await page.goto(f"{url}/password")
            assert page.url.startswith(f"{url}/login?")
            await browser.close()
        server.should_exit = True
        await serving
    assert [text for text in noticed if "Content Security Policy" in text] == []
    assert gate.there.asked.count("/sign-out") == 1
    await gate.providers.close()
