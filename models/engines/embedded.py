"""EmbeddedEngine: transformers in this process, through Outlines. Needs no server.

Knows what a request is made of, and its answer: the prompt's tokens, the grammar's matcher, the budget. How requests
share a forward pass is decoding_worker.py's; knows nothing of contracts or of where models are stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from llguidance import LLMatcher
from llguidance.hf import from_tokenizer

from models.engines.chat_template import ChatTemplate
from models.engines.closing import Closing
from models.engines.context_window import answer_limit
from models.engines.decoding_worker import DecodingWorker
from models.engines.engine import Completion, Decoding, Enforcement, Message, Sampling, Usage
from models.engines.hearing import listener
from models.engines.model_folder import names_of, weights_identity
from models.engines.profiles import Profile, profile_of
from models.engines.sampler import Row
from models.engines.think_tags import bare_thought, split_thought
from models.engines.token_texts import TokenTexts
from models.engines.token_transformers import TokenTransformers
from models.errors import BudgetTooSmall, ConstraintBroken, ModelNotFound, RequestRefused, TooComplex
from models.grammar.grammar import Grammar
from models.grammar.matchers import Matchers, is_outgrown
from models.interfaces import EMBEDDED, versions
from models.offload import COMPILER, offload

if TYPE_CHECKING:
    from models.engines.engine import Canary

SHOWN = 40
"""Characters of a text that are kept of where its grammar left least."""


def _before(text: str, stops: Sequence[str]) -> str:
    """A text as far as the first of its stops."""
    return text[: min([len(text), *(at for stop in stops if (at := text.find(stop)) >= 0)])]


def _dtype(model: TokenTransformers) -> str:
    return str(next(model.model.parameters()).dtype).removeprefix("torch.")


class EmbeddedEngine:
    """A model in this process. One worker thread decodes (`DecodingWorker`), and lets requests join and leave.

    In float32 the same request on the same machine gives the same text; in theory a neighbour in the batch can turn a
    tie between two tokens, since sums are rounded in another order. In bfloat16 (`profile.dtype`) that happens: see
    docs/gpu.md. Seeds are per request and never shared.
    """

    enforcement: Enforcement = "grammar"
    canary: Canary | None = None
    closes = True
    stands_back = True

    def __init__(self, model: TokenTransformers, name: str, profile: Profile, identity: str) -> None:
        self.name = name
        self.profile = profile
        self.identity = identity
        self._model = model
        # Reading a large vocabulary takes about a second: once.
        self._tokenizer = from_tokenizer(model.hf_tokenizer)
        self._matchers = Matchers(self._tokenizer)
        self._chat = ChatTemplate(model.hf_tokenizer, profile)
        self._texts = TokenTexts(model.hf_tokenizer)
        self._worker = DecodingWorker(model, name, self.mend)

    @property
    def mend(self) -> str:
        """See `Enforcer.mend`. Nothing of it can be set wrong: masks are made and applied in this process."""
        return f"Report this with what it runs on: {versions(EMBEDDED)}."

    @classmethod
    async def open(cls, folder: Path, name: str) -> EmbeddedEngine:
        """Load the model in `folder`; `name` is what the user called it. Raises ModelNotFound."""
        return await asyncio.to_thread(cls._load, folder, name)

    @classmethod
    def _load(cls, folder: Path, name: str) -> EmbeddedEngine:
        identity = weights_identity(folder)
        profile = profile_of(name, names_of(folder))
        model = TokenTransformers.load(folder, name, profile.dtype)
        known = getattr(model.model.config.get_text_config(), "max_position_embeddings", None)
        lengths = [length for length in (known, profile.context) if length]
        if not lengths:
            raise ModelNotFound(
                f"{name} does not say how long its context is.",
                "Add a profile with its context to models/engines/profiles.toml.",
            )
        context = min(lengths)
        return cls(model, f"embedded:{name}", replace(profile, context=context, dtype=_dtype(model)), identity)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        self._check_biases(sampling)
        prompt = await self._encoded(messages, self.profile.template)
        stops = sampling.stop if isinstance(sampling, Decoding) else ()
        if grammar is None:
            closes = self._texts.closes(stops) if stops else None
            row = Row(prompt, None, sampling, self._limit(len(prompt), max_tokens), closes)
        else:
            row = await self._constrained(prompt, grammar, sampling, max_tokens)
        heard = listener()
        if heard is not None:
            row.tell = self._texts.teller(heard, (*stops,), "" if grammar else self.profile.thinking_tags[0])
        raw = await self._decoded(row)
        if grammar is None:
            thought, text = split_thought(raw.text, self.profile.thinking_tags)
            return replace(raw, text=_before(text, stops), thinking=thought)
        if row.matcher is not None and is_outgrown(row.matcher):
            raise TooComplex(f"The grammar is too complex ({row.fault}).")
        if row.fault or raw.finish_reason == "length":
            why = row.fault or "the budget ended"
            raise ConstraintBroken(
                f"{self.name} stopped inside the grammar after {len(row.tokens)} tokens: {why}.",
                self.mend,
                raw.text,
                cut=not row.fault,
                tokens=(raw.usage.prompt_tokens, raw.usage.completion_tokens),
            )
        return raw

    def _check_biases(self, sampling: Sampling) -> None:
        """RequestRefused for a token that there is not, as a vLLM server refuses it."""
        tokens = self._model.model.config.get_text_config().vocab_size
        beyond = (
            [token for token, _ in sampling.logit_bias if token >= tokens] if isinstance(sampling, Decoding) else []
        )
        if beyond:
            raise RequestRefused(
                f'"logit_bias" cannot be obeyed: {self.name} has {tokens:,} tokens, and {beyond[0]} is none of them.',
                "Give the ids of its own tokenizer.",
            )

    async def _constrained(
        self, prompt: list[int], grammar: Grammar, sampling: Sampling, max_tokens: int | None
    ) -> Row:
        """A request under a grammar: within its budget, and brought to its end where it may take less, or has no end.
        One whose text may be cut has the budget that its caller gave it, and no other end."""
        weighs = grammar.weighs > 0
        if not grammar.closes(max_tokens):
            limit = self._limit(len(prompt), grammar.max_tokens)
            return Row(prompt, await self._start(grammar.lark), sampling, limit, weighs=weighs)
        self._limit(len(prompt), 1)
        limit = min(filter(None, (grammar.max_tokens, max_tokens, self.profile.context - len(prompt))))
        lark, closing = grammar.opened().lark, None
        if grammar.open or limit != grammar.max_tokens:
            try:
                closing = await offload(partial(Closing, self._tokenizer, lark, limit), len(lark), 0, COMPILER)
            except BudgetTooSmall:
                if limit != grammar.max_tokens:
                    raise
                lark = grammar.lark  # no ending was found, and none is needed: the longest bounded text has room
        return Row(prompt, await self._start(lark), sampling, limit, weighs=weighs, closing=closing)

    async def _start(self, lark: str) -> LLMatcher:
        size = 0 if self._matchers.has(lark) else len(lark)
        return await offload(partial(self._matchers.start_of, lark), size, 0, COMPILER)

    async def think(self, messages: Sequence[Message], sampling: Sampling, max_tokens: int) -> Completion:
        """See `Thinker.think`."""
        tags = self.profile.thinking_tags
        prompt = await self._encoded(messages, {**self.profile.template, **self.profile.thinking_on})
        row = Row(prompt, None, sampling, self._limit(len(prompt), max_tokens), self._texts.closes(tags[1:]))
        raw = await self._decoded(row)
        return replace(raw, text="", thinking=bare_thought(raw.text, tags))

    async def _decoded(self, row: Row) -> Completion:
        started = time.perf_counter()
        await self._worker.decode(row)
        return Completion(
            text=self._texts.text(row.tokens),
            finish_reason="stop" if row.finish_reason == "stop" else "length",
            usage=Usage(len(row.prompt), row.drawn),
            seconds=time.perf_counter() - started,
            first=self._texts.shares(row.first),
            closed=row.closing.closed if row.closing else "",
            logprobs=[self._texts.scored(token, score, others) for token, score, others in row.scored],
            prompt_logprobs=self._texts.each(row.prompt[1 : 1 + len(row.prompt_logprobs)], row.prompt_logprobs),
            mass=row.mass,
            tight=self._texts.whole(row.tokens[: row.tight])[-SHOWN:],
            own_seconds=row.ended - row.began,
        )

    async def close(self) -> None:
        """See `Engine.close`. What is being decoded stops at its next token."""
        await self._worker.close()

    def _encode(self, messages: Sequence[Message], template: Mapping[str, object]) -> list[int]:
        if messages and messages[0].role == "prompt":
            return self._chat.plain(messages[0].content)
        return self._chat.tokens(self._chat.text(messages, template))

    async def _encoded(self, messages: Sequence[Message], template: Mapping[str, object]) -> list[int]:
        return await offload(lambda: self._encode(messages, template), sum(len(one.content) for one in messages))

    def _limit(self, prompt: int, limit: int | None) -> int:
        return answer_limit(self.name, self.profile.context, prompt, limit)
