"""The page in a real browser, without scripts: by keyboard alone, on small and wide screens, in light and dark."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Browser, Page

from tests.service.feedback.browser import chromium, served
from tests.service.feedback.test_page import BRANCHED, EVERY_TYPE
from tests.service.feedback.world import World, delivered

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

WCAG = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
SCREENS = {"wide": (1100, 800), "narrow": (320, 640)}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def link(world: World) -> AsyncIterator[str]:
    """The address of the survey of a delivered order."""
    async with served(world.service) as base:
        await world.take(delivered(at=world.now))
        yield base + await world.link()


async def test_d17_the_survey_is_answered_by_keyboard_alone(world: World, link: str, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(link)
    for key in ("Tab", "ArrowRight", "ArrowRight", "ArrowRight"):  # the first of the group, then on to 3
        await page.keyboard.press(key)
    await page.keyboard.press("Tab")
    await page.keyboard.type("Slow, but good")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Thank you!").wait_for()
    await context.close()
    (kept,) = await world.responses()
    assert kept["answers"] == {"nps": 3, "comment": "Slow, but good"}


async def test_what_was_left_out_is_pointed_at_and_reached_by_keyboard(
    world: World, link: str, browser: Browser
) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(link)
    await page.get_by_label("What is the main reason for your score?").fill("Kept & safe")
    await page.get_by_role("button", name="Send").press("Enter")
    await page.get_by_role("alert").wait_for()
    assert (await page.title()).startswith("Error: ")
    assert await page.get_by_label("What is the main reason for your score?").input_value() == "Kept & safe"
    await page.keyboard.press("Tab")  # the summary has the focus; its first link is next
    await page.keyboard.press("Enter")
    await page.keyboard.press("Space")
    await page.get_by_role("button", name="Send").press("Enter")
    await page.get_by_role("heading", name="Thank you!").wait_for()
    await context.close()
    assert [one["score"] for one in await world.responses()] == [0]


async def test_d17_it_is_answered_by_clicks_alone_and_asks_once(world: World, link: str, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{link}?nps=2")
    assert await page.get_by_role("radio", name="2", exact=True).is_checked()
    await page.get_by_role("radio", name="10", exact=True).click()
    await page.get_by_role("button", name="Send").click()
    await page.get_by_role("heading", name="Thank you!").wait_for()
    await page.go_back()
    await page.goto(link)
    await page.get_by_role("heading", name="You have already answered").wait_for()
    assert [one["score"] for one in await world.responses()] == [10]


async def test_a_branch_is_followed_back_and_forth(world: World, browser: Browser) -> None:
    await world.put_survey(BRANCHED)
    await world.take(delivered(at=world.now))
    async with served(world.service) as base:
        page = await browser.new_page()
        await page.goto(base + await world.link())
        await page.get_by_role("radio", name="3", exact=True).click()
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_label("What went wrong?").fill("All of it")
        await page.get_by_role("link", name="Back").click()
        assert await page.get_by_role("radio", name="3", exact=True).is_checked()
        await page.get_by_role("radio", name="9", exact=True).click()
        await page.get_by_role("button", name="Continue").click()
        await page.get_by_role("button", name="Send").click()
        await page.get_by_role("heading", name="Thank you!").wait_for()
    assert [one["answers"] for one in await world.responses()] == [{"nps": 9, "love": None}]


Step = Callable[[Page], Awaitable[None]]


async def nothing(_: Page) -> None:
    return


async def send_empty(page: Page) -> None:
    await page.locator("button[type=submit]").click()
    await page.get_by_role("alert").wait_for()


async def focus_a_number(page: Page) -> None:
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
async def test_every_page_fits_its_screen_and_has_no_accessibility_fault(
    world: World, browser: Browser, tmp_path: Path, screen: str, scheme: str
) -> None:
    """axe-core (WCAG 2.2 A and AA, contrast included) and no sideways scrolling, on every page and state."""
    await world.put_survey({"name": "All", "questions": EVERY_TYPE, "recontact_period": "P0D"}, "all")
    await world.take(delivered(at=world.now))
    rows = await world.rows("select invitation_id, survey_id from invitations")
    assert {row["survey_id"] for row in rows} == {"nps", "all"}
    width, height = SCREENS[screen]
    async with served(world.service) as base:
        asked = {one["survey_id"]: one["url"].replace("http://shop.test", base) for one in await world.requested()}
        first = next(iter(asked.values()))
        pages: dict[str, tuple[str, Step]] = {
            "survey": (first, nothing),
            "chosen": (first, focus_a_number),
            "errors": (first, send_empty),
            "german": (f"{first}?lang=de", nothing),
            "invalid": (f"{first}x", nothing),
        }
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            bypass_csp=True,  # only so that axe may be put into the page
        )
        for name, (address, step) in pages.items():
            page = await context.new_page()
            await page.goto(address)
            await step(page)
            await page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
            found = await Axe().run(page, options=WCAG)
            assert found.violations_count == 0, f"{name}\n{found.generate_report()}"
            overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, name
            await page.close()
        await context.close()


async def test_the_policy_lets_nothing_in_and_the_style_still_applies(link: str, browser: Browser) -> None:
    page = await browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await page.goto(link)
    background = await page.evaluate("getComputedStyle(document.querySelector('.button')).backgroundColor")
    assert background == "rgb(11, 93, 78)"
    await page.evaluate("fetch('https://example.com/').catch(() => null)")
    assert any("Content Security Policy" in text for text in complaints)
    assert {url for url in requests if not url.startswith("https://example.com")} == {link}
    sizes = await page.evaluate(
        "[...document.querySelectorAll('.pick span, .button, .languages a')].map(e => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 24
