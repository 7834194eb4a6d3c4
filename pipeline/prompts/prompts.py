"""Prompts: what an app has models told, in the layout that each of them wants. Knows layouts by name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import Field

from models.contract import Contract
from models.engines.engine import Message
from models.engines.profiles import Profile
from models.engines.wording import Wording
from models.said import Said, Scratchpad
from pipeline.prompts.copier import COPIER_HASH, Copier
from pipeline.prompts.instruct import Instruct
from pipeline.prompts.layout import Layout
from pipeline.prompts.templates import ENGINES, Templates, shipped
from pipeline.record import Turn


@dataclass(frozen=True)
class Prompts:
    """`instructions`: of the app and of a workflow of it, a paragraph each; `templates`: all texts around them."""

    templates: Templates = field(default_factory=shipped)
    instructions: tuple[str, ...] = ()

    def told(self, instructions: str) -> Prompts:
        """The same with another paragraph behind the others, if it says anything."""
        text = instructions.strip()
        return replace(self, instructions=(*self.instructions, text)) if text else self

    @property
    def own(self) -> bool:
        """Whether an app says anything of its own in them."""
        return bool(self.instructions) or self.templates is not shipped()

    def laid_out(self, profile: Profile) -> Layout:
        """As a model with this profile wants it."""
        if profile.layout == "copier":
            return Copier()
        return Instruct(self.templates, "\n\n".join(self.instructions), profile.spaced)

    @property
    def engines(self) -> Wording:
        """What engines say by themselves, around what they are asked."""
        return Wording(**{name: self.templates.files[f"{name}.txt"].text for name in ENGINES})

    def word(self, name: str) -> str:
        """A text without holes, such as "wish"."""
        return self.templates.fill(name, {})

    def hash(self, profile: Profile | None, more: Sequence[str] = ()) -> str:
        """Sixteen hexadecimal digits that change with whatever a model of this profile is told; a run records them.

        `more`: instructions that stand in some of the prompts only.
        """
        if profile is None or profile.layout == "copier":
            return COPIER_HASH
        layout = self.laid_out(profile)
        words = [self.word(name) for name in ("wish", "ambiguous", "out_of_scope")]
        words += vars(self.engines).values()
        told = [f"{message.role}\0{message.content}" for prompt in _specimens(layout) for message in prompt]
        return hashlib.sha256("\0".join([*told, *words, *more]).encode()).hexdigest()[:16]


class _Specimen(Contract):
    """A trip."""

    thinking: Scratchpad
    city: Said[str] | None = Field(None, description="Where to?")
    seats: list[Literal["aisle", "window"]] = Field(max_length=3)


def _specimens(layout: Layout) -> list[list[Message]]:
    """Every prompt of a layout once."""
    said = [Turn("customer", "To Bali."), Turn("assistant", "When?"), Turn("customer", "Tomorrow.")]
    filled = layout.fill(_Specimen, said)
    return [
        filled,
        layout.answer(_Specimen, "Pets?", ["No pets.", "B."]),
        layout.answer(_Specimen, "Pets?", []),
        layout.choose("Which?", {"a": "A.", "b": "b"}, said),
        layout.weigh("Which?", {"A": "a."}, said),
        layout.fuse("Which?", {"A": "a.", "B": "b."}, {"A": _Specimen}, said),
        layout.repair(filled, "{}", "too late"),
    ]
