"""Whatever people, passages, operators and batches write, the page shows it as text, and nothing runs."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Locator, expect
from poison import HEADING, NAME, PAYLOADS, SENTENCE, poisoned_batch
from served import Served
from watched import Watched

pytestmark = pytest.mark.asyncio(loop_scope="session")


def plain(text: str) -> str:
    """Without blanks: the service parts the tokens of chat templates by them."""
    return "".join(text.split())


async def words(shown: Locator) -> list[str]:
    return [plain(text) for text in await shown.all_inner_texts()]


async def test_what_a_customer_writes_is_shown_and_does_not_run(watched: Watched, served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        conversation = (await client.post("/conversations")).json()["id"]
        page = await watched.open(f"/#/chat/{conversation}")
        await expect(page.get_by_role("img", name="Connected")).to_be_visible()
        for payload in PAYLOADS:  # the page hears of each as it comes
            sent = await client.post(f"/conversations/{conversation}/messages", json={"text": payload})
            assert sent.status_code == 200, sent.text
    said = page.locator(".turn.customer .words")
    await expect(said).to_have_count(len(PAYLOADS))
    live = await words(said)
    await expect(page.locator(".turn.operator")).to_have_count(0)
    assert "Refund approved" not in " ".join(await page.locator(".turn.assistant .words").all_inner_texts())
    for payload in PAYLOADS:
        assert plain(payload) in live
    await watched.shoot(page, "injected")
    await page.reload()
    await expect(said).to_have_count(len(PAYLOADS))
    assert await words(said) == live
    await expect(page.locator("h1")).to_have_count(2)  # the view's and the hidden welcome's: none was added
    await expect(page.locator("form")).to_have_count(await page.locator("form.composer, form.answer-form").count())


async def test_what_an_operator_writes_is_shown_and_does_not_run(watched: Watched, served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        conversation = (await client.post("/conversations")).json()["id"]
        complaint = {"text": "I want to make a complaint about <b>markup</b>"}
        await client.post(f"/conversations/{conversation}/messages", json=complaint)
        record = next(
            one["record"] for one in (await client.get("/escalations")).json() if one["conversation"] == conversation
        )
        desk = await watched.open(f"/#/desk/{record}")
        page = await watched.open(f"/#/chat/{conversation}")
        for payload in PAYLOADS:
            answered = await client.post(f"/escalations/{record}/answer", json={"text": payload})
            assert answered.status_code == 200, answered.text
    for shown in (page, desk):
        said = shown.locator(".turn.operator .words")
        await expect(said).to_have_count(len(PAYLOADS))
        assert await words(said) == [plain(payload) for payload in PAYLOADS]
    await watched.shoot(desk, "desk_injected")


async def test_what_a_passage_holds_is_quoted_and_does_not_run(watched: Watched) -> None:
    page = await watched.open()
    box = page.get_by_label("Write a message")
    await box.fill("When does the airport lounge open in the morning?")
    await box.press("Enter")
    quote = page.locator(".quote blockquote")
    await expect(quote).to_have_text(SENTENCE)
    await page.locator(".source").click()
    sheet = page.get_by_role("dialog")
    await expect(sheet.locator("mark")).to_have_text(SENTENCE)
    await expect(sheet.locator(".place-line")).to_contain_text(NAME)
    await expect(sheet.locator(".place-line")).to_contain_text(HEADING)
    await watched.shoot(page, "source_injected")


async def test_what_a_batch_holds_is_listed_and_does_not_run(watched: Watched) -> None:
    page = await watched.open("/#/runs")
    batch = {"name": "<img src=x onerror=alert(1)>.jsonl", "mimeType": "application/jsonl"}
    await page.set_input_files("input[type=file]", files=[{**batch, "buffer": poisoned_batch().encode()}])
    run = page.get_by_role("article", name="Run")
    await expect(run).to_contain_text("Finished")
    await expect(run.locator("tbody tr")).to_have_count(len(PAYLOADS))
    listed = "".join(await words(run.locator("tbody tr")))
    for payload in PAYLOADS:
        assert plain(payload)[:60] in listed
    await run.get_by_role("link", name="p0 ").click()
    await expect(page.get_by_role("dialog").locator(".turn.customer .words")).to_have_text(PAYLOADS[0])
    await watched.shoot(page, "run_injected")


async def test_an_address_is_no_way_in(watched: Watched) -> None:
    for address in (
        "/#/chat/<img src=x onerror=alert(1)>",
        "/#/desk/%3Cscript%3Ealert(1)%3C/script%3E",
        "/#/runs/..%2f..",
    ):
        page = await watched.open(address)
        await expect(page.locator("main > section")).to_be_visible()


async def test_frames_of_a_stream_are_read_alike_however_they_are_cut(watched: Watched) -> None:
    page = await watched.open()
    stream = (
        "\ufeff: comment\r\n\r\nid: 7\nevent: said\ndata: one\ndata:two\ndata:  three\n\nid: 8\r\r"
        "data: é\u2028x\r\n\r\n"
        "data\n\nid: 9\ndata: {}\nevent: asked\n\ndata: without an end"
    )
    read = await page.evaluate(READ, stream)
    assert read == [
        {"id": "7", "event": "said", "data": "one\ntwo\n three"},
        {"id": None, "event": "message", "data": "é\u2028x"},
        {"id": None, "event": "message", "data": ""},
        {"id": "9", "event": "asked", "data": "{}"},
    ]


# The whole stream in one piece, then cut in two at each place: what differs is given back.
READ = """async (stream) => {
  const { Frames } = await import("/web/frames.js");
  const whole = new Frames().push(stream);
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const frames = new Frames();
    const parts = [...frames.push(stream.slice(0, cut)), ...frames.push(stream.slice(cut))];
    if (JSON.stringify(parts) !== JSON.stringify(whole)) return [cut, parts];
  }
  return whole;
}"""


async def test_a_field_of_any_schema_gets_its_input(watched: Watched) -> None:
    page = await watched.open()
    schemas = {
        "date": {"type": "string", "x-copied": "said", "x-read-as": "date"},
        "date format": {"type": "string", "format": "date"},
        "optional number": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        "said money": {"type": "string", "x-read-as": "Money"},
        "money": {"$ref": "#/$defs/M", "$defs": {"M": {"properties": {"amount": {}, "currency": {}}}}},
        "enum": {"enum": ["damaged", "late"]},
        "yes or no": {"type": "boolean"},
        "several": {"type": "array", "items": {"enum": ["a", "b"]}},
        "words": {"type": "string", "x-read-as": "str"},
        "reference": {"type": "string", "x-read-as": "BookingRef"},
        "nothing known": {},
    }
    kinds = await page.evaluate(KINDS, schemas)
    assert kinds == {
        "date": "date",
        "date format": "date",
        "optional number": "integer",
        "said money": "money",
        "money": "money",
        "enum": "choices",
        "yes or no": "choices",
        "several": "several",
        "words": "words",
        "reference": "words",
        "nothing known": "words",
    }


KINDS = """async (schemas) => {
  const { fieldOf } = await import("/web/field.js");
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, fieldOf(schema).kind]));
}"""
