"""TokenTexts: what a model's tokens are as text, for answers, listeners, stops and log-probabilities.

Knows a tokenizer; knows neither models nor grammars.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.engines.hearing import Heard, speakable

LEAST_LOGPROB = -9999.0
"""What OpenAI's API says for a token that was all but impossible: JSON has no infinity."""


class TokenTexts:
    """Of one tokenizer of transformers."""

    def __init__(self, tokenizer: Any) -> None:
        self._decode = tokenizer.decode

    def text(self, tokens: Sequence[int]) -> str:
        """An answer: without special tokens."""
        answer: str = self._decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return answer

    def whole(self, tokens: Sequence[int]) -> str:
        """All of it, special tokens too. Some tokens are a part of a character, which is U+FFFD by itself."""
        text: str = self._decode(tokens, clean_up_tokenization_spaces=False)
        return text

    def shares(self, tokens: Mapping[int, float]) -> dict[str, float]:
        """Probabilities of tokens by their texts; of several tokens with one text the sum."""
        texts: dict[str, float] = {}
        for token, share in tokens.items():
            text = self.whole([token])
            texts[text] = texts.get(text, 0.0) + share
        return texts

    def scored(self, token: int, score: float, others: Mapping[int, float]) -> dict[str, Any]:
        """One token's log-probability, and those of its alternatives, as OpenAI's API has them."""
        alternatives = [self._told(other, likely) for other, likely in others.items()]
        return {**self._told(token, score), "top_logprobs": alternatives}

    def each(self, tokens: Sequence[int], scores: Sequence[float]) -> list[tuple[str, float]]:
        """Tokens as texts, with their log-probabilities."""
        return [(self.whole([token]), score) for token, score in zip(tokens, scores, strict=True)]

    def _told(self, token: int, score: float) -> dict[str, Any]:
        text = self.whole([token])
        return {"token": text, "logprob": max(score, LEAST_LOGPROB), "bytes": list(text.encode())}

    def closes(self, tags: Sequence[str]) -> Callable[[list[int]], bool]:
        """Tells of the tokens so far whether they have just come to the end of one of the `tags`."""
        width = max(len(tag.encode()) for tag in tags)  # a token is at least a byte

        def closes(tokens: list[int]) -> bool:
            end = self.whole(tokens[-width:])
            return any(tag in end for tag in tags)

        return closes

    def teller(self, heard: Heard, stops: tuple[str, ...], thought: str) -> Callable[[list[int]], None]:
        """Tells `heard`, on the loop of its caller, of tokens as text, as far as that stands (`hearing.speakable`)."""
        loop = asyncio.get_running_loop()

        def tell(tokens: list[int]) -> None:
            loop.call_soon_threadsafe(heard, speakable(self.text(tokens), stops, thought))

        return tell
