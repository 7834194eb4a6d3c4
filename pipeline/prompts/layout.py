"""Layout: how what a model is asked becomes the messages that it reads. Knows no wording (copier.py, instruct.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from models.engines.engine import Message
from pipeline.prompts.example import Example
from pipeline.record import Turn

if TYPE_CHECKING:
    from models.contract import Contract


class Layout(Protocol):
    """One for each kind of model that is addressed in its own way; the name is what a profile calls it."""

    @property
    def name(self) -> str:
        """As in models/engines/profiles.toml."""

    def fill(
        self, contract: type[Contract], conversation: Sequence[Turn], examples: Sequence[Example] = ()
    ) -> list[Message]:
        """Ask for a contract's fields from what was said in the conversation."""

    def answer(
        self, contract: type[Contract], question: str, passages: Sequence[str], examples: Sequence[Example] = ()
    ) -> list[Message]:
        """Ask a question about passages, if there are any, to be answered as a contract."""

    def choose(
        self,
        question: str,
        options: Mapping[str, str],
        conversation: Sequence[Turn],
        examples: Sequence[Example] = (),
    ) -> list[Message]:
        """Ask for one of the options (name to description) in the light of the conversation."""

    def weigh(self, question: str, options: Mapping[str, str], conversation: Sequence[Turn]) -> list[Message]:
        """Ask for the letter of one of the options (letter to name and description)."""

    def fuse(
        self,
        question: str,
        options: Mapping[str, str],
        forms: Mapping[str, type[Contract]],
        conversation: Sequence[Turn],
    ) -> list[Message]:
        """Ask for the letter of one of the options (letter to name and description), and for its form's fields."""

    def repair(self, messages: Sequence[Message], text: str, error: str) -> list[Message]:
        """Show a model its refused answer and the reason, and ask again."""
