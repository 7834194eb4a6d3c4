"""ChatTemplate: messages as the one text that a model reads, and its tokens. Knows a tokenizer; loads none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.engines.engine import Message
from models.engines.profiles import Profile
from models.grammar.control_tokens import broken, marks


@dataclass(frozen=True)
class Templated:
    """`text` is the prompt as it is read, to the answer's beginning; `tokens` how many it has."""

    text: str
    tokens: int


class ChatTemplate:
    """That of a Hugging Face tokenizer."""

    def __init__(self, tokenizer: Any, profile: Profile) -> None:
        self.profile = profile
        self._tokenizer = tokenizer
        self._control = marks(tokenizer.get_added_vocab())  # no message may hold one

    def text(self, messages: Sequence[Message], variables: Mapping[str, object]) -> str:
        """The prompt; `variables`: what the template is told besides."""
        text: str = self._tokenizer.apply_chat_template(
            [{"role": message.role, "content": broken(message.content, self._control)} for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            **variables,
        )
        return text

    def tokens(self, text: str) -> list[int]:
        """The ids of a templated text."""
        # Not verbose: what is too long is refused before it is read, and not "indexing errors", as it would say.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def plain(self, text: str) -> list[int]:
        """The ids of a text that stands without the template."""
        ids: list[int] = self._tokenizer(broken(text, self._control), verbose=False)["input_ids"]
        return ids

    async def templated(self, messages: Sequence[Message]) -> Templated:
        """See `models.engines.open_templating.Templating`."""
        text = self.text(messages, self.profile.template)
        return Templated(text, len(self.tokens(text)))
