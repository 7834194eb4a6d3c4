"""Context window: what a context leaves for an answer. Knows counts of tokens only."""

from __future__ import annotations

from models.errors import PromptTooLong


def answer_limit(name: str, context: int, prompt: int, limit: int | None) -> int:
    """Tokens that an answer may take: `limit`, or all that `prompt` leaves of the `context` of the engine `name`.

    Raises PromptTooLong if that is more than there is room for.
    """
    room = context - prompt
    limit = limit or max(room, 1)
    if limit > room:
        raise PromptTooLong(
            f"The prompt takes {prompt} tokens and the answer may take {limit}, but {name} holds {context}."
        )
    return limit
