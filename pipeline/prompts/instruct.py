"""Instruct: the layout for models that follow instructions: templates with the whole contract in them.

The shared part comes first (instruction, then the contract), the request last, so that a server's prefix cache holds
the first part once for all requests of a workflow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.engines.engine import Message
from models.grammar.source import normalise
from pipeline.prompts.example import Example
from pipeline.prompts.listing import fields, listing, schema_of
from pipeline.prompts.templates import Templates, shipped
from pipeline.record import Turn

if TYPE_CHECKING:
    from models.contract import Contract


_REFERENCE = re.compile(r'"urn:interlock:schema#')


@dataclass(frozen=True)
class Instruct:
    """See `Layout`. `instructions`: what the app, its workflow and the call say besides, or "". `spaced`: JSON has a
    blank behind each comma and colon, in examples as in answers.
    """

    templates: Templates = field(default_factory=shipped)
    instructions: str = ""
    spaced: bool = True

    name = "instruct"

    def fill(
        self, contract: type[Contract], conversation: Sequence[Turn], examples: Sequence[Example] = ()
    ) -> list[Message]:
        """See `Layout.fill`."""
        shown = [
            ({"conversation": self._said(example.conversation)}, example.written(contract, self.spaced))
            for example in examples
        ]
        return self._messages("fill", _form(contract), {"conversation": self._said(conversation)}, shown)

    def answer(
        self, contract: type[Contract], question: str, passages: Sequence[str], examples: Sequence[Example] = ()
    ) -> list[Message]:
        """See `Layout.answer`."""
        shown = [
            (self._asked(example.question, example.evidence), example.written(contract, self.spaced))
            for example in examples
        ]
        kind = "answer" if passages else "write"
        return self._messages(kind, _form(contract), self._asked(question, passages), shown)

    def choose(
        self,
        question: str,
        options: Mapping[str, str],
        conversation: Sequence[Turn],
        examples: Sequence[Example] = (),
    ) -> list[Message]:
        """See `Layout.choose`."""
        asked = {"question": normalise(question)}
        shown = [
            ({"conversation": self._said(example.conversation), **asked}, example.chosen(options, self.spaced))
            for example in examples
        ]
        shared = {"options": "\n".join(_option(name, told) for name, told in options.items())}
        return self._messages("choose", shared, {"conversation": self._said(conversation), **asked}, shown)

    def weigh(self, question: str, options: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
        """See `Layout.weigh`."""
        shared = {"options": "\n".join(f"{letter}: {told}" for letter, told in options.items())}
        asked = {"conversation": self._said(conversation), "question": normalise(question)}
        return self._messages("weigh", shared, asked)

    def fuse(
        self,
        question: str,
        options: Mapping[str, str],
        forms: Mapping[str, type[Contract]],
        conversation: Sequence[Turn],
    ) -> list[Message]:
        """See `Layout.fuse`."""
        told = []
        for letter, text in options.items():
            told.append(f"{letter}: {text}")
            if letter in forms:
                told.append(listing(forms[letter]))
        asked = {"conversation": self._said(conversation), "question": normalise(question)}
        return self._messages("fuse", {"options": "\n".join(told)}, asked)

    def repair(self, messages: Sequence[Message], text: str, error: str) -> list[Message]:
        """See `Layout.repair`."""
        asked = self.templates.fill("repair.user", {"error": error})
        return [*messages, Message("assistant", text), Message("user", asked)]

    def _messages(
        self,
        kind: str,
        shared: Mapping[str, str],
        asked: Mapping[str, str],
        examples: Sequence[tuple[Mapping[str, str], str]] = (),
    ) -> list[Message]:
        """System turn, examples, request. A system template of which nothing is left makes no turn."""
        always = {**shared, "instructions": self.instructions}
        system = self.templates.fill(f"{kind}.system", {**always, **asked})
        turns = [Message("system", system)] if system.strip() else []
        for holes, answer in examples:
            turns.append(Message("user", self.templates.fill(f"{kind}.user", {**always, **holes})))
            turns.append(Message("assistant", answer))
        return [*turns, Message("user", self.templates.fill(f"{kind}.user", {**always, **asked}))]

    def _said(self, conversation: Sequence[Turn]) -> str:
        return "\n".join(self.templates.fill(turn.role, {"text": normalise(turn.text)}) for turn in conversation)

    def _asked(self, question: str, passages: Sequence[str]) -> dict[str, str]:
        numbered = [
            self.templates.fill("passage", {"number": str(number), "text": normalise(text)})
            for number, text in enumerate(passages, 1)
        ]
        return {"evidence": "\n".join(numbered), "question": normalise(question)}


def _form(contract: type[Contract]) -> dict[str, str]:
    return {
        "form": listing(contract),
        "schema": _REFERENCE.sub('"#', json.dumps(schema_of(contract), ensure_ascii=False)).replace("%24", "$"),
        "fields": "\n".join(f"{key}: {told}" if told else key for key, told in fields(contract).items()),
    }


def _option(name: str, told: str) -> str:
    return f"- {name}" if told == name else f"- {name}: {told}"
