"""What every engine takes and gives. Knows no engine, no grammar syntax and no contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from models.engines.profiles import Profile
from models.grammar.grammar import Grammar

Enforcement: TypeAlias = Literal["grammar", "prompted"]
"""What keeps a text inside its grammar: the mask over every token, or a parser and a repair turn after the fact."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation, before the model's chat template is applied.

    "prompt": no turn, but a text that the model goes on with as it stands, without a template; it is always alone.
    """

    role: Literal["system", "user", "assistant", "prompt"]
    content: str


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn: temperature 0 takes the likeliest; above 0 the draw is fixed by `seed`."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0.0:
            raise ValueError(f"temperature is {self.temperature}, but must be 0 or more")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}, but must be above 0 and at most 1")


@dataclass(frozen=True)
class Decoding(Sampling):
    """What OpenAI's API asks of a draw besides. Each default asks for nothing.

    `top_k`: the draw is among so many likeliest tokens, 0: all. `min_p`: among those at least so likely, as a share of
    the likeliest's probability. The penalties are subtracted from the logit of a token that was generated before: once,
    and for each time. `logit_bias`: what is added to the logits of some token ids. `stop`: texts before which a free
    text ends. `logprobs`: of each token its log-probability and those of so many alternatives; None: neither.
    `effort`: share of the thinking budget that a thought may take; None: what the engine was opened with.
    `prompt_logprobs`: the prompt's own tokens with their log-probabilities; no part of OpenAI's API.
    """

    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    effort: float | None = None
    prompt_logprobs: bool = False

    @property
    def bends(self) -> bool:
        """Whether logits depend on what was generated before, or on the token."""
        return bool(self.presence_penalty or self.frequency_penalty or self.logit_bias)


@dataclass(frozen=True)
class Usage:
    """Tokens of the templated prompt, and tokens generated including the one that ends the text."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Completion:
    """One generated text. `finish_reason` is "stop" (the model ended it) or "length" (the budget cut it).

    `seconds` is wall time from the call to the answer, waiting included. `thinking` is what the model thought before
    the text, without its tags: private, kept in the journal. `enforcement` is what this very text was made under.
    `first` is, for a grammar that `weighs`, how likely the first token's likeliest alternatives were, by their text; a
    server may count those in that the grammar rules out. `logprobs` is, where `Decoding` asks for it, one mapping a
    token, as OpenAI's API has it: token, logprob, bytes, top_logprobs. `prompt_logprobs`, where `Decoding` asks for it:
    each token of the templated prompt but its first, as text, with its log-probability behind those before it; empty
    where an engine cannot tell.
    `mass`: the least probability that the grammar left the model at a choice, `tight` what stood before it.
    `closed` is the field that was being written when room was left for the shortest ending only, "" where the model
    came to the end by itself. `own_seconds`: of `seconds`, without those in which others were served. None and ""
    where an engine cannot tell.
    """

    text: str
    finish_reason: str
    usage: Usage
    seconds: float
    thinking: str = ""
    enforcement: Enforcement = "grammar"
    first: Mapping[str, float] = field(default_factory=dict)
    logprobs: Sequence[Mapping[str, Any]] = ()
    prompt_logprobs: Sequence[tuple[str, float]] = ()
    closed: str = ""
    mass: float | None = None
    tight: str = ""
    own_seconds: float | None = None


@dataclass(frozen=True)
class Canary:
    """`passed`: the engine gave the one code that only its grammar could have told it. `reason`: what it did instead,
    "" if it passed. `seconds` is wall time."""

    passed: bool
    reason: str
    seconds: float

    def __str__(self) -> str:
        return "passed" if self.passed else f"failed: {self.reason}"

    def row(self) -> dict[str, Any]:
        """JSON types, for a receipt or a manifest."""
        return asdict(self)


class Engine(Protocol):
    """Turns messages into text. Safe to call from many tasks of one event loop at once."""

    @property
    def name(self) -> str:
        """Kind and model, as a reader knows them: "embedded:models/tiny", "vllm:Qwen/Qwen3-4B"."""

    @property
    def profile(self) -> Profile:
        """What the model is trusted with; `profile.context` is the real context length in tokens."""

    @property
    def identity(self) -> str:
        """What exactly generates: the weights' SHA-256 where we can see them, else what the server reports."""

    @property
    def enforcement(self) -> Enforcement:
        """What keeps its texts inside their grammars. A single text may have fared worse: see Completion."""

    @property
    def canary(self) -> Canary | None:
        """The proof at start-up that grammars are enforced; None for an engine that `open_engine` did not open."""

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """Generate one text.

        Thoughts never stand in the text: what a model thinks aloud before it goes to `Completion.thinking`. With a
        grammar its budget applies and the text is a whole member of its language; `max_tokens` (default: what the
        context leaves) bounds free text, which may end with finish_reason "length". An engine that closes (`Closer`)
        takes it with a grammar too, and ends the text within it. A grammar whose budget is less than its longest text,
        or 0 (what the context leaves), may be cut: ConstraintBroken, with `cut` set.

        Raises PromptTooLong before a token is generated, EngineUnavailable when the engine is gone, ConstraintBroken
        when the engine did not keep to the grammar, EngineError for anything else.
        """

    async def close(self) -> None:
        """Free what the engine holds. Calls in flight end with EngineUnavailable."""


class Closer(Engine, Protocol):
    """An engine that ends a text under a grammar within any budget, whole and valid, and that takes `Grammar.open`
    where there is one. BudgetTooSmall where not even the shortest text fits."""

    @property
    def closes(self) -> bool:
        """Whether it does; a wrapper tells what its engine does."""


def dtype_of(engine: Engine | None) -> str:
    """What an engine computes in; "" where it does not tell."""
    dtype = engine.profile.dtype if engine is not None else "auto"
    return "" if dtype == "auto" else dtype


def closes(engine: Engine) -> bool:
    """Whether an engine ends texts within any budget."""
    return bool(getattr(engine, "closes", False))


def stands_back(engine: Engine) -> bool:
    """Whether an engine itself lets people's calls go before those of the background (models/background.py)."""
    return bool(getattr(engine, "stands_back", False))


class Enforcer(Engine, Protocol):
    """An engine that is to keep a model to its grammar, and can be put to the proof."""

    @property
    def mend(self) -> str:
        """What a user can do where it does not keep to grammars: one sentence, of this kind of engine only."""


class Thinker(Engine, Protocol):
    """An engine that can also let its model think natively, before and apart from an answer."""

    async def think(self, messages: Sequence[Message], sampling: Sampling, max_tokens: int) -> Completion:
        """A thought and nothing else: thinking is switched on, and ends with the thought or after `max_tokens`.

        It is in `Completion.thinking`, and `text` is empty: what a model writes that ignores the switch, and answers,
        counts as its thought. Raises as `generate`.
        """
