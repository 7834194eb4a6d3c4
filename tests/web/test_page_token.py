"""The page of a service that wants a token: it asks for one, sends it, and shows what its role may see."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect
from served import Served
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def give(page: Page, token: str) -> None:
    await page.get_by_label("Access token", exact=True).last.fill(token)
    await page.get_by_role("button", name="Use it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_token_is_asked_for_and_its_role_decides_what_is_shown(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url)
    await page.get_by_role("button", name="What is your baggage allowance?").click()
    await expect(page.get_by_role("dialog", name="Access token")).to_be_visible()
    await watched.shoot(page, "token")
    await give(page, "customer-of-ours")
    await page.get_by_role("button", name="What is your baggage allowance?").click()
    await expect(page.locator(".quote")).to_be_visible()
    await expect(page.get_by_role("link", name="Desk")).to_be_hidden()
    address = page.url
    await page.reload()
    await expect(page.locator(".quote")).to_be_visible()

    stranger = await watched.open(guarded.url)
    await stranger.get_by_role("button", name="Access token").click()
    await give(stranger, "another-customer")
    await stranger.goto(address)
    await expect(stranger.get_by_role("heading", name="Meridian Desk")).to_be_visible()
    await expect(stranger.locator(".turn")).to_have_count(0)

    await stranger.get_by_role("button", name="Access token").click()
    await give(stranger, "operator-at-work")
    await stranger.get_by_role("link", name="Desk").click()
    await expect(stranger.get_by_text("Nothing waits for a person.")).to_be_visible()
