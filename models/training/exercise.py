"""One thing for the model to practise: a form, a conversation, and what a careful copier writes into the form.

Knows nothing of prompts: how an exercise is laid out for the model is passed in by the caller, so that training
uses the pipeline's own prompts without importing the pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

THINKING = "thinking"
"""Name of the private scratchpad; its line in the form is `THINKING_HINT`."""
THINKING_HINT = "Private notes."


@dataclass(frozen=True)
class Exercise:
    """A form to fill from a conversation (`kind="fill"`), or a question about evidence (`kind="answer"`)."""

    fields: Mapping[str, str]
    turns: tuple[tuple[Literal["customer", "assistant"], str], ...]
    answers: Mapping[str, str | None]
    kind: Literal["fill", "answer"] = "fill"
    evidence: tuple[str, ...] = field(default=())

    def target(self) -> str:
        """The compact JSON object that the model should write, values spaced as in the conversation."""
        said = {name: self._spaced(self.answers.get(name)) for name in self.fields}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    def forced(self, target: str) -> list[tuple[int, int]]:
        """Where the field names stand in `target()`, as character spans: the grammar writes these, not the model."""
        spans, start = [], 0
        for name in self.fields:
            start = target.index(f'"{name}":', start) + 1
            spans.append((start, start + len(name)))
        return spans

    def _spaced(self, value: str | None) -> str | None:
        # A copied value keeps the space before it, so that its tokens are those of the source.
        if value is None:
            return None
        for text in (*(f" {text}" for _, text in self.turns[::-1]), *(f" {text}" for text in self.evidence)):
            if f" {value}" in text:
                return f" {value}"
        return value


def notes(answers: Mapping[str, str | None]) -> str:
    """The scratchpad of a filled form: which fields were said, in the form's order."""
    said = [name.replace("_", " ") for name, value in answers.items() if value is not None]
    return " " + (", ".join(said)[:76] or "nothing")
