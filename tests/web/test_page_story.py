"""A customer and an operator, from a vague request to a person's answer, on a server that is killed in between."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect
from served import Served
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def say(page: Page, text: str) -> None:
    box = page.get_by_label("Write a message")
    await box.fill(text)
    await box.press("Enter")


async def test_a_conversation_from_a_vague_request_to_a_persons_answer(watched: Watched, served: Served) -> None:
    page = await watched.open()
    await say(page, "can I change or cancel my flight")
    terms = page.get_by_role("button", name="Ask about our terms")
    await expect(terms).to_be_visible()
    await watched.shoot(page, "question")

    # The server is gone while the question is open; the answer is given, and waits for the server to be back.
    await served.kill()
    await expect(page.locator("#notice")).to_contain_text("Reconnecting")
    await expect(page.get_by_role("img", name="Reconnecting")).to_be_visible()
    await terms.click()
    await asyncio.sleep(0.5)
    await served.start()
    quote = page.locator(".quote blockquote")
    await expect(quote).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("img", name="Connected")).to_be_visible()
    await expect(page.locator("#notice")).to_be_hidden()
    await expect(page.locator(".turn.customer")).to_have_count(2)
    await expect(page.locator(".turn[data-sending]")).to_have_count(0)

    # What was done is folded into one line, and opens again.
    fold = page.locator(".fold").last
    await expect(fold).to_contain_text("steps")
    await fold.click()
    await expect(page.locator(".log").get_by_text("Reading our terms…")).to_be_visible()
    await watched.shoot(page, "answer")

    # The quote stands in its source, word for word, under its heading.
    source = page.locator(".source")
    await source.click()
    sheet = page.get_by_role("dialog")
    await expect(sheet.locator("mark")).to_have_text(await quote.inner_text())
    await expect(sheet.locator(".place-line")).to_contain_text(".md › ")
    await watched.shoot(page, "source")
    await page.keyboard.press("Escape")
    await expect(sheet).to_have_count(0)
    await expect(source).to_be_focused()

    # How it came about: the gate's candidates, the steps with their tokens, the evidence.
    await page.get_by_role("button", name="How this came about").last.click()
    await expect(sheet).to_contain_text("What was understood")
    await expect(sheet.locator(".steps .station")).not_to_have_count(0)
    await expect(sheet).to_contain_text("tokens")
    await expect(sheet).to_contain_text("grammar: only valid text is possible")
    await watched.shoot(page, "receipt")
    await page.keyboard.press("Escape")

    # A complaint goes to a person, who sees it on the desk, and answers into this very page.
    await say(page, "Your crew was unbelievably rude to my mother yesterday.")
    await expect(page.locator(".log").get_by_text("A person takes over: customer care")).to_be_visible()
    desk = await watched.open("/#/desk")
    await desk.get_by_role("link", name="rude to my mother").last.click()  # the oldest comes first
    case = desk.get_by_role("article", name="Case")
    await expect(case.locator(".turn.customer").last).to_contain_text("rude to my mother")
    await expect(case.get_by_text("Step by step")).to_be_visible()
    await case.get_by_role("button", name="Take over").click()
    await expect(page.locator(".log").get_by_text("What you write now goes to them.")).to_be_visible()
    answer = case.get_by_label("Answer the customer")
    await answer.fill("I am sorry. We will call your mother today.")
    await answer.press("Enter")
    await expect(page.locator(".turn.operator")).to_contain_text("We will call your mother today.")
    await expect(case.locator(".turn.operator")).to_contain_text("We will call your mother today.")
    await watched.shoot(desk, "desk")
    await say(page, "Thank you, that is kind.")
    await expect(case.locator(".turn.customer").last).to_contain_text("that is kind")
    await case.get_by_role("button", name="Close case").click()
    await expect(case.get_by_text("Closed", exact=True)).to_be_visible()
    await expect(page.locator(".log").get_by_text("What you write now is a new request.")).to_be_visible()

    # Nothing of it is lost with the page, and nothing is there twice.
    before = await page.locator(".log").inner_text()
    await page.reload()
    await expect(page.locator(".log").get_by_text("What you write now is a new request.")).to_be_visible()
    assert await turns(page) == 10, before
    await expect(page.locator(".turn.operator")).to_have_count(1)
    await watched.shoot(page, "reloaded")


async def turns(page: Page) -> int:
    return await page.locator(".turn:not(.steps)").count()


async def test_a_missing_date_is_a_form_and_a_booking_needs_a_yes(watched: Watched) -> None:
    page = await watched.open()
    await say(page, "Fly me to Goa")
    day = page.locator(".answers input[type=date]")
    await expect(day).to_be_visible()
    await watched.shoot(page, "form")
    await day.fill("2026-12-05")
    await page.get_by_role("button", name="Answer", exact=True).click()
    await expect(page.locator(".turn.assistant").last).to_contain_text("Book Mumbai → Goa")
    await page.get_by_role("button", name="Yes").click()
    ticket = page.locator(".ticket")
    await expect(ticket).to_contain_text("Booked")
    await expect(ticket).to_contain_text("Sat, 5 Dec 2026")
    await watched.shoot(page, "booked")


async def test_what_is_left_unfinished_is_dropped_on_request(watched: Watched) -> None:
    page = await watched.open()
    await say(page, "Fly me to Goa")
    await page.get_by_role("button", name="Never mind").click()
    await expect(page.locator(".answers")).to_have_count(0)
    await expect(page.locator(".turn.assistant").last).to_contain_text("Nothing")


async def test_a_batch_by_upload_its_statuses_and_one_records_timeline(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    lines = [
        '{"custom_id": "bali", "text": "Book me a trip to Bali under 20k rupees for the upcoming weekend"}',
        '{"custom_id": "rude", "text": "Your crew was unbelievably rude to my mother yesterday."}',
        '{"custom_id": "when", "text": "a flight to Goa"}',
        "this is no JSON",
    ]
    batch = {"name": "batch.jsonl", "mimeType": "application/jsonl", "buffer": "\n".join(lines).encode()}
    await page.set_input_files("input[type=file]", files=[batch])
    run = page.get_by_role("article", name="Run")
    await expect(run).to_contain_text("Finished")
    await expect(run.get_by_role("img", name="3 of 3 done")).to_be_visible()
    await expect(run.locator("tbody tr")).to_have_count(3)
    await watched.shoot(page, "run")
    await run.get_by_role("button", name="With a person").click()
    await expect(run.locator("tbody tr")).to_have_count(1)
    await run.get_by_role("link", name="rude").click()
    sheet = page.get_by_role("dialog")
    await expect(sheet).to_contain_text("With a person")
    await expect(sheet.locator(".steps .station")).not_to_have_count(0)
    await expect(sheet).to_contain_text("tokens")
    await watched.shoot(page, "record")
    await page.keyboard.press("Escape")
    await run.get_by_role("button", name="All").click()
    await expect(run.locator("tbody tr")).to_have_count(3)
    async with page.expect_download() as download:
        await run.get_by_role("button", name="Results").click()
    assert (await (await download.value).path()).read_text().count('"custom_id"') == 3


async def test_an_upload_that_is_no_batch_is_refused_in_words(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    await page.set_input_files(
        "input[type=file]", files=[{"name": "x", "mimeType": "text/plain", "buffer": b"nonsense\n"}]
    )
    await expect(page.get_by_role("alert").first).not_to_be_empty()


async def test_a_conversation_that_nobody_knows_begins_anew(watched: Watched) -> None:
    page = await watched.open("/#/chat/0123456789abcdef")
    await expect(page.get_by_role("heading", name="Meridian Desk")).to_be_visible()
    await say(page, "is there a fee for a pet in the cabin")
    await expect(page.locator(".quote")).to_be_visible()
    assert "0123456789abcdef" not in page.url
