"""The page for everybody: by keyboard alone, on a phone, in light and in dark."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Route, expect
from served import Served
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


async def focus_by_tab(page: Page, name: str, key: str = "Tab", most: int = 25) -> None:
    """Press Tab until what has a name (its label or text) is focused, and is seen to be."""
    for _ in range(most):
        await page.keyboard.press(key)
        focused, outlined = await page.evaluate(FOCUSED)
        if name in focused:
            assert outlined, f"{name} has the focus, and nothing shows it"
            return
    raise AssertionError(f"{name} is not reached with {key}")


FOCUSED = """() => {
  const node = document.activeElement;
  const shown = [node, node.closest("form")].some((one) => one && getComputedStyle(one).outlineStyle !== "none");
  const name = node.matches("a, button, input, textarea, select, summary") ? node.textContent : "";
  return [node.getAttribute("aria-label") ?? name, shown];
}"""


async def test_everything_is_done_by_keyboard(watched: Watched) -> None:
    page = await watched.open()
    await expect(page.get_by_role("heading", name="Meridian Desk")).to_be_visible()
    await focus_by_tab(page, "Skip to the content")
    await focus_by_tab(page, "Write a message")
    await page.keyboard.type("can I change or cancel my flight")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Ask about our terms")).to_be_visible()
    await expect(page.locator("#announcer")).to_contain_text("Do you want to")
    await focus_by_tab(page, "Ask about our terms", "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".quote")).to_be_visible()
    await expect(page.get_by_label("Write a message")).to_be_focused()
    await focus_by_tab(page, "Open the source", "Shift+Tab")
    await page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    await expect(sheet.locator("mark")).to_be_visible()
    await expect(sheet.get_by_role("button", name="Close")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await focus_by_tab(page, "Desk", "Shift+Tab", most=40)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Desk", exact=True)).to_be_visible()
    await focus_by_tab(page, "Runs")
    await page.keyboard.press("Enter")
    await focus_by_tab(page, "Upload a batch")
    assert (await page.title()).endswith("Runs · Meridian Desk")


async def fits_a_phone(page: Page) -> None:
    """Nothing is wider than the screen, and all that can be pressed is large enough for a thumb."""
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    assert await page.evaluate(OUTSIDE) == []
    assert await page.evaluate(SMALL) == []
    assert await page.evaluate(CUT) == []


OUTSIDE = """() => [...document.querySelectorAll("body *:not(.skip, .unseen)")].filter((node) => {
  const box = node.getBoundingClientRect();
  return box.width && box.height && (box.right > 360.5 || box.left < -0.5);
}).map((node) => node.outerHTML.slice(0, 120))"""

SMALL = """() => [...document.querySelectorAll("button, a, input, select, textarea, summary")].filter((node) => {
  const box = node.getBoundingClientRect();
  return box.width && !node.matches(".skip, .unseen") && (box.height < 43.5 || box.width < 43.5);
}).map((node) => node.outerHTML.slice(0, 120))"""


CUT = """() => [...document.querySelectorAll("input[placeholder], select")].filter((node) => {
  const style = getComputedStyle(node);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const text = node.matches("select") ? node.selectedOptions[0].text : node.placeholder;
  const room = node.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return node.offsetWidth && pen.measureText(text).width > room + 1;
}).map((node) => node.outerHTML.slice(0, 120))"""


async def test_an_operators_bar_fits_a_phone_whatever_waits(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url, **PHONE)

    async def many(route: Route) -> None:
        await route.fulfill(
            json={"cases": [], "next": None, "counts": {"open": 6000, "taken": 0, "mine": 0, "found": 0}}
        )

    await page.route("**/desk?limit=0", many)
    await page.get_by_role("dialog").get_by_label("Access token", exact=True).fill("operator-at-work")
    await page.get_by_role("dialog").locator("button[type=submit]").click()
    await expect(page.locator("#waiting")).to_have_text("999+")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await fits_a_phone(page)


async def test_on_a_phone_all_of_it_fits(watched: Watched) -> None:
    page = await watched.open(**PHONE)
    await expect(page.get_by_role("heading", name="Meridian Desk")).to_be_visible()
    await fits_a_phone(page)
    await watched.shoot(page, "phone_welcome")
    box = page.get_by_label("Write a message")
    await box.fill("can I change or cancel my flight")
    await page.get_by_role("button", name="Send").tap()
    terms = page.get_by_role("button", name="Ask about our terms")
    await expect(terms).to_be_visible()
    await fits_a_phone(page)
    await terms.tap()
    await expect(page.locator(".quote")).to_be_visible()
    await fits_a_phone(page)
    await watched.shoot(page, "phone_answer")
    await page.locator(".source").tap()
    await expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    await fits_a_phone(page)
    await watched.shoot(page, "phone_source")
    await page.get_by_role("button", name="Close").tap()
    for text in ("aVeryLongWordWithoutAnySpace" * 12, "Your crew was unbelievably rude to my mother yesterday."):
        await box.fill(text)
        await expect(page.get_by_role("button", name="Send")).to_be_enabled()
        await page.get_by_role("button", name="Send").tap()
    await expect(page.locator(".event").last).to_be_visible()
    await fits_a_phone(page)
    await page.get_by_role("link", name="Desk").tap()
    card = page.locator(".card-link").first
    await expect(card).to_be_visible()
    await fits_a_phone(page)
    await watched.shoot(page, "phone_desk")
    await card.tap()
    await expect(page.get_by_role("article", name="Case").locator(".turn").first).to_be_visible()
    await fits_a_phone(page)
    await watched.shoot(page, "phone_case")
    await page.get_by_role("link", name="Runs").tap()
    await expect(page.get_by_role("button", name="Upload a batch")).to_be_visible()
    line = b'{"custom_id": "aRatherLongNameOfARecord-0123456789-0123456789", "text": "cancel my flight"}\n'
    await page.set_input_files("input[type=file]", files=[{"name": "b", "mimeType": "text/plain", "buffer": line}])
    await expect(page.locator("tbody tr")).to_have_count(1)
    await fits_a_phone(page)
    await watched.shoot(page, "phone_run")
    await page.get_by_role("link", name="Index").tap()
    await expect(page.get_by_label("Search the index")).to_be_visible()
    await fits_a_phone(page)
    await watched.shoot(page, "phone_index")


# WCAG 2.2, 1.4.3: contrast of each piece of text with what is behind it; 4.5 : 1, of large text 3 : 1.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !node.checkVisibility() || node.closest(".unseen, .skip, noscript")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(rgba(style.color)), light(behind(node))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${style.color} ${node.textContent.slice(0, 40)}`);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_is_legible(watched: Watched, scheme: str) -> None:
    page = await watched.open(color_scheme=scheme)
    await expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    await page.get_by_role("button", name="I want to make a complaint").or_(page.locator(".example").last).first.click()
    await expect(page.locator(".turn:not(.customer):not(.steps)")).not_to_have_count(0)
    box = page.get_by_label("Write a message")
    await box.fill("Fly me to Goa on 5 December")
    await box.press("Enter")
    await expect(page.locator(".choice").first).to_be_visible()
    await watched.shoot(page, f"chat_{scheme}")
    assert await page.evaluate(FAINT) == []
    await page.get_by_role("button", name="How this came about").last.click()
    await expect(page.get_by_role("dialog").locator(".steps")).to_be_visible()
    await watched.shoot(page, f"receipt_{scheme}")
    assert await page.evaluate(FAINT) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Runs").click()
    await page.locator(".card-link").first.click()
    await expect(page.locator("tbody tr").first).to_be_visible()
    await watched.shoot(page, f"runs_{scheme}")
    assert await page.evaluate(FAINT) == []


async def test_colours_follow_the_system_until_somebody_chooses(watched: Watched) -> None:
    page = await watched.open(color_scheme="dark")
    root = page.locator("html")
    await page.emulate_media(color_scheme="light")
    await expect(root).to_have_attribute("data-theme", "light")
    await page.get_by_role("button", name="Dark colours").click()
    await expect(root).to_have_attribute("data-theme", "dark")
    await page.reload()
    await expect(root).to_have_attribute("data-theme", "dark")
    await expect(page.get_by_role("button", name="Light colours")).to_be_visible()
