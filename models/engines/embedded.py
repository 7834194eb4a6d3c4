"""EmbeddedEngine: transformers in this process, through Outlines. Needs no server.

Knows how requests that wait together share a forward pass; knows nothing of contracts or of where models are stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from llguidance.hf import from_tokenizer
from outlines import Generator

from models.background import Share, in_thread
from models.engines.chat_template import ChatTemplate
from models.engines.closing import Closing
from models.engines.context_window import answer_limit
from models.engines.continuous_batching import ROWS
from models.engines.engine import Completion, Decoding, Enforcement, Message, Sampling, Usage
from models.engines.hearing import Heard, listener, speakable
from models.engines.model_folder import names_of, weights_identity
from models.engines.precision import SMALL
from models.engines.profiles import Profile, profile_of
from models.engines.sampler import Row, Sampler
from models.engines.shared_cache import can_share
from models.engines.think_tags import bare_thought, split_thought
from models.engines.token_transformers import TokenTransformers
from models.engines.waiting import Waiting
from models.errors import BudgetTooSmall, ConstraintBroken, EngineError, EngineUnavailable, ModelNotFound
from models.grammar.grammar import Grammar
from models.grammar.matchers import Matchers
from models.interfaces import EMBEDDED, versions
from models.offload import offload
from models.threads import decoding_threads

if TYPE_CHECKING:
    from models.engines.engine import Canary

SHOWN = 40
"""Characters of a text that are kept of where its grammar left least."""


LEAST_LOGPROB = -9999.0
"""What OpenAI's API says for a token that was all but impossible: JSON has no infinity."""


def _before(text: str, stops: Sequence[str]) -> str:
    """A text as far as the first of its stops."""
    return text[: min([len(text), *(at for stop in stops if (at := text.find(stop)) >= 0)])]


def _dtype(model: TokenTransformers) -> str:
    return str(next(model.model.parameters()).dtype).removeprefix("torch.")


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)  # of this thread only


