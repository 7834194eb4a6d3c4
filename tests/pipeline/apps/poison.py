"""An app in which some texts kill the process that serves them, in their second step: "abort" and "kill"."""

from __future__ import annotations

import asyncio
import os
import signal

from pipeline import App, Run, step, workflow


@step
async def read(text: str) -> int:
    await asyncio.sleep(0.002)
    return len(text)


@step
async def parse(text: str) -> str:
    if text == "abort":
        os.abort()
    if text == "kill":
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
    return text


@workflow(intent="read", examples=["a text"])
async def reading(run: Run) -> str:
    """Read a text."""
    await run.step(read, run.text)
    return await run.step(parse, run.text)


app = App("poison", [reading])
