"""The mailbox and the preference page in a real browser, narrow and wide, light and dark, without JavaScript."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.async_api import Page, async_playwright

from tests.service.notifications.world import World, ago, customer, order, points, shop, survey
from tests.support.waiting import eventually

CHROMIUM = "/usr/bin/chromium"
NO_LANDMARKS = {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}}
SIZES = {"wide": (1280, 900), "narrow": (375, 760)}


@contextlib.asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """The running service behind a real port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(world.service.app, port=port, lifespan="off", log_level="error"))
    running = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


async def picture(page: Page, folder: Path, name: str) -> None:
    """Keep a picture to look at (in ``COMEBACK_SCREENSHOTS`` where that is set), and check that nothing overflows."""
    folder = Path(os.environ.get("COMEBACK_SCREENSHOTS", folder))
    folder.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=folder / f"notifications-{name}.png", full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} pixels too wide"


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_the_pages_read_well_and_work_by_keyboard(world: World, tmp_path: Path, size: str, scheme: str) -> None:
    await world.tell(
        shop(url="https://roestwerk.example"),
        customer(),
        order(),
        order("1002", "c2"),
        order("900", at=ago(days=90)),
        points(),
        survey(),
    )
    messages = {one["workflow"]: one for one in await world.messages(customer_id="c1", order_id="1001")}
    preferences = (await world.get("customers/c1/preferences"))["url"].removeprefix("http://shop.test")
    async with served(world) as base, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        width, height = SIZES[size]
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]  # the parameter's two values are among those taken
            java_script_enabled=False,
        )
        page = await context.new_page()
        name = f"{size}-{scheme}"

        await page.goto(f"{base}/mailbox")
        await picture(page, tmp_path, f"mailbox-{name}")
        await page.get_by_role("link", name="Your order #1001 at Röstwerk").click()
        mail = page.frame_locator("iframe")
        assert await mail.get_by_role("heading", name="Thank you for your order").is_visible()
        assert await mail.get_by_role("cell", name="€69.90").is_visible()
        await picture(page, tmp_path, f"mail-{name}")
        for workflow in ("points_earned", "survey_invitation"):
            await page.goto(f"{base}/mailbox/{messages[workflow]['id']}")
            await picture(page, tmp_path, f"{workflow}-{name}")
        await page.goto(f"{base}/mailbox?show=unsent")
        await picture(page, tmp_path, f"unsent-{name}")

        await page.goto(base + preferences)
        surveys = page.get_by_role("switch", name="Questions about your purchase")
        assert await surveys.is_checked()
        await surveys.focus()
        await page.keyboard.press("Space")
        await page.get_by_role("button", name="Save", exact=True).focus()
        await page.keyboard.press("Enter")
        assert await page.get_by_role("status").inner_text() == "Your choice has been saved."
        assert not await surveys.is_checked()
        await picture(page, tmp_path, f"preferences-{name}")
        await browser.close()
    assert (await world.get("customers/c1/preferences"))["categories"]["surveys"] is False


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_barrier_on_any_page_or_in_any_mail(world: World, scheme: str) -> None:
    await world.tell(
        shop(url="https://roestwerk.example"), customer(), order(), order("1002", "c2"), points(), survey()
    )
    preferences = (await world.get("customers/c1/preferences"))["url"].removeprefix("http://shop.test")
    mails = [one["id"] for one in await world.messages(customer_id="c1")]
    assert len(mails) == 3
    paths = ["/mailbox", "/mailbox?show=unsent", preferences, f"{preferences}?saved=saved", "/p/none"]
    paths += [f"/mailbox/{one}{view}" for one in mails for view in ("", "?view=text", "?view=headers")]
    async with served(world) as base, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]  # the parameter's two values are among those taken
            extra_http_headers={"Accept": "text/html"},
        )
        page = await context.new_page()
        for path in paths:
            await page.goto(base + path)
            found = await Axe().run(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        for one in mails:
            # The mailbox's frame lets no script in, so the mail is looked at alone; landmarks are the mail program's.
            await page.set_content((await world.get(f"messages/{one}"))["mail"]["html"])
            found = await Axe().run(page, options={"rules": NO_LANDMARKS})
            assert found.violations_count == 0, f"{one}: {found.generate_report()}"
        await browser.close()
