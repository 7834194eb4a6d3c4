"""PlainWay: structured output as most people ask for it: Outlines, a Pydantic class, default settings, a vLLM server.

What Interlock is measured against. Knows Outlines' client; does not know grammars of our own.
"""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI
from outlines.inputs import Chat
from pydantic import BaseModel, ConfigDict, Field

from models.bench.proof.twin import twin
from models.contract import Contract
from models.engines.vllm.address import root_of
from models.engines.vllm.client import CompletionVLLM, connect, greet
from models.engines.vllm.failures import errors
from models.engines.vllm.replies import ChatReply
from models.grammar.fragments.unenforced import CUSTOM
from models.said import QuoteMark, SaidMark, ScratchpadMark


class PlainWay:
    """A vLLM server through `outlines.from_vllm`, with nothing added but the limit that a contract's budget is."""

    def __init__(self, client: AsyncOpenAI, model: str) -> None:
        self._client = client
        self._model = CompletionVLLM(client, model)  # the same request; but it also tells the finish_reason

    @classmethod
    async def open(cls, url: str) -> PlainWay:
        """Connect to the server at `url`. Raises EngineUnavailable or ModelNotFound."""
        client = connect(root_of(url))
        served, _ = await greet(client, url)
        return cls(client, served.id)

    async def generate(
        self, prompt: str, kind: type[BaseModel], max_tokens: int, temperature: float, seed: int
    ) -> tuple[str, str]:
        """The text and its finish_reason. Raises EngineError where the server refuses the class."""
        with errors("the server"):
            answer: ChatReply = await self._model(
                Chat([{"role": "user", "content": prompt}]),
                kind,
                max_tokens=max_tokens,
                temperature=temperature,
                seed=seed,
            )
        return answer.choices[0].message.content or "", answer.choices[0].finish_reason or "none"

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()


def plain_twin(contract: type[Contract]) -> type[BaseModel]:
    """`contract` as an ordinary class, with Pydantic's defaults; what may only be copied is a str of that length."""
    return twin(contract, ConfigDict(), _plain)


def _plain(kind: Any, marks: list[Any]) -> tuple[Any, list[Any]]:
    said = next((mark for mark in marks if isinstance(mark, SaidMark)), None)
    left = [mark for mark in marks if not isinstance(mark, (SaidMark, QuoteMark, ScratchpadMark, *CUSTOM))]
    return (str, [*left, Field(max_length=said.max_length)]) if said else (kind, left)