class EmbeddedEngine:
    """A model in this process. One worker thread decodes; a request joins those that it decodes at their next step, at
    most `ROWS` together. What is of the background (models/background.py) is decoded apart, and stands still while
    people wait, but for its share. A model with a sliding window decodes those that wait when it is free, to the last
    one's end: people's, or the background's.

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
        self._end = int(model.hf_tokenizer.eos_token_id)
        self._chat = ChatTemplate(model.hf_tokenizer, profile)
        self._jumps = can_share(model.model)
        small = sum(parameter.numel() for parameter in model.model.parameters()) < SMALL
        self._worker = ThreadPoolExecutor(
            1, "embedded-engine", initializer=_set_threads, initargs=(decoding_threads(small),)
        )
        self._waiting = Waiting()
        self._share = Share()
        self._decoding: dict[int, tuple[Row, asyncio.Future[Row]]] = {}
        self._drain: asyncio.Task[None] | None = None
        self._closed = False

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
        prompt = await self._encoded(messages, self.profile.template)
        stops = sampling.stop if isinstance(sampling, Decoding) else ()
        if grammar is None:
            closes = self._closes(stops) if stops else None
            row = Row(prompt, None, sampling, self._limit(len(prompt), max_tokens), closes)
        else:
            row = await self._constrained(prompt, grammar, sampling, max_tokens)
        heard = listener()
        if heard is not None:
            row.tell = self._teller(heard, (*stops,), "" if grammar else self.profile.thinking_tags[0])
        raw = await self._decoded(row)
        if grammar is None:
            thought, text = split_thought(raw.text, self.profile.thinking_tags)
            return replace(raw, text=_before(text, stops), thinking=thought)
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

    async def _constrained(
        self, prompt: list[int], grammar: Grammar, sampling: Sampling, max_tokens: int | None
    ) -> Row:
        """A request under a grammar: within its budget, and brought to its end where it may take less, or has no end.
        One whose text may be cut has the budget that its caller gave it, and no other end."""
        weighs = grammar.weighs > 0
        if not grammar.closes(max_tokens):
            limit = self._limit(len(prompt), grammar.max_tokens)
            return Row(prompt, self._matchers.start(grammar), sampling, limit, weighs=weighs)
        self._limit(len(prompt), 1)
        limit = min(filter(None, (grammar.max_tokens, max_tokens, self.profile.context - len(prompt))))
        lark, closing = grammar.opened().lark, None
        if grammar.open or limit != grammar.max_tokens:
            try:
                closing = await in_thread(Closing, self._tokenizer, lark, limit)
            except BudgetTooSmall:
                if limit != grammar.max_tokens:
                    raise
                lark = grammar.lark  # no ending was found, and none is needed: the longest bounded text has room
        return Row(prompt, self._matchers.start_of(lark), sampling, limit, weighs=weighs, closing=closing)

    async def think(self, messages: Sequence[Message], sampling: Sampling, max_tokens: int) -> Completion:
        """See `Thinker.think`."""
        tags = self.profile.thinking_tags
        prompt = await self._encoded(messages, {**self.profile.template, **self.profile.thinking_on})
        row = Row(prompt, None, sampling, self._limit(len(prompt), max_tokens), self._closes(tags[1:]))
        raw = await self._decoded(row)
        return replace(raw, text="", thinking=bare_thought(raw.text, tags))

    async def _decoded(self, row: Row) -> Completion:
        if self._closed:
            raise EngineUnavailable(f"{self.name} is closed.", "Open the engine again.")
        started = time.perf_counter()
        done: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting.put(row, done)
        if self._drain is None:
            self._drain = asyncio.create_task(self._decode_all())
        try:
            await done
        except asyncio.CancelledError:
            row.abandoned = True
            raise
        return Completion(
            text=self._model.hf_tokenizer.decode(
                row.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ),
            finish_reason="stop" if row.finish_reason == "stop" else "length",
            usage=Usage(len(row.prompt), row.drawn),
            seconds=time.perf_counter() - started,
            first=self._texts(row.first),
            closed=row.closing.closed if row.closing else "",
            logprobs=[self._scored(token, score, others) for token, score, others in row.scored],
            mass=row.mass,
            tight=self._model.hf_tokenizer.decode(row.tokens[: row.tight], clean_up_tokenization_spaces=False)[-SHOWN:],
            own_seconds=row.ended - row.began,
        )

    def _teller(self, heard: Heard, stops: tuple[str, ...], thought: str) -> Callable[[list[int]], None]:
        """What tells of a row's tokens as a text, on the loop of its caller."""
        loop, decode = asyncio.get_running_loop(), self._model.hf_tokenizer.decode

        def tell(tokens: list[int]) -> None:
            text = decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            loop.call_soon_threadsafe(heard, speakable(text, stops, thought))

        return tell

    def _scored(self, token: int, score: float, others: Mapping[int, float]) -> dict[str, Any]:
        """One token's log-probability as OpenAI's API has it. Its text alone may be a part of a character."""
        alternatives = [self._told(other, likely) for other, likely in others.items()]
        return {**self._told(token, score), "top_logprobs": alternatives}

    def _told(self, token: int, score: float) -> dict[str, Any]:
        text = self._model.hf_tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return {"token": text, "logprob": max(score, LEAST_LOGPROB), "bytes": list(text.encode())}

    def _texts(self, tokens: Mapping[int, float]) -> dict[str, float]:
        texts: dict[str, float] = {}
        for token, weight in tokens.items():
            text = self._model.hf_tokenizer.decode([token], clean_up_tokenization_spaces=False)
            texts[text] = texts.get(text, 0.0) + weight
        return texts

    async def close(self) -> None:
        """See `Engine.close`. What is being decoded stops at its next token."""
        self._closed = True
        for row, _ in [*self._decoding.values()]:
            row.abandoned = True
        for entry in self._waiting.all():
            if not entry[1].done():
                entry[1].set_exception(self._gone())
        if self._drain is not None:
            await asyncio.wait([self._drain])
        self._worker.shutdown()

    def _gone(self) -> EngineUnavailable:
        return EngineUnavailable(f"{self.name} was closed before it answered.", "Open the engine again.")

    def _fault(self, error: Exception) -> EngineError:
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        room = "Use a smaller model, or free memory."
        return EngineError(
            f"{self.name} failed while decoding: {type(error).__name__}: {reason}.",
            room if isinstance(error, (MemoryError, torch.OutOfMemoryError)) else self.mend,
        )

    def _encode(self, messages: Sequence[Message], template: Mapping[str, object]) -> list[int]:
        if messages and messages[0].role == "prompt":
            return self._chat.plain(messages[0].content)
        return self._chat.tokens(self._chat.text(messages, template))

    async def _encoded(self, messages: Sequence[Message], template: Mapping[str, object]) -> list[int]:
        return await offload(lambda: self._encode(messages, template), sum(len(one.content) for one in messages))

    def _closes(self, tags: Sequence[str]) -> Callable[[list[int]], bool]:
        # A token is at least a byte.
        decode, width = self._model.hf_tokenizer.decode, max(len(tag.encode()) for tag in tags)

        def closes(tokens: list[int]) -> bool:
            end = decode(tokens[-width:], clean_up_tokenization_spaces=False)
            return any(tag in end for tag in tags)

        return closes

    def _limit(self, prompt: int, limit: int | None) -> int:
        return answer_limit(self.name, self.profile.context, prompt, limit)

    async def _decode_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                try:
                    await loop.run_in_executor(self._worker, self._decode, loop)
                except Exception as error:  # a fault must reach those that it met, not end the engine
                    fault = self._fault(error)
                    fault.__cause__ = error
                    for _, done in self._taken():
                        if not done.done():
                            done.set_exception(fault)
        finally:
            for row, done in [*self._taken(), *self._waiting.all()]:
                row.abandoned = True  # only matters when this task is cancelled: the worker must not go on for nobody
                if not done.done():
                    done.cancel()
            self._drain = None

    def _taken(self) -> list[tuple[Row, asyncio.Future[Row]]]:
        """Those that are being decoded, who are nobody's from now on."""
        taken = [*self._decoding.values()]
        self._decoding.clear()
        return taken

    def _answer(self, row: Row) -> None:
        _, done = self._decoding.pop(id(row), (row, None))
        if done is None or done.done():
            return
        if row.abandoned:
            done.set_exception(self._gone())
        else:
            done.set_result(row)

    # The rest runs in the worker thread.

    def _decode(self, loop: asyncio.AbstractEventLoop) -> None:
        def left(row: Row) -> None:
            loop.call_soon_threadsafe(self._answer, row)

        def arrivals(room: int, last: bool) -> list[Row]:
            arrived = list[Row]()
            while len(arrived) < room and (row := self._next(last)) is not None:
                if self._jumps:
                    row.jump()
                if row.finish_reason is None:
                    arrived.append(row)
                else:  # what the grammar says alone needs no model
                    row.ended = time.perf_counter()
                    left(row)
            return arrived

        due = not self._jumps and self._share.left(self._waiting.crowded) <= 0
        rows = arrivals(ROWS, due) or arrivals(ROWS, not due)
        if not rows:
            return
        began = time.perf_counter()
        sampler = Sampler(rows, self._end, self._jumps, arrivals, left, self._waiting.wait)
        Generator(self._model, processor=sampler).batch([row.prompt + row.tokens for row in rows])
        if not self._jumps:  # then all of them end together
            for row in rows:
                row.finish_reason = row.finish_reason or "length"
                sampler.ended(row)
            if (work := rows[0].background) is not None:
                self._share.took(time.perf_counter() - began, work.part)

    def _next(self, last: bool) -> Row | None:
        """The next request that waits and whose caller has not given up; with `last`, of the background."""
        while (entry := self._waiting.take(last)) is not None:
            row, done = entry
            if done.done():
                continue
            row.began = row.ended = time.perf_counter()
            self._decoding[id(row)] = (row, done)
            row.abandoned |= self._closed
            return row
        return None
