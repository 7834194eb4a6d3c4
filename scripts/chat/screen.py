"""Screen: how a conversation looks in a terminal, or as plain lines. Knows events; serves nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text
from rich.tree import Tree

from pipeline.chat.transcript import Spoken
from pipeline.events import (
    ActionCommitted,
    Answered,
    Asked,
    Escalated,
    Event,
    Failed,
    MessageReceived,
    OperatorSaid,
    Progress,
    Routed,
    StepStarted,
)

HELP = "Write what you want; to a question with choices, a number will do. /why, /new, /quit; Ctrl-C stops an answer."


class Screen:
    """Text goes to standard output; in a terminal, a line below it tells what is going on."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.terminal = self.console.is_terminal
        self.choices: Sequence[str] = ()
        self._status: Status | None = None

    def note(self, text: str) -> None:
        """Something beside the conversation."""
        self.console.print(Text(text, style="dim"))

    def tree(self, tree: Tree) -> None:
        """How an answer came about."""
        self.console.print(tree, soft_wrap=False)

    def prompt(self) -> None:
        """A person may write now."""
        if self.terminal:
            self.console.print(Text("› ", style="bold cyan"), end="")

    def echo(self, line: str) -> None:
        """A line that came through a pipe, which no terminal has shown."""
        self.console.print(Text(line if self.terminal else f"› {line}"))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """For the time that a message is worked on."""
        if not self.terminal:
            yield
            return
        with self.console.status("…") as self._status:
            yield
        self._status = None

    def tell(self, event: Event) -> None:
        """What has just happened."""
        match event:
            case MessageReceived():
                self.choices = ()
            case Routed(_, _, intent) if intent is not None:
                self._doing(intent.replace("_", " "))
            case StepStarted(_, _, name):
                self._doing(name.replace("_", " "))
            case Progress(_, text):
                self._doing(text)
                self.note(f"· {text}")
            case ActionCommitted(_, action):
                self.console.print(Text(f"✓ {action.replace('_', ' ')}: done", style="green"))
            case Asked(_, question):
                self.ask(question.text, question.choices or ())
            case Answered(_, text):
                self.console.print(Text(text or "Done.", style="bold"))
                for quote in event.quotes:
                    where = " › ".join(part for part in (quote["document"], quote["heading"]) if part)
                    self.note(f"  — {where}" if quote["text"] in text else f"  “{quote['text']}” — {where}")
            case Escalated(_, to, reason):
                self.console.print(Text(f"A person will take over ({to}). {reason}", style="yellow"))
            case Failed(_, text):
                self.console.print(Text(text, style="red"))
            case OperatorSaid(_, by, text):
                self.console.print(Text(f"{by}: {text}", style="bold blue"))

    def ask(self, text: str, choices: Sequence[str]) -> None:
        """A question, its choices numbered."""
        self.choices = choices
        self.console.print(Text(text, style="bold yellow"))
        for number, choice in enumerate(choices, start=1):
            self.console.print(Text(f"  {number}. {choice}"))

    def chosen(self, line: str) -> str:
        """What a line says: a number stands for that choice of the question asked last, unless it is one itself."""
        if line.isdecimal() and line not in self.choices and 0 < int(line) <= len(self.choices):
            return self.choices[int(line) - 1]
        return line

    def replay(self, turns: Sequence[Spoken]) -> None:
        """What was said before."""
        for turn in turns:
            self.console.print(Text(f"{turn.by or turn.role}: {turn.text}", style="dim"))

    def _doing(self, text: str) -> None:
        if self._status is not None:
            self._status.update(Text(f"{text.rstrip('…')}…"))
