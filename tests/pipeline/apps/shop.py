"""A shop without a model: three steps, one of them a sale in a real database, and texts that make things go wrong."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from pipeline import App, Escalation, Refused, Run, action, step, workflow


@dataclass(frozen=True)
class Offer:
    item: str
    price: Decimal
    until: date


def shop(state: Path) -> sqlite3.Connection:
    return sqlite3.connect(state / "shop.sqlite", isolation_level=None, timeout=30)


def prepare(state: Path, today: date) -> None:
    with closing(shop(state)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS sales (key TEXT, item TEXT)")  # no UNIQUE: a repeat would show


@step
async def count(text: str) -> int:
    await asyncio.sleep(0.001)
    return len(text.split())


@step
async def offer(item: str, today: date) -> Offer:
    if item == "broken":
        raise ValueError("no such item")
    return Offer(item, Decimal("9.90"), today)


@action
async def sell(state: Path, item: str, key: str) -> str:
    if item == "last":
        raise Refused("The last one was sold a moment ago.")
    with closing(shop(state)) as database:
        database.execute("INSERT INTO sales VALUES (?, ?)", (key, item))
    await asyncio.sleep(0.005)  # long enough to be killed between effect and commit
    if item == "timeout":
        raise TimeoutError("no answer")
    return f"sold {item}"


@sell.check
async def sold(state: Path, item: str, key: str) -> str | None:
    with closing(shop(state)) as database:
        row = database.execute("SELECT item FROM sales WHERE key = ?", (key,)).fetchone()
    return None if row is None else f"sold {row[0]}"


@workflow(intent="order", examples=["one lamp"], actions=[sell])
async def order(run: Run) -> str | Escalation:
    """Order something from the shop."""
    run.say("Counting words…")
    await run.step(count, run.text)
    item = run.text.split()[-1]
    if item == "human":
        return Escalation("desk", "The customer wants a human.")
    if item == "crash":
        raise RuntimeError("boom")
    if item == "which":
        item = await run.ask("Which item?", field="item", choices=["lamp", "chair"])
    found = await run.step(offer, item, run.today)
    return f"{await run.do(sell, run.state, found.item)} for {found.price}"


app = App("shop", [order], prepare=prepare, out_of_scope="We only sell things.")
