"""Copier: the layouts that the shipped model was trained on, to the byte, and their like for what it is never asked.

The shared part comes first (instruction, then the contract's fields), the request last, so that a server's prefix
cache holds the first part once for all requests of a workflow. `TRAINED_HASH` is written into the model's card, and a
test fails when the two drift apart. Nobody's instructions, examples or templates reach a model that wants this layout:
it was trained without, and would take them for fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from models.engines.engine import Message
from models.grammar.source import normalise
from pipeline.prompts.example import Example
from pipeline.record import Turn

if TYPE_CHECKING:
    from models.contract import Contract

FILL = "Fill in this form as JSON, in the customer's own words. Write null for what was not said."
ANSWER = "Answer the question from the evidence, as JSON."
CHOOSE = "Choose what the customer wants, as JSON. Choose ambiguous if two fit, out_of_scope if none does."
WEIGH = "Choose what the customer wants. Answer with its letter and nothing else."
FUSE = (
    "Choose what the customer wants. Answer with its letter; where fields stand under it, go on at once with them as"
    " JSON, in the customer's own words. Write null for what was not said."
)
NOTES = "Private notes."
REPAIR = "That was refused: {error} Answer again, as JSON."


def form(fields: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
    """Ask for the fields of a form (name to description) from what was said in the conversation."""
    said = "\n".join(f"{turn.role}: {normalise(turn.text)}" for turn in conversation)
    return [Message("system", _instruction(FILL, fields)), Message("user", said)]


def evidence(fields: Mapping[str, str], question: str, passages: Sequence[str]) -> list[Message]:
    """Ask a question about passages, to be answered in the given fields (name to description)."""
    numbered = "\n".join(f"[{n}] {normalise(text)}" for n, text in enumerate(passages, 1))
    return [
        Message("system", _instruction(ANSWER, fields)),
        Message("user", f"evidence:\n{numbered}\nquestion: {normalise(question)}"),
    ]


class Copier:
    """See `Layout`."""

    name = "copier"

    def fill(
        self, contract: type[Contract], conversation: Sequence[Turn], examples: Sequence[Example] = ()
    ) -> list[Message]:
        """See `Layout.fill`."""
        return form(_fields(contract), conversation)

    def answer(
        self, contract: type[Contract], question: str, passages: Sequence[str], examples: Sequence[Example] = ()
    ) -> list[Message]:
        """See `Layout.answer`."""
        return evidence(_fields(contract), question, passages)

    def choose(
        self,
        question: str,
        options: Mapping[str, str],
        conversation: Sequence[Turn],
        examples: Sequence[Example] = (),
    ) -> list[Message]:
        """See `Layout.choose`."""
        return _chosen(CHOOSE, question, options, conversation)

    def weigh(self, question: str, options: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
        """See `Layout.weigh`."""
        return _chosen(WEIGH, question, options, conversation)

    def fuse(
        self,
        question: str,
        options: Mapping[str, str],
        forms: Mapping[str, type[Contract]],
        conversation: Sequence[Turn],
    ) -> list[Message]:
        """See `Layout.fuse`."""
        return _fuse(question, options, {letter: _fields(contract) for letter, contract in forms.items()}, conversation)

    def repair(self, messages: Sequence[Message], text: str, error: str) -> list[Message]:
        """See `Layout.repair`."""
        return [*messages, Message("assistant", text), Message("user", REPAIR.format(error=error))]


def _chosen(task: str, question: str, options: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
    said = "\n".join(f"{turn.role}: {normalise(turn.text)}" for turn in conversation)
    return [
        Message("system", _instruction(task, options)),
        Message("user", f"{said}\nquestion: {normalise(question)}"),
    ]


def _fuse(
    question: str,
    options: Mapping[str, str],
    forms: Mapping[str, Mapping[str, str]],
    conversation: Sequence[Turn],
) -> list[Message]:
    lines = [FUSE]
    for letter, told in options.items():
        lines += [f"{letter}: {told}", *(f"  {name}: {asked}" for name, asked in forms.get(letter, {}).items())]
    said = "\n".join(f"{turn.role}: {normalise(turn.text)}" for turn in conversation)
    return [Message("system", "\n".join(lines)), Message("user", f"{said}\nquestion: {normalise(question)}")]


def _fields(contract: type[Contract]) -> dict[str, str]:
    return {**dict.fromkeys(contract.private_fields(), NOTES), **contract.questions()}


def _instruction(task: str, fields: Mapping[str, str]) -> str:
    return "\n".join([task, *(f"{name}: {description}" for name, description in fields.items())])


def _hash(*prompts: Sequence[Message]) -> str:
    texts = [f"{message.role}\0{message.content}" for prompt in prompts for message in prompt]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


_SPECIMEN = [Turn("customer", "To Bali."), Turn("assistant", "When?"), Turn("customer", "Tomorrow.")]
_TRAINED = (
    form({"city": "Where to?", "day": "When?"}, _SPECIMEN),
    evidence({"quote": "The answer."}, "Pets?", ["No pets.", "B."]),
)

TRAINED_HASH = _hash(*_TRAINED)
"""First 16 hexadecimal digits of a SHA-256 over specimens of the prompts that the shipped model is trained on."""
COPIER_HASH = _hash(
    *_TRAINED,
    _chosen(CHOOSE, "Which?", {"a": "A.", "b": "B."}, _SPECIMEN),
    Copier().repair(_TRAINED[0], "{}", "too late"),
    _chosen(WEIGH, "Which?", {"A": "a."}, _SPECIMEN),
    _fuse("Which?", {"A": "a.", "B": "b."}, {"A": {"city": "Where to?"}}, _SPECIMEN),
)
"""The same over specimens of every prompt of this layout; a run records it."""
