"""A till: a shop that takes one form and sells; `SOLD` counts how often it did, by record."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field

from models.contract import Contract
from pipeline import App, Run, action, workflow

SOLD: Counter[str] = Counter()


class Order(Contract):
    item: Literal["lamp", "chair", "table"]
    note: str = Field(max_length=24)


@action
async def sell(item: str, to: str, key: str) -> str:
    SOLD[to] += 1
    return f"{item} for {to}"


@workflow(intent="order", examples=["one lamp"], actions=[sell])
async def order(run: Run) -> str:
    """Order something."""
    form = await run.generate(Order, "What is ordered?")
    sold: str = await run.do(sell, form.item, run.id)
    return sold


SHOP = App("shop", [order])
