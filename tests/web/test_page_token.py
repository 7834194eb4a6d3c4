"""The page of a service that wants a token: it asks for one, sends it, and shows what its role may see."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect
from served import Served
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def give(page: Page, token: str) -> None:
    dialog = page.get_by_role("dialog")  # a button of the page has the same label, and is there before it
    await dialog.get_by_label("Access token", exact=True).fill(token)
    await dialog.locator("button[type=submit]").click()


async def late(route: Route) -> None:
    await asyncio.sleep(1)
    await route.continue_()


async def test_a_token_is_asked_for_and_its_role_decides_what_is_shown(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url)
    dialog = page.get_by_role("dialog")
    await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    await expect(page.locator("#signal")).to_have_attribute("data-state", "lost")
    await watched.shoot(page, "token")
    for wrong in ("no-such-token", "pässword"):
        await give(page, wrong)
        await expect(dialog.get_by_role("alert")).to_contain_text("does not know that token")
        await expect(page.locator("#signal")).to_have_attribute("data-state", "lost")
    await watched.shoot(page, "token_wrong")
    await give(page, "customer-of-ours")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("img", name="Connected")).to_be_visible()
    await page.get_by_role("button", name="What is your baggage allowance?").click()
    await expect(page.locator(".quote")).to_be_visible()
    await expect(page.get_by_role("link", name="Desk")).to_be_hidden()
    address = page.url
    await page.reload()
    await expect(page.locator(".quote")).to_be_visible()

    stranger = await watched.open(guarded.url)
    await give(stranger, "another-customer")
    await expect(stranger.get_by_role("dialog")).to_have_count(0)
    await stranger.goto(address)
    await expect(stranger.get_by_role("heading", name="Meridian Desk")).to_be_visible()
    await expect(stranger.locator(".turn")).to_have_count(0)

    await stranger.get_by_role("button", name="Access token").click()
    await give(stranger, "operator-at-work")
    await stranger.get_by_role("link", name="Desk").click()
    await expect(stranger.get_by_text("Nothing waits for a person.")).to_be_visible()
    await stranger.get_by_role("button", name="Access token").click()
    await expect(stranger.get_by_role("dialog")).to_contain_text("You are Ines, an operator.")
    await watched.shoot(stranger, "signed_in")
    await stranger.get_by_role("button", name="Sign out").click()
    await expect(stranger.get_by_role("dialog", name="Sign in")).to_be_visible()
    await expect(stranger.get_by_role("link", name="Desk")).to_be_hidden()
    await expect(stranger.locator("#signal")).to_have_attribute("data-state", "lost")
    await stranger.reload()
    await expect(stranger.get_by_role("dialog", name="Sign in")).to_be_visible()


async def test_nothing_that_was_typed_is_left_for_whoever_signs_in_next(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url)
    await give(page, "customer-of-ours")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    box = page.get_by_label("Write a message")
    await box.fill("my card ends in 4711")
    await page.get_by_role("button", name="Access token").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    await expect(box).to_have_value("")
    await give(page, "another-customer")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await box.fill("and mine in 1147")
    await page.get_by_role("button", name="Access token").click()
    await give(page, "operator-at-work")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.reload()
    await expect(box).to_have_value("")
    assert await page.evaluate("sessionStorage.length") == 0


async def test_what_is_said_at_once_after_signing_in_is_sent(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url)
    await page.route(re.compile("/(app|conversations)$"), late)
    await give(page, "customer-of-ours")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("button", name="What is your baggage allowance?").click()
    await expect(page.locator(".quote blockquote")).to_contain_text("baggage allowance is 15 kg")


async def test_what_somebody_unknown_wrote_is_in_the_box_after_signing_in(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url)
    await page.get_by_role("button", name="Cancel", exact=True).click()
    box = page.get_by_label("Write a message")
    await box.fill("is there a fee for a pet in the cabin")
    await box.press("Enter")
    await expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    await give(page, "customer-of-ours")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(box).to_have_value("is there a fee for a pet in the cabin")


async def test_what_is_not_sent_before_one_goes_elsewhere_is_in_the_box(watched: Watched) -> None:
    page = await watched.open()
    await page.route(re.compile("/conversations$"), late)
    box = page.get_by_label("Write a message")
    await box.fill("is there a fee for a pet in the cabin")
    await box.press("Enter")
    await page.get_by_role("link", name="Desk").click()
    await expect(page.get_by_text("Nothing waits for a person.").or_(page.locator(".card-link").first)).to_be_visible()
    await asyncio.sleep(1.5)
    await page.get_by_role("link", name="Chat").click()
    await expect(box).to_have_value("is there a fee for a pet in the cabin")
