"""The command: what to open for a conversation, and in which folder it is kept."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from pipeline import Journal, Launch, UsageError, load_app
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.dialogues import Dialogues
from pipeline.runtime.session import Session
from scripts import options
from scripts.chat.screen import HELP, Screen
from scripts.chat.talk import Talk
from scripts.console import console, day_of, tell
from scripts.equipment import equipped
from scripts.unused import refuse_unused

WAIT = 7.0
"""Seconds for an engine that does not answer: a person waits less long than a batch."""


def chat(
    context: typer.Context,
    app: options.App = options.TRAVEL,
    model: options.Model = "models/tiny",
    second_model: options.SecondModel = "",
    index: options.Index = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Keep the conversation here; default: nowhere.")
    ] = None,
    goes_on: Annotated[
        str, typer.Option("--continue", metavar="ID|last", help="Go on with a conversation of FOLDER.")
    ] = "",
    today: options.Today = "",
    seed: options.Seed = 0,
    enforcement: options.Enforcement = "grammar",
    gate: options.Gate = "cascade",
    trust: options.Trust = None,
    thinking: options.Thinking = None,
    accept_changes: options.Accept = False,
) -> None:
    """Talk with an app. Lines come from standard input; /why tells how the last answer came about."""
    if goes_on and out is None:
        raise UsageError("--continue needs the folder that the conversation is kept in: give -o FOLDER.")
    if out is None:
        refuse_unused(context, "is about a folder that was made with something else: give -o FOLDER.", "accept_changes")
    launch = Launch(
        app=app,
        model=model,
        second=second_model,
        index=index,
        enforcement=enforcement,
        gate=gate,
        trust=trust,
        thinking=thinking,
        seed=seed,
        wait=WAIT,
    )
    try:
        left = asyncio.run(_chat(out, goes_on, launch, day_of(today), accept_changes))
    except (KeyboardInterrupt, asyncio.CancelledError):
        left = True
    raise typer.Exit(130 if left else 0)


async def _chat(out: Path | None, goes_on: str, launch: Launch, today: date | None, accept_changes: bool) -> bool:
    """Open everything and talk; whether Ctrl-C ended it."""
    app = load_app(launch.app)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory())) if out is None else out
        opened = await stack.enter_async_context(Session.open(app, home))
        journal = opened.journal
        goes_on = _known(journal, goes_on)  # before anything is loaded
        equipment = await stack.enter_async_context(equipped(app, launch, home))
        day = today or date.today()
        pipeline = await opened.begin(equipment, launch, day=day, accept_changes=accept_changes, progress=tell)
        dialogues = Dialogues(pipeline, journal, lambda: today or date.today())
        stack.push_async_callback(dialogues.aclose)
        conversation = goes_on or await dialogues.open()
        await dialogues.resume()
        screen = Screen()
        if screen.terminal:
            screen.note(f"{app.name}: {HELP}")
        talk = Talk(app, dialogues, journal, screen, conversation)
        left = await talk.run()
        if out is not None:
            console.print(
                f"Go on with: -o {out} --continue {talk.conversation}", markup=False, style="dim", soft_wrap=True
            )
        return left


def _known(journal: Journal, goes_on: str) -> str:
    """The id of the conversation to go on with; empty for a new one. UsageError if there is none."""
    kept = ConversationStore(journal)
    if goes_on == "last":
        return kept.latest()
    if goes_on:
        kept.owner(goes_on)
    return goes_on
