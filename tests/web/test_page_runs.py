"""Runs on the page: steered, renamed, searched and taken away; every record has an address."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Locator, Page, expect
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINES = [
    {"custom_id": "when", "text": "a flight to Goa"},
    {"custom_id": "rude", "text": "Your crew was unbelievably rude to my mother yesterday."},
    {"custom_id": "pet", "text": "is there a fee for a pet in the cabin"},
]


async def upload(page: Page, name: str, content: str) -> None:
    batch = {"name": name, "mimeType": "application/jsonl", "buffer": content.encode()}
    await page.set_input_files("input[type=file]", files=[batch])


def lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


async def test_a_run_is_paused_gone_on_with_and_cancelled(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    many = [{"custom_id": f"pet {number}", "text": "is there a fee for a pet in the cabin"} for number in range(400)]
    await upload(page, "many pets.jsonl", lines(many))
    run = page.get_by_role("article", name="Run")
    await expect(run.get_by_role("heading", name="many pets.jsonl")).to_be_visible()
    await expect(run).to_contain_text("left")
    await run.get_by_role("button", name="Pause").click()
    await expect(run.get_by_text("Paused", exact=True)).to_be_visible()
    await expect(run.get_by_role("button", name="Pause")).to_have_count(0)
    await watched.shoot(page, "run_paused")
    await run.get_by_role("button", name="Go on").click()
    await expect(run.get_by_role("button", name="Pause")).to_be_visible()
    await run.get_by_role("button", name="Cancel").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    await expect(run.get_by_text("Cancelled", exact=True)).to_be_visible()
    assert "400 of 400" not in await run.inner_text()


async def test_a_run_is_renamed_its_records_are_found_and_it_is_deleted(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    await upload(page, "monday.jsonl", lines(LINES) + "no JSON\n")
    run = page.get_by_role("article", name="Run")
    await expect(run.get_by_role("img", name="3 of 3 done")).to_be_visible()

    await run.get_by_role("button", name="1 unread line").click()
    sheet = page.get_by_role("dialog")
    await expect(sheet.get_by_role("row", name="4 The line is not JSON.")).to_be_visible()
    await watched.shoot(page, "run_unread")
    await page.keyboard.press("Escape")

    await run.get_by_role("button", name="Rename").click()
    await page.get_by_role("textbox", name="Name of the run").fill("First <b>Monday</b>")
    await page.keyboard.press("Enter")
    await expect(run.get_by_role("heading", name="First <b>Monday</b>")).to_be_visible()
    await expect(page.locator(".list").get_by_text("First <b>Monday</b>")).to_be_visible()

    rows = run.locator("tbody tr")
    await run.get_by_label("Search records").fill("mother rude")
    await expect(rows).to_have_count(1)
    await run.get_by_label("Search records").fill("nobody wrote this")
    await expect(run.get_by_text("No record has “nobody wrote this” in it.")).to_be_visible()
    await run.get_by_label("Search records").fill("")
    await run.get_by_label("Intent").select_option("complain")
    await expect(rows).to_have_count(1)
    await run.get_by_label("Intent").select_option("")
    await run.get_by_label("Order").select_option("name")
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("pet")

    # Each record has an address; Back goes where one came from.
    before = page.url
    await run.get_by_role("link", name="rude").click()
    await expect(sheet).to_contain_text("With a person")
    record = page.url
    await page.go_back()
    await expect(sheet).to_have_count(0)
    assert page.url == before
    other = await watched.open(record.removeprefix(watched.url))
    await expect(other.get_by_role("dialog")).to_contain_text("With a person")

    await run.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete the run").click()
    await expect(run).to_have_count(0)
    await expect(page.locator(".list").get_by_text("First <b>Monday</b>")).to_have_count(0)
    await expect(other.get_by_text("There is no such run (any more).")).to_be_visible()


async def test_what_is_filtered_and_searched_is_there_again_after_a_reload_and_going_back(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    rows = [LINES[-1], {"custom_id": "weather", "text": "What will the weather be like in Goa tomorrow?"}]
    await upload(page, "other.jsonl", lines(LINES[-1:]))
    await expect(page.get_by_role("article", name="Run").get_by_role("heading", name="other.jsonl")).to_be_visible()
    await upload(page, "narrowed.jsonl", lines(rows))
    run = page.get_by_role("article", name="Run")
    # Who was told that this is not done here was answered, and not served: no green of the bar is theirs.
    await expect(run.get_by_role("img", name="2 of 2 done; Completed 1, Declined 1, Waits")).to_be_visible()
    await run.get_by_role("button", name="Completed 1").click()
    await expect(run.locator("tbody tr")).to_have_count(1)
    await expect(run.locator("tbody tr")).to_contain_text("pet")
    await run.get_by_role("button", name="Declined 1").click()
    await run.get_by_label("Intent").select_option("out_of_scope")
    await run.get_by_label("Order").select_option("slowest")
    await run.get_by_label("Search records").fill("weather")
    await expect(run.locator("tbody tr")).to_have_count(1)
    await expect(page).to_have_url(re.compile(r"\?status=declined&intent=out_of_scope&sort=slowest&q=weather$"))

    async def as_before(run: Locator) -> None:
        await expect(run.get_by_role("button", name="Declined 1")).to_have_attribute("aria-pressed", "true")
        await expect(run.get_by_label("Intent")).to_have_value("out_of_scope")
        await expect(run.get_by_label("Order")).to_have_value("slowest")
        await expect(run.get_by_label("Search records")).to_have_value("weather")
        await expect(run.locator("tbody tr")).to_have_count(1)

    await page.reload()
    await as_before(run)
    await run.get_by_role("link", name="weather").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Declined")
    await page.reload()  # the record's own address has it, too
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await as_before(run)
    await page.get_by_role("link", name="Chat").click()
    await expect(page.get_by_label("Write a message")).to_be_visible()
    await page.go_back()
    await as_before(run)
    # Another run is looked at from the beginning, and the list keeps what it shows.
    await page.get_by_label("Search runs").fill("narrowed")
    await expect(page.locator(".list .card-link")).to_have_count(1)
    await page.reload()
    await expect(page.get_by_label("Search runs")).to_have_value("narrowed")
    await expect(page.locator(".list .card-link")).to_have_count(1)
    await expect(page.locator(".list").get_by_role("img", name="Completed 1, Declined 1")).to_be_visible()
    await as_before(run)

    # What is not there is said in words for people, not in routes for programs.
    await page.goto(f"{page.url.split('?')[0]}%2Fnobody")
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("There is no such record.")


async def test_the_desk_and_the_index_keep_what_was_asked_of_them(watched: Watched) -> None:
    page = await watched.open("/#/desk")
    await page.get_by_role("button", name="Closed").click()
    await page.get_by_label("Search cases").fill("nobody wrote this")
    await expect(page.get_by_text("No case has “nobody wrote this” in it.")).to_be_visible()
    await page.get_by_role("link", name="Index").click()
    await page.get_by_label("Search the index").fill("bicycles")
    await page.get_by_label("Searched by").select_option("lexical")
    await page.get_by_label("How many").select_option("4")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator(".hit")).not_to_have_count(0)
    await page.reload()
    await expect(page.locator(".hit")).not_to_have_count(0)
    await expect(page.get_by_label("Searched by")).to_have_value("lexical")
    await expect(page.get_by_label("How many")).to_have_value("4")
    await page.go_back()  # from the answer to the form
    await page.go_back()
    await expect(page.get_by_role("button", name="Closed")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_label("Search cases")).to_have_value("nobody wrote this")
