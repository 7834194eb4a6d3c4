"""Prompted: an engine that takes no grammars, made to answer in a contract all the same: it is asked for XML, its reply
is read, and what is wrong is shown to it.

Knows the turns, and where the wording goes. Does not know how a reply is read (models/engines/prompted/xml_reply.py),
nor any engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from models.engines.engine import Completion, Engine, Message, Sampling, Usage
from models.engines.prompted.xml.aside import without_asides
from models.engines.prompted.xml.form import described, place_of, wrappers
from models.engines.prompted.xml_reply import ReplyRefused, longest_reply, read_reply
from models.engines.wording import Wording, said
from models.engines.wrapper import Wrapper
from models.errors import EngineError, PromptedFailure, PromptTooLong
from models.grammar.grammar import Grammar

THOUGHTS = 1024
"""Tokens that a reply may take beyond the longest answer: closing tags, thoughts and prose."""
SHOWN = 4000
"""Characters of a refused reply that are shown again, its last ones."""


class Prompted(Wrapper):
    """See `Engine`. What it returns under a grammar is a text of that grammar and a valid value of its contract, as
    with any engine; it cannot promise that there is one: PromptedFailure, when `repairs` repair turns did not help.

    `usage` and `seconds` are those of all turns together; `thinking` is what the model thought aloud in them.
    """

    def __init__(self, engine: Engine, repairs: int = 2, wording: Wording = Wording()) -> None:
        super().__init__(engine)
        self._repairs = repairs
        self._wording = wording

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return f"prompted:{self.inner.name}"

    @property
    def enforcement(self) -> Literal["prompted"]:
        """See `Engine.enforcement`."""
        return "prompted"

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`. Raises PromptedFailure, and EngineError for a grammar without a contract."""
        if grammar is None:
            return await self.inner.generate(messages, None, sampling, max_tokens)
        if grammar.constant is not None:
            return Completion(grammar.constant, "stop", Usage(0, 0), 0.0, enforcement="prompted")
        if grammar.contract is None:
            raise EngineError("A grammar without a contract cannot be described to a model.", "Compile a contract.")
        root = place_of(grammar.contract)
        asked = _with_form(messages, said(self._wording.xml, form=described(grammar, root)))
        turns: Sequence[Message] = asked
        calls: list[Completion] = []
        refusal: ReplyRefused | None = None
        for attempt in range(self._repairs + 1):
            try:
                reply = await self.inner.generate(
                    turns, None, replace(sampling, seed=sampling.seed + attempt), grammar.max_tokens + THOUGHTS
                )
            except PromptTooLong as error:
                if refusal is None:
                    raise
                raise _failure(refusal, len(calls)) from error  # only the repair turn is too long
            calls.append(reply)
            try:
                text, _ = read_reply(reply.text, grammar)
            except ReplyRefused as error:
                refusal = error
                shown = without_asides(reply.text[-SHOWN:], wrappers(root))[0].strip()
                answered = [Message("assistant", shown)] if shown else []
                turns = [
                    *asked,
                    *answered,
                    Message("user", said(self._wording.xml_refused, error=error.what, tag=root.tag)),
                ]
            else:
                return _completion(text, calls, grammar)
        assert refusal is not None, "repairs is at least 0"
        raise _failure(refusal, len(calls))


def _with_form(messages: Sequence[Message], form: str) -> list[Message]:
    """`messages` with the form at the end of the system message: requests of one kind begin alike, and are cached."""
    system = [message for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    return [Message("system", "\n\n".join([*(message.content for message in system), form])), *rest]


def _completion(text: str, calls: Sequence[Completion], grammar: Grammar) -> Completion:
    assert grammar.contract is not None
    around = wrappers(place_of(grammar.contract))
    thoughts = [call.thinking for call in calls]
    thoughts += [without_asides(call.text[: longest_reply(grammar)], around)[1] for call in calls]
    usage = Usage(sum(call.usage.prompt_tokens for call in calls), sum(call.usage.completion_tokens for call in calls))
    return Completion(
        text,
        "stop",
        usage,
        sum(call.seconds for call in calls),
        thinking="\n".join(thought for thought in thoughts if thought),
        enforcement="prompted",
    )


def _failure(refusal: ReplyRefused, calls: int) -> PromptedFailure:
    count = "1 reply" if calls == 1 else f"{calls} replies"
    return PromptedFailure(f"The model wrote {count}, none of them a value of its contract. {refusal.what}")
