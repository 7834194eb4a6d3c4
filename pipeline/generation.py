"""Generation: asks a model for a value of a contract, as one step per try, and lets only a valid one pass.

Knows how a text is drawn under its grammar, checked against contract and guardrails, and noted for the receipt; leaves
the order of rescue attempts to recovery.py, an absent engine to gateway.py, and what is asked to its caller.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from models.contract import Contract
from models.engine import Message, Sampling
from models.grammar import Grammar
from pipeline.errors import UsageError
from pipeline.gateway import Gateway
from pipeline.guardrails import Guardrail
from pipeline.recovery import HOPELESS, LADDER, Attempt, Rung, Try, climb
from pipeline.replay import Note, Replay

C = TypeVar("C", bound=Contract)
Holds = Callable[[Guardrail, Sequence[object]], Awaitable[bool]]
"""Whether a guardrail holds for values, by what the run knows beside them."""

_ATTEMPT: TypeAdapter[Attempt] = TypeAdapter(Attempt)


class Generation:
    """The model's side of one record. Without a gateway every generation is a UsageError."""

    def __init__(
        self,
        replay: Replay,
        gateway: Gateway | None,
        today: date,
        holds: Holds,
        *,
        seed: int = 0,
        ladder: Sequence[Rung] = LADDER,
    ) -> None:
        self._replay = replay
        self._gateway = gateway
        self._today = today
        self._holds = holds
        self._seed = seed
        self._ladder = tuple(ladder)

    @property
    def decides(self) -> bool:
        """Whether the model is trusted to weigh evidence and to choose."""
        return self._gateway is not None and self._gateway.engine.profile.decides

    async def produce(
        self,
        kind: type[C],
        contract: type[Contract],
        messages: Sequence[Message],
        grammar: Grammar,
        guardrails: Sequence[Guardrail],
        evidence: Sequence[str],
    ) -> C:
        """A value of `kind` from the model, recovered if need be. `contract` is whose hash goes into the receipt.

        `evidence` names the passages that the messages quote, for the receipt. Escalation at the ladder's top.
        """
        gateway = self._gateway
        if gateway is None:
            raise UsageError("This run has no model: open the pipeline with an engine.")
        hashed = _hash(contract)

        async def attempt(asked: Try) -> Attempt:
            async def execute(note: Note) -> Attempt:
                note.attempt = asked.number
                note.detail = {
                    "contract": contract.__name__,
                    "hash": hashed,
                    "evidence": list(evidence),
                    "rung": asked.rung,
                    "messages": [dataclasses.asdict(message) for message in asked.messages],
                    "sampling": dataclasses.asdict(asked.sampling),
                }
                if grammar.constant is not None:
                    note.detail |= {"finish_reason": "forced", "engine_seconds": 0.0}
                    text, reason = grammar.constant, "forced"
                else:
                    completion = await gateway.generate(asked.messages, grammar, asked.sampling)
                    note.prompt_tokens = completion.usage.prompt_tokens
                    note.completion_tokens = completion.usage.completion_tokens
                    text, reason = completion.text, completion.finish_reason
                    note.detail |= {"finish_reason": reason, "engine_seconds": completion.seconds}
                return Attempt(text, reason, await self._broken(kind, text, guardrails))

            arguments = [hashed, asked.messages, asked.sampling, asked.rung]
            result: Attempt = await self._replay.step(f"model {contract.__name__}", arguments, execute, _ATTEMPT)
            return result

        first = Try(tuple(messages), Sampling(seed=self._seed))
        result = await climb(first, attempt, self._ladder if grammar.constant is None else HOPELESS)
        return kind.model_validate_json(result.text, context={"today": self._today})

    async def _broken(self, kind: type[Contract], text: str, guardrails: Sequence[Guardrail]) -> str | None:
        """Which rule a text breaks, in words that a model can use; None if it may pass."""
        try:
            value = kind.model_validate_json(text, context={"today": self._today})
        except ValidationError as error:
            return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()[:3]) + "."
        for rule in guardrails:
            if not await self._holds(rule, [value]):
                return rule.message
        return None


@cache
def _hash(contract: type[Contract]) -> str:
    return contract.contract_hash()
