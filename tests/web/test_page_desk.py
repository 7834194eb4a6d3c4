"""The desk's story with a batch: upload, a question answered on the desk, the run goes on, its results."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Page, Route, expect
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINES = [
    {"custom_id": "when/1", "text": "a flight to Goa"},
    {"custom_id": "rude", "text": "Your crew was unbelievably rude to my mother yesterday."},
    {"custom_id": "pet", "text": "is there a fee for a pet in the cabin"},
]


async def upload(page: Page, *lines: dict[str, str]) -> None:
    content = "\n".join(json.dumps(line) for line in lines).encode()
    batch = {"name": "monday.jsonl", "mimeType": "application/jsonl", "buffer": content}
    await page.set_input_files("input[type=file]", files=[batch])


async def test_a_batchs_question_and_escalation_are_answered_on_the_desk(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    await upload(page, *LINES)
    run = page.get_by_role("article", name="Run")
    await expect(run.get_by_role("img", name="3 of 3 done")).to_be_visible()
    address = page.url

    desk = await watched.open("/#/desk")
    await expect(desk.locator("#waiting")).to_be_visible()
    assert (await desk.title()).startswith("(")
    await desk.get_by_label("Search cases").fill("flight to Goa")
    card = desk.get_by_role("link", name="On which day").last
    await expect(card).to_be_visible()
    await card.click()
    case = desk.get_by_role("article", name="Case")
    await expect(case.locator(".turn.customer")).to_contain_text("a flight to Goa")
    await watched.shoot(desk, "desk_question")
    await case.locator("input[type=date]").fill("2026-12-05")
    await case.get_by_role("button", name="Answer", exact=True).click()
    # The run asks on: whether to book.
    await expect(case.get_by_role("heading", name="Book Mumbai → Goa")).to_be_visible()
    await case.get_by_role("button", name="Yes").click()
    await expect(case.get_by_text("Closed", exact=True)).to_be_visible()
    await expect(case).to_contain_text("Answer: yes")

    await desk.get_by_label("Search cases").fill("rude to my mother")
    await desk.locator(".card-link[data-place$='/rude']").click()
    box = case.get_by_label("Say what came of it")
    await box.fill("We called her.")
    # What is typed stays, whatever is looked at meanwhile.
    await desk.reload()
    await expect(box).to_have_value("We called her.")
    await case.get_by_role("button", name="Close case").click()
    await expect(case).to_contain_text("Answer: We called her.")
    await watched.shoot(desk, "desk_closed")

    await page.goto(address)
    await expect(run.get_by_role("img", name="Completed 3")).to_be_visible()
    await run.get_by_role("link", name="when/1").click()
    assert page.url.endswith("%2Fwhen%2F1")
    sheet = page.get_by_role("dialog")
    await expect(sheet).to_contain_text("Booked")
    await page.go_back()
    await expect(sheet).to_have_count(0)
    await page.go_forward()
    await expect(sheet).to_contain_text("Booked")


async def test_the_desk_has_pages_which_the_address_keeps(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    await upload(page, *({"custom_id": f"paged {number}", "text": "a flight to Goa"} for number in range(5)))
    await expect(page.get_by_role("article", name="Run").get_by_role("img", name="5 of 5 done")).to_be_visible()

    async def two(route: Route) -> None:
        await route.continue_(url=route.request.url.replace("limit=50", "limit=2"))

    desk = await watched.open()
    await desk.route("**/desk?limit=50*", two)
    await desk.goto(f"{watched.url}/#/desk?q=paged")
    cards, pages = desk.locator(".card-link"), desk.get_by_role("navigation", name="Pages of cases")
    await expect(desk.get_by_text("5 cases")).to_be_visible()
    await expect(pages.get_by_role("button", name="Previous page")).to_be_disabled()
    first = await cards.first.get_attribute("data-place")
    for number in (2, 3):
        await pages.get_by_role("button", name="Next page").click()
        await expect(desk.get_by_text(f"5 cases, page {number}")).to_be_visible()
    await expect(cards).to_have_count(1)
    await expect(pages.get_by_role("button", name="Next page")).to_be_disabled()
    await desk.reload()
    await expect(desk.get_by_text("5 cases, page 3")).to_be_visible()
    await pages.get_by_role("button", name="Previous page").click()
    await expect(cards.first).to_have_attribute("data-place", str(first))

    # Answered one after the other: the next case is the one behind, also over the end of a page.
    seen = []
    case = desk.get_by_role("article", name="Case")
    await cards.first.click()
    for _ in range(5):
        await expect(case.locator("input[type=date]")).to_be_visible()
        seen.append(desk.url.split("?")[0].rpartition("paged%20")[2])
        await case.get_by_role("button", name="Never mind").click()
        await expect(case.get_by_text("Closed", exact=True)).to_be_visible()
        await case.get_by_role("button", name="Next case").click()
    assert sorted(seen) == list("01234")


async def test_what_waits_is_saved_and_its_answers_uploaded(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    await upload(page, LINES[0], LINES[1])
    run = page.get_by_role("article", name="Run")
    await expect(run.get_by_role("img", name="2 of 2 done")).to_be_visible()
    async with page.expect_download() as download:
        await run.get_by_role("button", name="Save what waits").click()
    waiting = [json.loads(line) for line in (await (await download.value).path()).read_text().splitlines()]
    answers = [{**row, "answer": "never mind" if row["kind"] == "question" else "We called her."} for row in waiting]
    content = "\n".join(json.dumps(row) for row in [*answers, {"custom_id": "none", "answer": "x"}]).encode()
    file = {"name": "answers.jsonl", "mimeType": "application/jsonl", "buffer": content}
    await run.get_by_label("File of answers").set_input_files(files=[file])
    await expect(run.get_by_role("status")).to_contain_text("2 answers given. Line 3:")
    await expect(run.get_by_role("img", name="Completed 2")).to_be_visible()
