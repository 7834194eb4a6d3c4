"""VllmEngine: a vLLM server, here or elsewhere, over its OpenAI API and through Outlines.

Knows what to ask and how to check the answer; does not know HTTP (client.py) nor start servers (server.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI
from outlines.inputs import Chat
from outlines.types import CFG

from models.engines.chat_template import Templated
from models.engines.engine import Completion, Decoding, Enforcement, Message, Sampling, Usage
from models.engines.hearing import Heard, listener, speakable
from models.engines.load import Load, read_load
from models.engines.model_folder import names_of
from models.engines.profiles import Profile, profile_of
from models.engines.think_tags import bare_thought, split_thought
from models.engines.vllm.address import root_of
from models.engines.vllm.client import (
    CompletionVLLM,
    connect,
    count_tokens,
    fetch_metrics,
    first_token,
    greet,
    prompt_scores,
    templated,
    token_scores,
)
from models.engines.vllm.closings import ABLE, ASKED, CLOSED, COMPLEX, SHORT
from models.engines.vllm.failures import errors
from models.errors import (
    BudgetTooSmall,
    ConstraintBroken,
    EngineError,
    EngineUnavailable,
    ModelNotFound,
    PromptTooLong,
    TooComplex,
)
from models.grammar.control_tokens import broken
from models.grammar.grammar import Grammar
from models.grammar.membership import admits

if TYPE_CHECKING:
    from models.engines.engine import Canary

TEMPLATE_SLACK = 256
"""Tokens a chat template is taken to add at most, when a prompt is so short that counting it is not worth a request."""

_ELSEWHERE = (
    "A server with a parser of reasoning puts answers elsewhere: start it without --reasoning-parser; Interlock tells"
    " thoughts from answers itself."
)


_FLAGS = "Mend the server: vLLM 0.12 or newer, started with the flags that `interlock serve-flags` prints."


class VllmEngine:
    """A model behind a vLLM server.

    Every answer under a grammar is checked against it here as well: a server that does not know the request field for
    grammars ignores it, and answers as if nothing had been asked.
    """

    enforcement: Enforcement = "grammar"
    canary: Canary | None = None
    mend = _FLAGS

    def __init__(
        self,
        client: AsyncOpenAI,
        root: str,
        model: str,
        name: str,
        profile: Profile,
        identity: str,
        control: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.profile = profile
        self.identity = identity
        self._client = client
        self._root = root
        self._model = model
        self._outlines = CompletionVLLM(client, model)
        self._control = control
        self._closes: bool | None = None  # the first answer under a grammar tells

    @property
    def closes(self) -> bool:
        """See `Closer.closes`: known from the canary on. A server without our scheduler keeps finite bounds."""
        return bool(self._closes)

    @classmethod
    async def open(cls, url: str, weights: str = "", control: Sequence[str] = ()) -> VllmEngine:
        """Connect to the server at `url` ("http://host:8000", with or without /v1) and its first model.

        `weights`: the identity of the model's files where they are known; otherwise the server's own report is taken.
        `control`: the control tokens of its tokenizer where they are known; no message may hold one of them, nor one
        of the common templates.
        Raises EngineUnavailable when nothing answers there, ModelNotFound when it serves no model.
        """
        root = root_of(url)
        client = connect(root)
        try:
            served, version = await greet(client, root)
        except EngineError:
            await client.close()
            raise
        model = served.id
        behind = served.root or model  # a name, or a folder that is here if the server is
        profile = profile_of(model, [behind, *names_of(Path(behind))])
        context = served.max_model_len or profile.context
        identity = f"{weights or model + '@' + str(served.root)} {version}".strip()
        return cls(client, root, model, f"vllm:{model}", replace(profile, context=context), identity, control)

    async def generate(
        self,
        messages: Sequence[Message],
        grammar: Grammar | None,
        sampling: Sampling,
        max_tokens: int | None = None,
    ) -> Completion:
        """See `Engine.generate`."""
        if grammar is not None and self._closes and grammar.closes(max_tokens):
            return await self._within(messages, grammar, sampling, max_tokens)
        budget = (grammar.max_tokens or None) if grammar else max_tokens
        output = CFG(grammar.lark) if grammar else None
        more = _decoding(sampling, grammar)
        if "prompt_logprobs" not in more:  # which no stream has
            more |= self._listened(grammar)
        if grammar and self._closes is None and not grammar.may_be_cut:
            more |= _CLOSING
        raw, stopped = await self._ask(messages, sampling, budget, self.profile.template, output, **more)
        if grammar is not None:
            if self._closes is None and not grammar.may_be_cut:
                self._closes = stopped.startswith((ABLE, CLOSED, COMPLEX, SHORT))
            self._check_kept(raw, grammar)
            return raw
        thought, text = split_thought(raw.text, self.profile.thinking_tags)
        return replace(raw, text=text, thinking=raw.thinking or thought)

    async def _within(
        self, messages: Sequence[Message], grammar: Grammar, sampling: Sampling, max_tokens: int | None
    ) -> Completion:
        """A text that the server brings to its end within `max_tokens`, the budget, and what the context leaves."""
        wanted, most = replace(grammar.opened(), max_tokens=0), (grammar.max_tokens, max_tokens, self.profile.context)
        budget = min(filter(None, most))
        more, template = _decoding(sampling, grammar) | self._listened(grammar), self.profile.template
        # The server takes what the context leaves behind the prompt, where that is less.
        asked = self._ask(messages, sampling, budget, template, CFG(wanted.lark), room=1, **more, **_CLOSING)
        raw, stopped = await asked
        if stopped.startswith(SHORT):
            if budget != grammar.max_tokens:
                raise BudgetTooSmall(stopped.removeprefix(SHORT))
            # No ending was found, and none is needed where the longest bounded text has room.
            raw, _ = await self._ask(messages, sampling, budget, template, CFG(grammar.lark), **more)
            wanted = grammar
        self._check_kept(raw, wanted)
        return replace(raw, closed=stopped.removeprefix(CLOSED) if stopped.startswith(CLOSED) else "")

    def _listened(self, grammar: Grammar | None) -> dict[str, Any]:
        """What hears the text while it is written, if anything does."""
        heard = listener()
        return {} if heard is None else {"heard": _speaking(heard, "" if grammar else self.profile.thinking_tags[0])}

    async def think(self, messages: Sequence[Message], sampling: Sampling, max_tokens: int) -> Completion:
        """See `Thinker.think`."""
        tags = self.profile.thinking_tags
        template = {**self.profile.template, **self.profile.thinking_on}
        # Where the closing tag is a special token no server shows it, and the answer is written too: time, no harm.
        raw, _ = await self._ask(messages, sampling, max_tokens, template, stop=[tags[1]])
        return replace(raw, text="", thinking=bare_thought(raw.thinking or raw.text, tags))

    async def templated(self, messages: Sequence[Message]) -> Templated:
        """See `Templating.templated`. ModelNotFound where the server cannot say."""
        body = {
            "model": self._model,
            "messages": self._turns(messages),
            "chat_template_kwargs": dict(self.profile.template),
        }
        with errors(self.name):
            return Templated(*await templated(self._client, self._root, body))

    async def load(self) -> Load | None:
        """See `Observable.load`."""
        return read_load(await self.metrics())

    async def metrics(self) -> str:
        """What the server counts, in Prometheus' text format; "" where it counts nothing. Raises EngineUnavailable."""
        with errors(self.name):
            return await fetch_metrics(self._client, self._root)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._client.close()

    async def _ask(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        budget: int | None,
        template: Mapping[str, object],
        output: CFG | None = None,
        room: int | None = None,
        **more: Any,
    ) -> tuple[Completion, str]:
        """An answer, and how it came to its end, where the server says more than the reason.

        `room`: tokens that have to be left for it, where that is not the whole budget."""
        if self._client.is_closed():
            raise EngineUnavailable(f"{self.name} is closed.", "Open the engine again.")
        started = time.perf_counter()
        turns = self._turns(messages)
        drawn = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed % 2**63, **more}
        plain = bool(messages) and messages[0].role == "prompt"
        try:
            with errors(self.name):
                await self._check_room(turns, room or budget or 1, template)
                answer = await (
                    # Without a budget this route gives sixteen tokens.
                    self._outlines.go_on(turns[0]["content"], output, max_tokens=budget or self._room(turns), **drawn)
                    if plain
                    else self._outlines.generate(
                        Chat(turns),
                        output,
                        max_completion_tokens=budget,
                        chat_template_kwargs=dict(template),
                        **drawn,
                    )
                )
        except ModelNotFound as error:
            raise await self._replaced(error) from error
        except RuntimeError as error:  # HTTP clients raise it for a connection that was closed while a reply was read
            if not self._client.is_closed():
                raise
            raise EngineUnavailable(f"{self.name} was closed before it answered.", "Open the engine again.") from error
        choice, usage = answer.choices[0], answer.usage
        message = choice.message
        completion = Completion(
            text=message.content or "",
            finish_reason=choice.finish_reason or "none",
            usage=Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else Usage(0, 0),
            seconds=time.perf_counter() - started,
            thinking=message.reasoning or message.reasoning_content or "",
            first=first_token(choice),
            logprobs=token_scores(choice),
            prompt_logprobs=prompt_scores(answer),
        )
        stopped = str(choice.stop_reason or "")
        if stopped.startswith(COMPLEX):
            raise TooComplex(f"The grammar is too complex ({stopped.removeprefix(COMPLEX)}).")
        return completion, stopped

    async def _replaced(self, error: ModelNotFound) -> EngineError:
        """`error`, unless another model was started at the server's address: ours may come back."""
        served, _ = await greet(self._client, self._root)
        if served.id == self._model:
            return error
        what = f"The server at {self._root} serves {served.id} now, and not {self._model}."
        return EngineUnavailable(what, f"Start it with {self._model} again.")

    def _turns(self, messages: Sequence[Message]) -> list[dict[str, str]]:
        """Messages as a server takes them. It recognises control tokens in a rendered template, whoever wrote them."""
        return [{"role": message.role, "content": broken(message.content, self._control)} for message in messages]

    def _room(self, turns: Sequence[Mapping[str, str]]) -> int | None:
        """Tokens that are surely left behind a text: a token is at least a byte."""
        room = self.profile.context - sum(len(turn["content"].encode()) + 1 for turn in turns)
        return max(room, 1) if self.profile.context else None

    async def _check_room(self, turns: list[dict[str, str]], budget: int, template: Mapping[str, object]) -> None:
        # vLLM shortens the budget in silence where prompt and budget exceed its context, so we have to look first. A
        # token is at least a byte: short prompts need no counting. For others /tokenize costs the server a millisecond.
        context = self.profile.context
        if sum(len(turn["content"].encode()) for turn in turns) + TEMPLATE_SLACK + budget <= context or not context:
            return
        body: dict[str, Any] = {"model": self._model, "messages": turns, "chat_template_kwargs": dict(template)}
        if turns[0]["role"] == "prompt":
            body = {"model": self._model, "prompt": turns[0]["content"]}
        count = await count_tokens(self._client, self._root, body)
        if count is not None and count + budget > context:
            raise self._too_long(f"takes {count} tokens", budget)

    def _check_kept(self, completion: Completion, grammar: Grammar) -> None:
        if completion.finish_reason == "stop" and admits(grammar, completion.text):
            return
        prompt = completion.usage.prompt_tokens
        if completion.finish_reason == "length" and completion.text and grammar.may_be_cut:
            what = f"{self.name} stopped inside the grammar: the budget ended."
            tokens = (prompt, completion.usage.completion_tokens)
            raise ConstraintBroken(what, self.mend, completion.text, cut=True, tokens=tokens)
        if 0 < self.profile.context < prompt + grammar.max_tokens:  # a template longer than TEMPLATE_SLACK
            raise self._too_long(f"takes {prompt} tokens", grammar.max_tokens)
        if not completion.text:
            kind = "reasoning, but no content" if completion.thinking else "no content"
            what = f"{self.name} returned {kind} (finish_reason {completion.finish_reason})."
            raise ConstraintBroken(what, _ELSEWHERE, completion.thinking)
        raise ConstraintBroken(
            f"{self.name} returned {len(completion.text)} characters that are not in the language of their grammar"
            f" (finish_reason {completion.finish_reason}).",
            self.mend,
            completion.text,
        )

    def _too_long(self, prompt: str, budget: int) -> PromptTooLong:
        return PromptTooLong(
            f"The prompt {prompt} and the answer may take {budget}, but {self.name} holds {self.profile.context}."
        )


def _speaking(heard: Heard, thought: str) -> Heard:
    """Tells only what will stand in the text; a server leaves stops out by itself."""
    return lambda text: heard(speakable(text, thought=thought))


_CLOSING = {"vllm_xargs": {ASKED: 1}}


def _decoding(sampling: Sampling, grammar: Grammar | None) -> dict[str, Any]:
    """What a request says of a draw beyond temperature, top_p and seed, as far as it says anything."""
    weighs = {"logprobs": True, "top_logprobs": grammar.weighs} if grammar and grammar.weighs else {}
    if not isinstance(sampling, Decoding):
        return weighs
    asked: dict[str, Any] = {
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias},
        "stop": [] if grammar else list(sampling.stop),
    }
    more = {name: value for name, value in asked.items() if value}
    if sampling.prompt_logprobs:
        more["prompt_logprobs"] = 0  # of each token its own, and no alternatives
    if sampling.logprobs is not None:
        more |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    return more | weighs
