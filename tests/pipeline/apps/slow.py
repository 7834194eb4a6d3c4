"""Thinks for a minute about whatever has "slow" in it, and repeats everything else at once."""

from __future__ import annotations

import asyncio

from pipeline import App, Run, step, workflow


@step
async def ponder(text: str) -> str:
    await asyncio.sleep(60 if "slow" in text else 0)
    return text


@workflow(intent="repeat", examples=["say it again"])
async def repeat(run: Run) -> str:
    """Repeat what was said."""
    run.say("Pondering…")
    return f"You said: {await run.step(ponder, run.text)}"


app = App("echo", [repeat])
