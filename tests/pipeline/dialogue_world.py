"""What the tests of conversations share by name."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

from pipeline.chat.dialogues import Dialogues
from pipeline.events import Numbered


async def said(dialogues: Dialogues, conversation: str, text: str, key: str | None = None) -> list[Numbered]:
    return [event async for event in dialogues.handle(conversation, text, key)]


def names(events: list[Numbered]) -> list[str]:
    return [event.name for event in events]


def bodies(events: list[Numbered], name: str) -> list[dict[str, Any]]:
    return [event.row() for event in events if event.name == name]


async def listening(
    dialogues: Dialogues, conversation: str, after: int = 0, until: str = "turn_finished"
) -> asyncio.Task[list[Numbered]]:
    """A task that reads on until an event of this name."""

    async def listen() -> list[Numbered]:
        heard = []
        async with aclosing(dialogues.events(conversation, after, follow=True)) as events:
            async for event in events:
                heard.append(event)
                if event.name == until:
                    break
        return heard

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    return task


def sales(out: Path) -> Counter[str]:
    with closing(sqlite3.connect(out / "shop.sqlite")) as database:
        return Counter(item for (item,) in database.execute("SELECT item FROM sales"))
