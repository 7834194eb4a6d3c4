"""Every prompt, and nothing else: the only place where the pipeline speaks to a model.

The shared part comes first (instruction, then the contract's fields), the request last, so that a server's prefix
cache holds the first part once for all requests of a workflow. The shipped model is trained on exactly the layouts of
`form` and `evidence`; `TRAINED_HASH` is written into its model card, and a test fails when the two drift apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from models.engines.engine import Message
from models.grammar.source import normalise
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


def fill(contract: type[Contract], conversation: Sequence[Turn]) -> list[Message]:
    """Ask for a contract's fields from what was said in the conversation."""
    return form(_fields(contract), conversation)


def evidence(fields: Mapping[str, str], question: str, passages: Sequence[str]) -> list[Message]:
    """Ask a question about passages, to be answered in the given fields (name to description)."""
    numbered = "\n".join(f"[{n}] {normalise(text)}" for n, text in enumerate(passages, 1))
    return [
        Message("system", _instruction(ANSWER, fields)),
        Message("user", f"evidence:\n{numbered}\nquestion: {normalise(question)}"),
    ]


def answer(contract: type[Contract], question: str, passages: Sequence[str]) -> list[Message]:
    """Ask a question about passages, to be answered as a contract."""
    return evidence(_fields(contract), question, passages)


def choose(question: str, options: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
    """Ask for one of the options (name to description) in the light of the conversation."""
    said = "\n".join(f"{turn.role}: {normalise(turn.text)}" for turn in conversation)
    return [
        Message("system", _instruction(CHOOSE, options)),
        Message("user", f"{said}\nquestion: {normalise(question)}"),
    ]


def weigh(question: str, options: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
    """Ask for the letter of one of the options (letter to name and description)."""
    said = "\n".join(f"{turn.role}: {normalise(turn.text)}" for turn in conversation)
    return [
        Message("system", _instruction(WEIGH, options)),
        Message("user", f"{said}\nquestion: {normalise(question)}"),
    ]


def fuse(
    question: str,
    options: Mapping[str, str],
    forms: Mapping[str, type[Contract]],
    conversation: Sequence[Turn],
) -> list[Message]:
    """Ask for the letter of one of the options (letter to name and description), and for the fields of its form."""
    return _fuse(question, options, {letter: _fields(contract) for letter, contract in forms.items()}, conversation)


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


def repair(messages: Sequence[Message], text: str, error: str) -> list[Message]:
    """Show a model its refused answer and the reason, and ask again."""
    return [*messages, Message("assistant", text), Message("user", REPAIR.format(error=error))]


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
PROMPTS_HASH = _hash(
    *_TRAINED,
    choose("Which?", {"a": "A.", "b": "B."}, _SPECIMEN),
    repair(_TRAINED[0], "{}", "too late"),
    weigh("Which?", {"A": "a."}, _SPECIMEN),
    _fuse("Which?", {"A": "a.", "B": "b."}, {"A": {"city": "Where to?"}}, _SPECIMEN),
)
"""The same over specimens of every prompt; a run records it."""
