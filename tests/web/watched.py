"""Watched: pages in a real browser, and the proof that no script ran on them but the page's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page

# Every way in which a text of ours would show that it had become a script, and every refusal of the browser's.
_WATCH = """
window.ran = [];
window.refused = [];
for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => { window.ran.push(`${name} ${text}`); };
document.addEventListener("securitypolicyviolation", (event) => {
  window.refused.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
_FOREIGN = """() => [...document.querySelectorAll(
  "script:not([src^='web/']), link:not([href^='web/']), style, [style], img, iframe, object, embed, base," +
  "[onerror], [onload], [onclick], [ontoggle], [href^='javascript:']"
)].map((node) => node.outerHTML)"""
_SETTLED = """() => Promise.all(document.getAnimations()
  .filter((one) => one.effect.getTiming().iterations === 1).map((one) => one.finished))"""


class Watched:
    """Opens pages; `check` looks at what happened on all of them."""

    def __init__(self, browser: Browser, url: str, shots: Path) -> None:
        self.url = url
        self._browser = browser
        self._shots = shots
        self._pages: list[Page] = []
        self._problems: list[str] = []

    async def open(self, at: str = "/", **context: Any) -> Page:
        """A page of a person of their own (nothing stored), at a path such as "/#/desk", or on another server."""
        options = {"viewport": {"width": 1280, "height": 800}, **context}
        page = await (await self._browser.new_context(**options)).new_page()
        page.set_default_timeout(60_000)
        await page.add_init_script(_WATCH)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._problems.append(f"error {error}"))
        page.on("request", lambda request: self._requested(request.url))
        self._pages.append(page)
        await page.goto(at if at.startswith("http") else self.url + at)
        return page

    async def shoot(self, page: Page, name: str) -> None:
        """Keep what the page looks like, when its movements have ended."""
        await page.evaluate(_SETTLED)
        # Hiding the caret would take a style element.
        await page.screenshot(path=self._shots / f"{name}.png", caret="initial")

    async def check(self) -> None:
        """Nothing ran, nothing was refused, nothing was fetched from elsewhere. Closes the pages."""
        for page in self._pages:
            assert await page.evaluate("window.ran") == []
            assert await page.evaluate("window.refused") == []
            assert await page.evaluate(_FOREIGN) == []
            assert await page.evaluate("document.scripts.length") == 2
            await page.context.close()
        assert self._problems == []

    def _heard(self, message: ConsoleMessage) -> None:
        # A request that fails is told on the page, in words; the browser notes it as well.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self._problems.append(f"console {message.text}")

    def _requested(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            self._problems.append(f"request {url}")
