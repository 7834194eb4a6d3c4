"""Talk: a person's lines in, a conversation's events out. Knows commands and Ctrl-C; serves nothing itself."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing

from pipeline import App, UsageError
from pipeline.chat.dialogues import Dialogues
from pipeline.journal.journal import Journal
from scripts.chat.lines import Lines
from scripts.chat.screen import HELP, Screen
from scripts.record_tree import record_tree


class Talk:
    """One person at a terminal. `conversation` is the present one."""

    def __init__(self, app: App, dialogues: Dialogues, journal: Journal, screen: Screen, conversation: str) -> None:
        self.conversation = conversation
        self._app = app
        self._dialogues = dialogues
        self._journal = journal
        self._screen = screen
        self._interrupts = 0
        self._busy = False

    async def run(self) -> bool:
        """Talk until /quit, the end of input, or a second Ctrl-C in a row; whether it was the latter."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        stopping: set[asyncio.Task[None]] = set()

        def interrupted() -> None:
            self._interrupts += 1
            if self._interrupts > 1 and main is not None:
                main.cancel()
            elif self._busy:
                self._screen.note("Stopping; Ctrl-C again leaves.")
                stopping.add(asyncio.create_task(self._dialogues.cancel(self.conversation)))
            else:
                self._screen.note("Ctrl-C again leaves.")
                self._screen.prompt()

        loop.add_signal_handler(signal.SIGINT, interrupted)
        try:
            await self._talk(Lines())
        except asyncio.CancelledError:
            if self._interrupts > 1:
                return True
            raise
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            await asyncio.gather(*stopping, return_exceptions=True)
        return False

    async def _talk(self, lines: Lines) -> None:
        await self._catch_up()
        while True:
            self._screen.prompt()
            line = await lines.next()
            self._interrupts = 0
            if line is not None and line.strip() and not os.isatty(0):
                self._screen.echo(line.strip())
            match line.strip() if line is not None else "/quit":
                case "":
                    continue
                case "/quit":
                    return
                case "/new":
                    self.conversation = await self._dialogues.open()
                    self._screen.choices = ()
                    self._screen.note("A new conversation.")
                case "/why":
                    self._why()
                case command if command.startswith("/"):
                    self._screen.note(HELP)
                case text:
                    await self._say(self._screen.chosen(text))

    async def _catch_up(self) -> None:
        """Show a conversation that is continued, and wait for what is still being worked on."""
        transcript = self._dialogues.transcript(self.conversation)
        self._screen.replay(transcript.turns)
        if transcript.state == "busy":
            await self._show(transcript.last_event + 1)
        elif transcript.question is not None:
            self._screen.ask(transcript.question.text, transcript.question.choices or ())

    async def _say(self, text: str) -> None:
        try:
            number = await self._dialogues.send(self.conversation, text)
        except UsageError as error:
            self._screen.note(str(error))
            return
        await self._show(number)

    async def _show(self, number: int) -> None:
        """Tell what happens up to the end of the turn that is under way."""
        self._busy = True
        try:
            with self._screen.busy():
                async with aclosing(self._dialogues.turn(self.conversation, number)) as events:
                    async for numbered in events:
                        self._screen.tell(numbered.event)
        finally:
            self._busy = False

    def _why(self) -> None:
        records = self._dialogues.conversations.records(self.conversation)
        if not records:
            self._screen.note("Nothing was answered yet.")
            return
        tree, _ = record_tree(self._journal, records[-1][0], private=self._app.classes)
        self._screen.tree(tree)
