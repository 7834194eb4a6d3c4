"""Several wishes in one message are each served; a wrong intent goes back to the gate. With the real encoder."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import TODAY, lines, write_requests

from index import Embedder
from pipeline import App, Equipment, Escalation, Journal, Run, WrongIntent, action, read_requests, run_batch, workflow
from pipeline.routing.multi_intent import Wish, clauses, wishes

BUY = ["I want to buy a lamp", "two desk lamps please", "do you sell floor lamps? I take one", "order a light for me"]
RETURN = ["I want to send my lamp back", "return my order", "the lamp I bought is wrong, take it back", "send it back"]
COMPLAIN = ["your service is terrible", "I am angry about how I was treated", "the driver was rude", "I complain"]
OFF = ["What is the weather like?", "Tell me a joke", "Who won the match?", "Book me a flight"]


@action
async def note(state: Path, text: str, key: str) -> str:
    with closing(sqlite3.connect(state / "notes.sqlite", isolation_level=None, timeout=30)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS notes (key TEXT, text TEXT)")
        database.execute("INSERT INTO notes VALUES (?, ?)", (key, text))
    return text


@note.check
async def noted(state: Path, text: str, key: str) -> str | None:
    with closing(sqlite3.connect(state / "notes.sqlite", isolation_level=None, timeout=30)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS notes (key TEXT, text TEXT)")
        row = database.execute("SELECT text FROM notes WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


@workflow(intent="buy", examples=BUY, actions=[note])
async def buy(run: Run) -> str:
    """Buy a lamp."""
    if "mistaken" in run.text:
        await run.do(note, run.state, "looked up")
        raise WrongIntent("Nothing is to be bought.")
    colour = await run.ask("Which colour?", field="colour", choices=["red", "blue"]) if "colour" in run.text else "red"
    return f"{await run.do(note, run.state, colour)} lamp bought: {run.text}"


@workflow(intent="give_back", examples=RETURN, actions=[note])
async def give_back(run: Run) -> str:
    """Return a lamp: we take back what was bought here."""
    if "mistaken" in run.text:
        await run.do(note, run.state, "looked up")
        raise WrongIntent
    return f"{await run.do(note, run.state, 'back')}: {run.text}"


@workflow(intent="complain", examples=COMPLAIN, actions=[note])
async def complain(run: Run) -> Escalation:
    """Complain about us."""
    if "mistaken" in run.text:
        raise WrongIntent
    return Escalation("care", run.text)


APP = App("lamps", [buy, give_back, complain], out_of_scope="Only lamps here.", out_of_scope_examples=OFF)


class Desk:
    """One folder in which the same requests are served again and again."""

    def __init__(self, embedder: Embedder, folder: Path, texts: dict[str, str]) -> None:
        self._embedder = embedder
        self._source, self.out = write_requests(folder / "in.jsonl", texts), folder / "out"

    async def serve(self) -> dict[str, dict[str, Any]]:
        await run_batch(APP, read_requests(self._source), self.out, Equipment(embedder=self._embedder), today=TODAY)
        return {row["custom_id"]: row for row in lines(self.out / "results.jsonl")}

    async def answer(self, id: str, text: str) -> dict[str, Any]:
        async with Journal.open(self.out / "journal.sqlite") as journal:
            await journal.answer(id, text)
        return (await self.serve())[id]

    def notes(self) -> list[str]:
        with closing(sqlite3.connect(self.out / "notes.sqlite")) as database:
            return [text for (text,) in database.execute("SELECT text FROM notes ORDER BY rowid")]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


async def test_each_wish_is_served_in_order_and_one_that_waits_parks_the_rest(
    embedder: Embedder, tmp_path: Path
) -> None:
    text = "The driver was rude. I want to buy a lamp in a nice colour and please send my old lamp back"
    desk = Desk(embedder, tmp_path, {"a": text})
    row = (await desk.serve())["a"]
    assert (row["status"], row["question"]["text"], row["intent"]) == ("needs_input", "Which colour?", "complain")
    assert [(part["intent"], part["status"]) for part in row["parts"]] == [
        ("complain", "escalated"),
        ("buy", "needs_input"),
        ("give_back", "pending"),
    ]
    row = await desk.answer("a", "blue")
    assert (row["status"], row["escalation"]["reason"]) == ("escalated", "The driver was rude.")
    assert [part["message"] for part in row["parts"]] == [
        None,
        "blue lamp bought: I want to buy a lamp in a nice colour",
        "back: please send my old lamp back",
    ]
    assert [gate["intent"] for gate in row["receipt"]["routed"]] == ["complain", "buy", "give_back"]
    assert desk.notes() == ["blue", "back"]


async def test_never_mind_ends_one_part_and_not_the_others(embedder: Embedder, tmp_path: Path) -> None:
    desk = Desk(embedder, tmp_path, {"a": "I want to buy a lamp in a nice colour and please send my old lamp back"})
    await desk.serve()
    row = await desk.answer("a", "never mind")
    assert [part["message"] for part in row["parts"]] == ["Nothing was done.", "back: please send my old lamp back"]
    assert row["status"] == "completed"
    assert desk.notes() == ["back"]


async def test_a_part_that_hangs_on_another_is_asked_about_first(embedder: Embedder, tmp_path: Path) -> None:
    desk = Desk(embedder, tmp_path, {"a": "Please send my old lamp back, and if so I want to buy a red lamp"})
    row = (await desk.serve())["a"]
    assert row["question"]["text"] == 'You wrote "I want to buy a red lamp": shall I go on with that?'
    assert desk.notes() == ["back"]
    row = await desk.answer("a", "no")
    assert [part["message"] for part in row["parts"]] == ["back: Please send my old lamp back", "Nothing was done."]


async def test_an_unclear_order_is_asked_for(embedder: Embedder, tmp_path: Path) -> None:
    desk = Desk(embedder, tmp_path, {"a": "I want to buy a lamp, but first please send my old lamp back"})
    row = (await desk.serve())["a"]
    assert (row["status"], row["question"]["choices"]) == ("needs_input", ["buy a lamp", "return a lamp"])
    row = await desk.answer("a", "return a lamp")
    assert [part["intent"] for part in row["parts"]] == ["give_back", "buy"]


async def test_both_in_answer_to_what_comes_first_goes_by_the_order_of_the_message(
    embedder: Embedder, tmp_path: Path
) -> None:
    desk = Desk(embedder, tmp_path, {"a": "I want to buy a lamp, but first please send my old lamp back"})
    await desk.serve()
    row = await desk.answer("a", "both")
    assert [part["intent"] for part in row["parts"]] == ["buy", "give_back"]


async def test_one_wish_in_many_sentences_stays_whole(embedder: Embedder, tmp_path: Path) -> None:
    texts = {
        "buy": "I want to buy a lamp. It is for my desk, and it should be red. And a second one please",
        "story": "I complain: the driver was rude and late. I am angry",
    }
    rows = await Desk(embedder, tmp_path, texts).serve()
    assert all("parts" not in row for row in rows.values())
    assert rows["buy"]["message"].endswith(texts["buy"])


async def test_a_wrong_intent_goes_back_to_the_gate_and_what_was_done_is_not_done_twice(
    embedder: Embedder, tmp_path: Path
) -> None:
    desk = Desk(embedder, tmp_path, {"a": "mistaken: I want to send back the lamp that I want to buy"})
    row = (await desk.serve())["a"]
    tried = [gate["intent"] for gate in row["receipt"]["routed"]]
    assert len(set(tried)) == len(tried) > 1
    assert row["status"] == "escalated"
    assert desk.notes() == ["looked up"]  # the same action of two attempts is one


async def test_an_answer_about_something_else_changes_the_subject(embedder: Embedder, tmp_path: Path) -> None:
    desk = Desk(embedder, tmp_path, {"a": "I want to buy a lamp in a nice colour"})
    assert (await desk.serve())["a"]["question"]["text"] == "Which colour?"
    row = await desk.answer("a", "no, I want to return my order")
    assert (row["status"], row["intent"], row["message"]) == ("completed", "give_back", "back: to return my order")
    assert [gate["intent"] for gate in row["receipt"]["routed"]] == ["buy", "give_back"]
    assert desk.notes() == ["back"]


async def test_a_killed_course_goes_on_from_its_journal(embedder: Embedder, tmp_path: Path) -> None:
    desk = Desk(embedder, tmp_path, {"a": "Please send my old lamp back and I want to buy a lamp in a nice colour"})
    await desk.serve()
    async with Journal.open(desk.out / "journal.sqlite") as journal:
        await journal.answer("a", "red")
    stop = asyncio.Event()
    stop.set()
    source = await asyncio.to_thread(read_requests, tmp_path / "in.jsonl")
    await run_batch(APP, source, desk.out, Equipment(embedder=embedder), today=TODAY, stop=stop)
    row = (await desk.serve())["a"]
    assert row["status"] == "completed"
    assert desk.notes() == ["back", "red"]


def test_a_cut_needs_two_sure_and_different_clauses() -> None:
    known = {"Cancel MD1": "cancel", "book Goa": "book", "book Bali": "book"}

    def sure(texts: object) -> list[str | None]:
        return [known.get(text) or ("book" if "book Goa" in text else None) for text in texts]  # type: ignore[attr-defined]

    assert wishes("Cancel MD1 and book Goa. For two", sure) == [
        Wish("Cancel MD1", "cancel"),
        Wish("book Goa. For two", "book"),
    ]
    assert wishes("book Goa and book Bali", sure) == []
    assert wishes("Cancel MD1, it rains", sure) == []
    assert wishes("Cancel MD1", sure) == []
    assert [Wish("book Goa", "book", True)] == wishes("Cancel MD1, and if so book Goa", sure)[1:]


def test_a_conjunction_belongs_to_the_clause_that_it_begins() -> None:
    text = "Can I bring a cat, and if so book me. Thanks"
    assert [text[start:end] for start, end in clauses(text)] == ["Can I bring a cat", "and if so book me.", "Thanks"]
