"""Row: one request while it is decoded beside others, and the sampler that draws every row's next token.

Knows logits, masks and draws; knows neither the model nor who asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from llguidance import LLMatcher
from outlines.processors import OutlinesLogitsProcessor

from models.background import Background
from models.engines.closing import Closing
from models.engines.engine import Decoding, Sampling
from models.grammar.matchers import fault_of

DRAWS = 8
"""Tokens that are drawn in one place, at most, before a text that has hardly room left is brought to its end."""

LIKELIEST = 20
"""Alternatives of a first token that are noted: as many as vLLM gives by default at most."""


@dataclass
class Row:
    """One request while it is decoded. Written by the worker thread; `abandoned` is set by the event loop.

    `closes` tells whether the tokens so far end the text by themselves. `weighs`: `first` gets the likeliest tokens of
    the first draw with their probabilities. `scored`: of each token its log-probability and those of its alternatives,
    where the sampling asks for that, among what the grammar allows: a forced one has none. `prompt_logprobs`: of each
    token of the prompt but the first, where the sampling asks for those. `drawn` counts the
    end-of-text token, `tokens` does not hold it. `ahead` are the latest tokens, which no forward pass has seen. `mass`:
    the least probability that the grammar left the model where it left it a choice, with `tight` tokens before it; None
    where it never did. `closing` ends the text within its limit. `tell` hears the tokens so far, in the worker thread.
    `began`, `ended`: of its decoding, on the clock of `time.perf_counter`, `began` moved on by the time in which others
    were decoded instead. `background`: whose work it is, None: a person's.
    """

    prompt: list[int]
    matcher: LLMatcher | None
    sampling: Sampling
    limit: int
    closes: Callable[[list[int]], bool] | None = None
    weighs: bool = False
    closing: Closing | None = None
    tell: Callable[[list[int]], None] | None = None
    first: dict[int, float] = field(default_factory=dict)
    mass: float | None = None
    tight: int = 0
    began: float = 0.0
    ended: float = 0.0
    tokens: list[int] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)
    scored: list[tuple[int, float, dict[int, float]]] = field(default_factory=list)
    prompt_logprobs: list[float] = field(default_factory=list)
    drawn: int = 0
    finish_reason: str | None = None
    fault: str = ""
    abandoned: bool = False
    background: Background | None = None

    def __post_init__(self) -> None:
        self.draws = torch.Generator().manual_seed(self.sampling.seed % 2**63)

    @property
    def logprobs(self) -> int | None:
        """How many alternatives are told of each token; None: nothing is told."""
        return self.sampling.logprobs if isinstance(self.sampling, Decoding) else None

    @property
    def tells_prompt(self) -> bool:
        """Whether the log-probabilities of the prompt's own tokens are told."""
        return isinstance(self.sampling, Decoding) and self.sampling.prompt_logprobs

    def notice(self, shares: torch.Tensor, allowed: torch.Tensor) -> None:
        """Take down how much of its probability, `shares`, a model was left at a choice; one token alone is none."""
        if int(allowed.sum()) < 2:
            return
        mass = min(float(shares @ allowed.to(shares.dtype)), 1.0)
        if self.mass is None or mass < self.mass:
            self.mass, self.tight = mass, len(self.tokens)

    def jump(self) -> None:
        """Take the tokens that the grammar forces now; where it forces the end of the text, that too."""
        if self.matcher is None or self.finish_reason is not None:
            return
        forced = self.matcher.compute_ff_tokens()[: self.limit - len(self.tokens)]
        if forced and self.closing is not None and (self.closing.closed or not self.closing.take(forced, self.matcher)):
            return  # token by token: the ending may be written in fewer
        if forced and self.matcher.consume_tokens(forced):
            self.tokens += forced
            if self.logprobs is not None:
                self.scored += [(token, 0.0, {token: 0.0} if self.logprobs else {}) for token in forced]
            self.ahead += forced
            self.drawn += len(forced)
        if self.matcher.is_stopped() and not self.matcher.is_error() and self.drawn < self.limit:
            self.finish_reason = "stop"
            self.drawn += 1


