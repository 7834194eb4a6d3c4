"""A customer's own conversations: none is lost by beginning another one, and a person can be asked for in each."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_earlier_conversation_is_gone_on_with_and_handed_over(watched: Watched) -> None:
    page = await watched.open()
    box = page.get_by_label("Write a message")
    await box.fill("is there a fee for a pet in the cabin")
    await box.press("Enter")
    await expect(page.locator(".quote")).to_be_visible()
    address = page.url
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator(".turn")).to_have_count(0)
    await box.fill("What will the weather be like in Goa tomorrow?")
    await box.press("Enter")
    await expect(page.locator(".turn.assistant")).to_be_visible()
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator(".turn")).to_have_count(0)
    await box.fill("a draft")
    await page.reload()
    await expect(box).to_have_value("a draft")

    await page.get_by_role("button", name="Conversations", exact=True).click()
    sheet = page.get_by_role("dialog")
    # Who asked for what is not done here was answered, and not served.
    await expect(sheet.get_by_role("button", name="the weather be like").first).to_contain_text("Declined")
    await watched.shoot(page, "conversations")
    await sheet.get_by_role("button", name="a fee for a pet").first.click()
    await expect(page.locator(".quote")).to_be_visible()
    assert page.url == address
    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.locator(".log").get_by_text("A person takes over")).to_be_visible()
    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.get_by_text("A person has this already")).to_be_visible()
    desk = await watched.open("/#/desk")
    await expect(desk.locator(".card-link").filter(has_text="A person was asked for.").first).to_be_visible()


async def test_a_question_is_no_longer_asked_once_a_person_has_it(watched: Watched) -> None:
    page = await watched.open()
    box = page.get_by_label("Write a message")
    await box.fill("a flight to Goa")
    await box.press("Enter")
    panel = page.get_by_role("group", name="Answer: On which day")
    await expect(panel).to_be_visible()
    await page.get_by_role("button", name="Talk to a person").click()
    await expect(page.locator(".log").get_by_text("A person takes over")).to_be_visible()
    await expect(panel).to_have_count(0)
    await page.reload()
    await expect(page.locator(".log").get_by_text("A person takes over")).to_be_visible()
    await expect(panel).to_have_count(0)
