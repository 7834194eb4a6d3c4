"""`interlock export` and `interlock forget`: what is kept of a customer's conversations, given out or taken away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline import UsageError
from pipeline.chat.conversation_store import ConversationStore
from pipeline.chat.erasure import emptied, erase, exported, owned
from pipeline.journal.journal import Journal
from pipeline.journal.queries import Queries
from pipeline.runtime.folder import Folder
from scripts.console import finish

OutArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="That of `interlock serve` or `chat`.")]
ConversationOption = Annotated[str, typer.Option(metavar="ID", help="One conversation.")]
CustomerOption = Annotated[str, typer.Option(metavar="NAME", help="All that the token of this name opened.")]


def export(out: OutArgument, conversation: ConversationOption = "", customer: CustomerOption = "") -> None:
    """Print all that is kept of a conversation, or of a customer's, a line of JSON for each; also while served."""
    asyncio.run(_export(Folder(out).found(), conversation, customer))


def forget(out: OutArgument, conversation: ConversationOption = "", customer: CustomerOption = "") -> None:
    """Take a conversation, or all of a customer's, away for good. What is served is asked over HTTP instead.

    The ledger keeps that an action was done, when, under which key, and digests; nothing that was said. What an app's
    own systems were told, and the files of runs, stay where they are.
    """
    folder = Folder(out).found()
    with folder.locked():
        gone = asyncio.run(_forget(folder, conversation, customer))
    finish(forgotten=gone)


async def _export(folder: Folder, conversation: str, customer: str) -> None:
    async with Journal.open(folder.journal) as journal:
        for id in _meant(journal, conversation, customer):
            print(json.dumps(exported(journal, id), ensure_ascii=False, default=list))


async def _forget(folder: Folder, conversation: str, customer: str) -> int:
    async with Journal.open(folder.journal) as journal:
        store, meant = ConversationStore(journal), _meant(journal, conversation, customer)
        for id in meant:
            await erase(journal, store, id)
        await emptied(journal)
    return len(meant)


def _meant(journal: Queries, conversation: str, customer: str) -> list[str]:
    """The conversations that are meant. UsageError for none, or two ways of saying which."""
    if bool(conversation) == bool(customer):
        raise UsageError("Say whose: --conversation ID, or --customer NAME.")
    found = [conversation] if conversation else owned(journal, f"@{customer}")
    if not found:
        raise UsageError(f"Nobody of the name '{customer}' has opened a conversation here.")
    return found
