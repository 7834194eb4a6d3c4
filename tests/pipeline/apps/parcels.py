"""Parcels without a model: calls and tasks under gather that ask, wait, tell what they heard, and act with equal words.

A text names how many milliseconds each of three waits, so that they come to their questions in any order.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from pipeline import App, Run, action, step, workflow

ITEMS = ("lamp", "vase", "rug")


def shop(state: Path) -> sqlite3.Connection:
    return sqlite3.connect(state / "shop.sqlite", isolation_level=None, timeout=30)


def prepare(state: Path, today: date) -> None:
    with closing(shop(state)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS sales (key TEXT, item TEXT)")  # no UNIQUE: a repeat would show


@step
async def wait(milliseconds: int) -> int:
    await asyncio.sleep(milliseconds / 1000)
    return milliseconds


@step
async def hear(said: list[str]) -> int:
    return len(said)


@action
async def buy(state: Path, item: str, key: str) -> str:
    with closing(shop(state)) as database:
        database.execute("INSERT INTO sales VALUES (?, ?)", (key, item))
    await asyncio.sleep(0.003)
    return item


@buy.check
async def bought(state: Path, item: str, key: str) -> str | None:
    with closing(shop(state)) as database:
        row = database.execute("SELECT item FROM sales WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


async def ask(run: Run, question: str, milliseconds: int) -> str:
    run.say(f"{question}…")
    await run.step(wait, milliseconds)
    answer = await run.ask(question, choices=["red", "blue"])
    await run.step(hear, [turn.text for turn in run.conversation])
    await run.step(wait, 12 - milliseconds)
    return answer


@workflow(intent="parcel", actions=[buy])
async def parcel(run: Run, item: str, milliseconds: int) -> str:
    """Pack one item."""
    paper = item if item == "rug" else await ask(run, f"Paper for the {item}?", milliseconds)
    await run.step(wait, milliseconds)
    return f"{await run.do(buy, run.state, 'box')} in {paper}"


async def insured(run: Run, item: str, milliseconds: int) -> str:
    colour = await ask(run, f"Form for the {item}?", milliseconds)
    return f"{await run.do(buy, run.state, 'cover')} in {colour}"


@workflow(intent="order", examples=["a parcel"], actions=[buy], calls={parcel: 4})
async def order(run: Run) -> str:
    """Send parcels."""
    waits = [int(word) for word in run.text.split() if word.isdigit()]
    packed = await asyncio.gather(*(run.call(parcel, item, wait) for item, wait in zip(ITEMS, waits, strict=True)))
    tasks = (insured(run, item, wait) for item, wait in zip(ITEMS, reversed(waits), strict=True))
    covers = await asyncio.gather(*tasks, run.call(parcel, "lamp", waits[0]))
    said = [turn.text for turn in run.conversation]
    await run.step(hear, said)
    return " / ".join([*packed, *covers, *said])


app = App("parcels", [order], prepare=prepare)
