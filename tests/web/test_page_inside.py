"""What operators look into on the page: prompts, figures, the index; and how ends are worded."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Page, expect
from served import Served
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINES = [
    {"custom_id": "pet", "text": "is there a fee for a pet in the cabin"},
    {"custom_id": "rude", "text": "Your crew was unbelievably rude to my mother yesterday."},
    {"custom_id": "weather", "text": "what will the weather be like tomorrow"},
]


async def uploaded(page: Page) -> None:
    content = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    batch = {"name": "three.jsonl", "mimeType": "application/jsonl", "buffer": content}
    await page.set_input_files("input[type=file]", files=[batch])
    await expect(page.get_by_role("article", name="Run").get_by_role("img", name="3 of 3 done")).to_be_visible()


async def test_a_runs_figures_and_the_inside_of_its_records(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    await uploaded(page)
    run = page.get_by_role("article", name="Run")
    sheet = page.get_by_role("dialog")
    await run.get_by_role("button", name="Figures").click()
    await expect(sheet.get_by_role("row", name="Complain With a person 1 1")).to_be_visible()
    await expect(sheet.get_by_role("table", name="How long records took").locator("tbody tr")).not_to_have_count(0)
    await watched.shoot(page, "figures")
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)

    # Who asked for something else was answered, and not served; who was handed over was not told so by the assistant.
    await expect(run.get_by_role("row", name="weather").get_by_text("Declined")).to_be_visible()
    await run.get_by_role("link", name="rude").click()
    await expect(sheet.locator(".event")).to_contain_text("Handed over: customer care")
    await expect(sheet.locator(".turn.assistant")).to_have_count(0)

    await sheet.get_by_role("button", name="What happened inside").click()
    inside = sheet.last
    await inside.get_by_text("Filling in").first.click()
    await expect(inside.locator("details[open]").get_by_label("Prompt, user")).to_contain_text("rude to my mother")
    await expect(inside.locator("details[open]").get_by_label("Gave")).to_contain_text("finish_reason")
    await watched.shoot(page, "inside")
    await page.go_back()  # closes the upper one, and not the one below it
    await expect(sheet).to_have_count(1)
    await page.go_back()
    await expect(sheet).to_have_count(0)


async def test_the_index_is_searched_and_says_why(watched: Watched) -> None:
    page = await watched.open("/#/index")
    await expect(page.get_by_text("Passages will be here")).to_be_visible()
    box = page.get_by_label("Search the index")
    await box.fill("can I bring my dog?")
    await box.press("Enter")
    hits = page.locator(".hit")
    await expect(hits).to_have_count(8)
    await expect(hits.first).to_contain_text("by meaning")
    await expect(page.get_by_text("passages fit the condition")).to_be_visible()
    await watched.shoot(page, "index")
    await page.reload()  # what was asked has an address
    await expect(hits).to_have_count(8)
    await page.get_by_label("Searched by").select_option("lexical")
    await page.get_by_label("How many").select_option("4")
    await page.get_by_role("button", name="Search").click()
    await expect(hits).to_have_count(4)
    await page.get_by_label("Condition on metadata").fill("lang ==")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("alert")).to_contain_text("write it like")
    await expect(hits).to_have_count(0)


async def test_a_customer_is_shown_neither_prompts_nor_the_index(watched: Watched, guarded: Served) -> None:
    page = await watched.open(guarded.url + "/#/index")
    await page.get_by_role("textbox", name="Access token").fill("customer-of-ours")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("img", name="Connected")).to_be_visible()
    await page.get_by_role("button", name="What is your baggage allowance?").click()
    await expect(page.locator(".quote blockquote")).to_contain_text("baggage allowance is 15 kg")
    await page.get_by_role("button", name="How this came about").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Step by step")
    await expect(page.get_by_role("button", name="What happened inside")).to_have_count(0)
    await expect(page.get_by_role("link", name="Index")).to_be_hidden()


async def test_a_price_is_one_value_with_its_currency(watched: Watched) -> None:
    page = await watched.open()
    box = page.get_by_label("Write a message")
    await box.fill("Fly me to Goa on 2026-12-05")
    await box.press("Enter")
    await page.get_by_role("button", name="Yes").click()
    ticket = page.locator(".ticket")
    await expect(ticket).to_contain_text(" INR")
    await expect(ticket).not_to_contain_text("Currency")
