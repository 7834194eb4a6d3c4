"""EmbeddedEngine: transformers in this process, through Outlines. Needs no server.

Knows how requests that wait together share a forward pass; knows nothing of contracts or of where models are stored.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher
from outlines import Generator
from outlines.backends.llguidance import LLGuidanceBackend
from outlines.models import Transformers
from outlines.processors import OutlinesLogitsProcessor
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils.logging import disable_progress_bar

from models.engine import Completion, Message, Sampling, Usage
from models.errors import ConstraintBroken, EngineError, EngineUnavailable, ModelNotFound, PromptTooLong
from models.folder import weights_identity
from models.grammar import Grammar
from models.profiles import Profile, profile_of

disable_progress_bar()  # a bar of its own would tear the progress that the command shows

ROWS = 8
"""Requests decoded together at most: beyond this the longest row makes the others wait more than they gain."""

SMALL = 100_000_000
"""Parameters below which one thread decodes: more threads cost more in spinning than they gain (see `_one_thread`)."""


class TokenTransformers(Transformers):  # type: ignore[misc]
    """Outlines' model, fed and read in token ids. The stock one tokenises a templated prompt with special tokens once
    more, and returns text only, so that neither the usage nor the end of a text could be known."""

    def _prepare_model_inputs(self, model_input: Any, is_batch: bool = False) -> tuple[Any, dict[str, torch.Tensor]]:
        width = max(len(prompt) for prompt in model_input)
        ids = torch.full((len(model_input), width), self.tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(model_input):  # padded on the left, so that all rows end at the same place
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        device = self.model.device
        return model_input, {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    def _decode_generation(self, generated_ids: torch.Tensor) -> torch.Tensor:
        return generated_ids


@dataclass
class Row:
    """One request while it is decoded. Written by the worker thread; `abandoned` is set by the event loop."""

    prompt: list[int]
    matcher: LLMatcher | None
    sampling: Sampling
    limit: int
    tokens: list[int] = field(default_factory=list)
    finish_reason: str | None = None
    fault: str = ""
    abandoned: bool = False

    def __post_init__(self) -> None:
        self.draws = torch.Generator().manual_seed(self.sampling.seed % 2**63)


class RowSampler(OutlinesLogitsProcessor):  # type: ignore[misc]
    """Draws the next token of each row under its own grammar, temperature and seed, and leaves only that one possible.

    Outlines' own processor holds one grammar for a whole batch and samples all rows from one random stream, which would
    make a text depend on its neighbours.
    """

    def __init__(self, rows: Sequence[Row], end: int) -> None:
        super().__init__("torch")
        self.rows = rows
        self.end = end

    def process_logits(self, input_ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        chosen = [self._next(row, logits[index]) for index, row in enumerate(self.rows)]
        at = torch.tensor(chosen, device=logits.device).unsqueeze(1)
        return torch.full_like(logits, float("-inf")).scatter_(1, at, 0.0)

    def _next(self, row: Row, logits: torch.Tensor) -> int:
        if row.finish_reason is not None:
            return self.end  # generate() pads a row that has ended
        if row.abandoned or len(row.tokens) >= row.limit:
            row.finish_reason = "length"
            return self.end
        if row.matcher is not None:
            logits = self._mask(row.matcher, logits)
        if row.fault or (row.matcher is not None and row.matcher.is_error()):
            row.finish_reason, row.fault = "error", row.matcher.get_error() if row.matcher else row.fault
            return self.end
        token = _draw(logits, row.sampling, row.draws)
        if row.matcher is not None:
            row.matcher.consume_token(token)
        if token == self.end:
            row.finish_reason = "stop"
        else:
            row.tokens.append(token)
        return token

    @staticmethod
    def _mask(matcher: LLMatcher, logits: torch.Tensor) -> torch.Tensor:
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = torch.zeros(logits.shape[-1], dtype=torch.bool)  # a model may have more logits than it has tokens
        width = min(len(bits), len(allowed))
        allowed[:width] = torch.from_numpy(bits[:width].astype(bool))
        return logits.masked_fill(~allowed.to(logits.device), float("-inf"))


def _draw(logits: torch.Tensor, sampling: Sampling, draws: torch.Generator) -> int:
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    weights = torch.softmax(logits.float().cpu() / sampling.temperature, dim=-1)
    if sampling.top_p < 1.0:
        ordered, order = weights.sort(descending=True)
        ordered[ordered.cumsum(0) - ordered >= sampling.top_p] = 0.0
        weights = torch.zeros_like(weights).scatter_(0, order, ordered)
    return int(torch.multinomial(weights, 1, generator=draws))


def _one_thread() -> None:
    # Spinning OpenMP threads of two models in one process slow each other about tenfold on a small machine.
    torch.set_num_threads(1)


class EmbeddedEngine:
    """A model in this process. One worker thread decodes; requests that wait when it is free go through it together.

    The same request on the same machine gives the same text. In theory a neighbour in the batch can turn a tie between
    two tokens, since sums are rounded in another order; seeds are per request and never shared.
    """

    def __init__(self, model: TokenTransformers, name: str, profile: Profile, identity: str) -> None:
        self.name = name
        self.profile = profile
        self.identity = identity
        self._model = model
        self._tokens = LLGuidanceBackend(model).llg_tokenizer  # takes about a second for a large vocabulary: once
        self._end = int(model.tokenizer.eos_token_id)
        small = sum(parameter.numel() for parameter in model.model.parameters()) < SMALL
        self._worker = ThreadPoolExecutor(1, "embedded-engine", initializer=_one_thread if small else None)
        self._waiting: deque[tuple[Row, asyncio.Future[Row]]] = deque()
        self._decoding: list[Row] = []
        self._drain: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, folder: Path, name: str) -> EmbeddedEngine:
        """Load the model in `folder`; `name` is what the user called it. Raises ModelNotFound."""
        return await asyncio.to_thread(cls._load, folder, name)

    @classmethod
    def _load(cls, folder: Path, name: str) -> EmbeddedEngine:
        identity = weights_identity(folder)
        cuda = torch.cuda.is_available()
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            # On a CPU float32 is both the fastest and the most exact choice for the small models it can carry.
            model = AutoModelForCausalLM.from_pretrained(
                folder, config=config, local_files_only=True, dtype="auto" if cuda else torch.float32
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            reason = str(error).split("\n", 1)[0]
            raise ModelNotFound(f"The model in {name} cannot be loaded: {reason}") from error
        if tokenizer.chat_template is None or tokenizer.eos_token_id is None:
            raise ModelNotFound(
                f"{name} has no chat template or no end-of-text token, so it cannot take messages.",
                "Choose a model tuned for chat.",
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        # The model's own defaults (top_k, repetition penalty, …) must not add to what a request asks for.
        model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
        )
        model = model.to("cuda" if cuda else "cpu").eval()
        profile = profile_of(name)
        known = getattr(config.get_text_config(), "max_position_embeddings", None)
        lengths = [length for length in (known, profile.context) if length]
        if not lengths:
            raise ModelNotFound(
                f"{name} does not say how long its context is.",
                "Add a profile with its context to models/profiles.toml.",
            )
        context = min(lengths)
        return cls(TokenTransformers(model, tokenizer), f"embedded:{name}", replace(profile, context=context), identity)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        if self._closed:
            raise EngineUnavailable(f"{self.name} is closed.", "Open the engine again.")
        started = time.perf_counter()
        prompt = self._encode(messages)
        row = Row(prompt, self._matcher(grammar), sampling, self._limit(len(prompt), grammar, max_tokens))
        done: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._drain is None:
            self._drain = asyncio.create_task(self._decode_all())
        try:
            await done
        except asyncio.CancelledError:
            row.abandoned = True
            raise
        if row.fault or (row.finish_reason == "length" and grammar is not None):
            why = row.fault or "the budget ended"
            raise ConstraintBroken(f"{self.name} stopped inside the grammar after {len(row.tokens)} tokens: {why}.")
        ended = row.finish_reason == "stop"
        return Completion(
            text=self._model.hf_tokenizer.decode(
                row.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ),
            finish_reason="stop" if ended else "length",
            usage=Usage(len(prompt), len(row.tokens) + ended),
            seconds=time.perf_counter() - started,
        )

    async def close(self) -> None:
        """See `Engine.close`. A batch being decoded stops at its next token."""
        self._closed = True
        for row in self._decoding:
            row.abandoned = True
        while self._waiting:
            _, done = self._waiting.popleft()
            if not done.done():
                done.set_exception(self._gone())
        if self._drain is not None:
            await asyncio.wait([self._drain])
        self._worker.shutdown()

    def _gone(self) -> EngineUnavailable:
        return EngineUnavailable(f"{self.name} was closed before it answered.", "Open the engine again.")

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        tokenizer = self._model.hf_tokenizer
        text = tokenizer.apply_chat_template(
            [{"role": message.role, "content": message.content} for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            **self.profile.template,
        )
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _matcher(self, grammar: Grammar | None) -> LLMatcher | None:
        if grammar is None:
            return None
        matcher = LLMatcher(self._tokens, LLMatcher.grammar_from_lark(grammar.lark))
        if matcher.is_error():
            raise EngineError(f"{self.name} cannot compile the grammar: {matcher.get_error()}", "Report this.")
        return matcher

    def _limit(self, prompt: int, grammar: Grammar | None, max_tokens: int | None) -> int:
        room = self.profile.context - prompt
        limit = grammar.max_tokens if grammar else max_tokens or max(room, 1)
        if limit > room:
            raise PromptTooLong(
                f"The prompt takes {prompt} tokens and the answer may take {limit}, but {self.name} holds"
                f" {self.profile.context}."
            )
        return limit

    async def _decode_all(self) -> None:
        loop = asyncio.get_running_loop()
        batch: list[tuple[Row, asyncio.Future[Row]]] = []
        try:
            while self._waiting:
                batch = []
                while self._waiting and len(batch) < ROWS:
                    row, done = self._waiting.popleft()
                    if not done.done():  # else its caller gave up while it waited
                        batch.append((row, done))
                if not batch:
                    continue
                self._decoding = [row for row, _ in batch]
                fault: Exception | None = None
                try:
                    await loop.run_in_executor(self._worker, self._decode, self._decoding)
                except Exception as error:  # a fault of one batch must reach its callers, not end the engine
                    fault = EngineError(f"{self.name} failed while decoding: {type(error).__name__}: {error}")
                    fault.__cause__ = error
                for row, done in batch:
                    if done.done():
                        continue
                    if fault is not None:
                        done.set_exception(fault)
                    elif row.abandoned:
                        done.set_exception(self._gone())
                    else:
                        done.set_result(row)
        finally:
            for row in self._decoding:  # only matters when this task is cancelled: the worker must not go on for nobody
                row.abandoned = True
            self._decoding = []
            self._drain = None
            for _, done in [*batch, *self._waiting]:
                if not done.done():
                    done.cancel()
            self._waiting.clear()

    def _decode(self, rows: Sequence[Row]) -> None:
        sampler = RowSampler(rows, self._end)
        with torch.inference_mode():
            Generator(self._model, processor=sampler).batch(
                [row.prompt for row in rows], max_new_tokens=max(row.limit for row in rows)
            )
        for row in rows:
            row.finish_reason = row.finish_reason or "length"