class Sampler(OutlinesLogitsProcessor):  # type: ignore[misc]
    """Draws the next token of each row under its own grammar, temperature and seed, and leaves only that one possible.

    Outlines' own processor holds one grammar for a whole batch and samples all rows from one random stream, which would
    make a text depend on its neighbours. `jumps`: forced tokens are taken along, for a decoder that feeds all of them.
    `arrivals` gives at most so many rows that have come meanwhile, of people or of the background; `left` hears of each
    row that has come to its end, for a decoder that goes on with the others; `wait` lets time pass until one comes.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        end: int,
        jumps: bool = False,
        arrivals: Callable[[int, bool], list[Row]] = lambda room, last: [],
        left: Callable[[Row], None] = lambda row: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__("torch")
        self.rows = list(rows)
        self.end = end
        self.jumps = jumps
        self.arrivals = arrivals
        self.wait = wait
        self._left = left

    def beside(self) -> Sampler:
        """Another one for other rows, which are told of to the same."""
        return Sampler([], self.end, self.jumps, left=self._left)

    def drop_finished(self) -> list[int]:
        """Go on with the rows that have not come to their end; which of those so far these are."""
        going = [index for index, row in enumerate(self.rows) if row.finish_reason is None]
        for row in self.rows:
            if row.finish_reason is not None:
                self.ended(row)
        self.rows = [self.rows[index] for index in going]
        return going

    def ended(self, row: Row) -> None:
        """A row has come to its end."""
        row.ended = time.perf_counter()
        self._left(row)

    def ahead(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """The tokens that no forward pass has seen, and their mask: int64 (rows, width), padded on the left."""
        width = max(len(row.ahead) for row in self.rows)
        tokens = torch.full((len(self.rows), width), self.end)
        mask = torch.zeros_like(tokens)
        for index, row in enumerate(self.rows):
            tokens[index, width - len(row.ahead) :] = torch.tensor(row.ahead)
            mask[index, width - len(row.ahead) :] = 1
        return tokens.to(device), mask.to(device)

    def process_logits(self, input_ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        chosen = []
        shares = torch.softmax(logits.float(), dim=-1)  # of all rows at once, which takes half as long as one by one
        for index, row in enumerate(self.rows):
            row.ahead = []
            chosen.append(self._next(row, logits[index], shares[index]))
            if self.jumps:
                row.jump()
            if row.tell is not None:
                row.tell(row.tokens)
        at = torch.tensor(chosen, device=logits.device).unsqueeze(1)
        return torch.full_like(logits, float("-inf")).scatter_(1, at, 0.0)

    def _next(self, row: Row, logits: torch.Tensor, shares: torch.Tensor) -> int:
        if row.finish_reason is not None:
            return self.end  # generate() pads a row that has ended
        if row.abandoned or len(row.tokens) >= row.limit:
            row.finish_reason = "length"
            return self.end
        if row.matcher is not None:
            allowed = self._allowed(row.matcher, logits)
            row.notice(shares, allowed)
            logits = logits.masked_fill(~allowed, float("-inf"))
        if row.fault or (row.matcher is not None and row.matcher.is_error()):
            row.finish_reason, row.fault = "error", fault_of(row.matcher) if row.matcher else row.fault
            return self.end
        if row.weighs and not row.first:
            row.first = _likeliest(logits)
        token = self._drawn(row, _bent(logits, row))
        if row.logprobs is not None and token != self.end:
            row.scored.append((token, *_scores(logits, token, row.logprobs)))
        if row.matcher is not None:
            row.matcher.consume_token(token)
        row.drawn += 1
        if token == self.end:
            row.finish_reason = "stop"
            return token
        row.tokens.append(token)
        row.ahead = [token]
        if row.closes is not None and row.closes(row.tokens):
            row.finish_reason = "stop"
        return token

    def _drawn(self, row: Row, logits: torch.Tensor) -> int:
        """A token of the model, behind which the text can still end in time; else the next one of its ending."""
        closing = row.closing
        if closing is None or row.matcher is None:
            return _draw(logits, row.sampling, row.draws)
        for _ in range(DRAWS):
            if closing.closed or closing.spare < 1 or not logits.isfinite().any():
                break
            token = _draw(logits, row.sampling, row.draws)
            if token == self.end or closing.take([token], row.matcher):
                return token
            logits[token] = float("-inf")
        following = closing.follow(row.matcher)
        return self.end if following is None else following

    @staticmethod
    def _allowed(matcher: LLMatcher, logits: torch.Tensor) -> torch.Tensor:
        """Which tokens may follow: bool, as long as `logits`."""
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = torch.zeros(logits.shape[-1], dtype=torch.bool)  # a model may have more logits than it has tokens
        width = min(len(bits), len(allowed))
        allowed[:width] = torch.from_numpy(bits[:width].astype(bool))
        return allowed.to(logits.device)


def _likeliest(logits: torch.Tensor) -> dict[int, float]:
    weights = torch.softmax(logits.float().cpu(), dim=-1).topk(min(LIKELIEST, len(logits)))
    pairs = zip(weights.indices.tolist(), weights.values.tolist(), strict=True)
    return {int(token): float(weight) for token, weight in pairs if weight > 0}


def _scores(logits: torch.Tensor, token: int, alternatives: int) -> tuple[float, dict[int, float]]:
    scores = torch.log_softmax(logits.float().cpu(), dim=-1)
    best = scores.topk(min(alternatives, len(scores)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return float(scores[token]), {int(one): float(score) for one, score in pairs if score > float("-inf")}


def _bent(logits: torch.Tensor, row: Row) -> torch.Tensor:
    """The logits with a request's penalties and biases, as OpenAI's API reference defines them."""
    sampling = row.sampling
    if not isinstance(sampling, Decoding) or not sampling.bends:
        return logits
    logits = logits.float().clone()
    for token, bias in sampling.logit_bias:
        logits[token] += bias
    if row.tokens:
        seen, times = torch.unique(torch.tensor(row.tokens, device=logits.device), return_counts=True)
        logits[seen] -= sampling.presence_penalty + sampling.frequency_penalty * times
    return logits


def _draw(logits: torch.Tensor, sampling: Sampling, draws: torch.Generator) -> int:
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    logits = logits.float().cpu() / sampling.temperature
    if isinstance(sampling, Decoding) and 0 < sampling.top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], float("-inf"))
    weights = torch.softmax(logits, dim=-1)
    if isinstance(sampling, Decoding) and sampling.min_p > 0.0:
        weights[weights < sampling.min_p * weights.max()] = 0.0
        weights /= weights.sum()
    if sampling.top_p < 1.0:
        ordered, order = weights.sort(descending=True)
        ordered[ordered.cumsum(0) - ordered >= sampling.top_p] = 0.0
        weights = torch.zeros_like(weights).scatter_(0, order, ordered)
    return int(torch.multinomial(weights, 1, generator=draws))
