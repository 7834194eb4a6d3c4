"""Arena: the servers of one comparison, and the rounds run against them in turn.

Knows what is compared with what: every round sends the same requests to each variant, one after the other, so that
whatever the machine does meanwhile meets them all. Knows nothing of tables and files.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from models.bench.throughput.counters import Counters
from models.bench.throughput.forms import Ask, Form, ask
from models.bench.throughput.load import Load, arrivals
from models.bench.throughput.machine import ServerFacts
from models.bench.throughput.traffic import Call, Reply, Traffic
from models.bench.throughput.variant import CONSTRAINED, SERVERS, Variant
from models.engines.vllm.server import VllmServer
from models.errors import EngineError

DRAFTLESS = ("plain", "stock")
"""Servers without drafts, of those in SERVERS."""
SETTLE = 0.1
"""Seconds until a server has counted its last step."""


@dataclass(frozen=True)
class Round:
    """One variant, one form, one load, once. `seconds`: from the first request to the last answer."""

    variant: str
    form: str
    load: Load
    number: int
    """That of its first request among all of its form; the others follow."""
    replies: tuple[Reply, ...]
    seconds: float
    counted: Counters
    streamed: bool
    constrained: int
    """How many answers are to requests that had a grammar or a schema."""
    valid: int
    """Answers of those that are what was asked for."""
    identical: int
    """Answers that are the same text as those of the plain constrained variant in the same round."""
    began: float = 0.0
    """When the first request was sent, by time.perf_counter()."""
    watts: float | None = None
    """What all graphics cards drew meanwhile, None where nobody tells."""

    @property
    def tokens(self) -> int:
        """Tokens generated."""
        return sum(reply.tokens for reply in self.replies)

    @property
    def answered(self) -> tuple[Reply, ...]:
        """The replies without those that failed."""
        return tuple(reply for reply in self.replies if not reply.error)

    @property
    def cell(self) -> tuple[str, Load]:
        """What rounds of several variants have in common."""
        return self.form, self.load


@dataclass
class Arena:
    """`targets`: the running server behind each name of SERVERS; `processes`: the process id of those started here;
    `servers`: what is known of each."""

    targets: Mapping[str, Traffic]
    temperature: float = 0.0
    processes: Mapping[str, int] = field(default_factory=dict)
    servers: Mapping[str, ServerFacts] = field(default_factory=dict)
    _turn: count[int] = field(default_factory=count)
    _asked: Counter[str] = field(default_factory=Counter)
    """Requests of each form so far: the next round's are others, and a user's prompts all have their turn."""
    _lengths: dict[str, list[int]] = field(default_factory=dict)
    """Tokens of the first constrained answers to each form."""
    _answers: dict[str, int] = field(default_factory=dict)
    """Tokens of answers that a file has."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        model: str,
        variants: Sequence[Variant],
        flags: Sequence[str],
        logs: Path,
        temperature: float,
        tell: Callable[[str], None] = lambda _: None,
        together: bool = False,
        urls: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Arena]:
        """Start the servers that `variants` need for `model`, with `flags` added; stop them at the end.

        `together`: start them at the same time, where memory and cores allow. Their logs go to the folder `logs`.
        `urls`: servers that run already, by name.
        Raises what VllmServer.start raises.
        """
        names = list(dict.fromkeys(variant.server for variant in variants))
        processes: dict[str, int] = {}
        async with AsyncExitStack() as stack:

            async def start(name: str) -> Traffic:
                if url := (urls or {}).get(name):
                    traffic = await Traffic.open(url)
                    stack.push_async_callback(traffic.close)
                    _check_kind(name, url, await traffic.metrics(), tell)
                    return traffic
                server = await stack.enter_async_context(
                    VllmServer.start(model, tell, logs / f"{name}.log", flags=(*SERVERS[name], *flags))
                )
                processes[name] = server.pid
                traffic = Traffic(server.url, server.model)
                stack.push_async_callback(traffic.close)
                return traffic

            if together:
                try:
                    async with asyncio.TaskGroup() as group:
                        starting = [group.create_task(start(name)) for name in names]
                except* EngineError as failed:
                    raise EngineError(str(failed.exceptions[0])) from failed
                started = [task.result() for task in starting]
            else:
                started = [await start(name) for name in names]
            targets = dict(zip(names, started, strict=True))
            servers: dict[str, ServerFacts] = {
                name: {"url": (urls or {}).get(name), "model": traffic.model, "vllm": await traffic.version()}
                for name, traffic in targets.items()
            }
            if len({one["model"] for one in servers.values()}) > 1:
                told = ", ".join(f"{one['model']} by {name}" for name, one in servers.items())
                tell(f"Several models are served ({told}): what is compared is the models, too.")
            yield cls(targets, temperature, processes, servers)

    async def fitting(self, forms: Sequence[Form]) -> list[Form]:
        """Those for whose prompt and longest answer every server's model has room, each prompt as long as its form
        says; of a user's prompts those that are no longer than the longest with room. Raises EngineError where a prompt
        is longer than its form says already."""
        context = min([await traffic.context() for traffic in self.targets.values()])
        found = []
        for form in forms:
            if await self._fits(form, form.longest, context):
                found.append(form)
            elif most := await self._most(form, context):
                found.append(replace(form, prompts=tuple(one for one in form.prompts if one.size <= most)))
        return found

    async def _most(self, form: Form, context: int) -> int:
        """The size of the longest prompt of `form` for which there is room, 0 for none: halves its way to it, for a
        file may have a hundred thousand."""
        sizes = sorted((prompt.size, number) for number, prompt in enumerate(form.prompts))
        low, high = 0, max(0, len(sizes) - 1)
        while low < high:
            middle = (low + high) // 2
            if await self._fits(form, sizes[middle][1], context):
                low = middle + 1
            else:
                high = middle
        return sizes[low - 1][0] if low else 0

    async def _fits(self, form: Form, number: int, context: int) -> bool:
        traffic = next(iter(self.targets.values()))
        one = await self._measured(ask(await padded(form, number, traffic), number))
        return await traffic.count(one.sent) + max(one.grammar.max_tokens, one.output_tokens or 0) <= context

    async def _measured(self, one: Ask) -> Ask:
        """`one` with the length of the answer that it was given, where nothing else says how long free text is."""
        if one.output_tokens or not one.answer:
            return one
        if one.answer not in self._answers:
            self._answers[one.answer] = await next(iter(self.targets.values())).count(one.answer)
        return replace(one, output_tokens=self._answers[one.answer])

    async def round(
        self, form: Form, load: Load, requests: int, variants: Sequence[Variant], streamed: bool = False
    ) -> list[Round]:
        """The same `requests` to each variant in turn, the last ones backwards in every other round.

        Free text is as long as the constrained answer to the same request; where that is free as well, as long as
        constrained answers of earlier rounds; where its prompt says how long, as that.
        """
        turn, number = next(self._turn), self._asked[form.name]
        self._asked[form.name] += requests
        places = range(number, number + requests)
        traffic = self.targets[variants[0].server]
        asks = [await self._measured(ask(await padded(form, place, traffic), place)) for place in places]
        first, *others = sorted(variants, key=lambda variant: (variant != CONSTRAINED, variant.ask == "free"))
        lengths = [self._length(form, one, place) for place, one in enumerate(asks)]
        done = [await self._run(first, form, asks, lengths, load, streamed, number, turn, None)]
        reference = [None if reply.error else reply.text for reply in done[0].replies] if first == CONSTRAINED else None
        if first.ask != "free":
            told = [reply.tokens for place, reply in enumerate(done[0].replies) if load.constrains(place)]
            if answered := [tokens for tokens in told if tokens]:
                self._lengths.setdefault(form.name, answered)
            # Where the reference was free, or failed, that is the length that it was given.
            lengths = [
                one.output_tokens or reply.tokens or length
                for one, reply, length in zip(asks, done[0].replies, lengths, strict=True)
            ]
        for variant in others if turn % 2 == 0 else reversed(others):
            done.append(await self._run(variant, form, asks, lengths, load, streamed, number, turn, reference))
        return done

    def _length(self, form: Form, one: Ask, place: int) -> int:
        known = self._lengths.get(form.name)
        return one.output_tokens or (known[place % len(known)] if known else one.grammar.max_tokens)

    async def _run(
        self,
        variant: Variant,
        form: Form,
        asks: Sequence[Ask],
        lengths: Sequence[int],
        load: Load,
        streamed: bool,
        number: int,
        turn: int,
        reference: Sequence[str | None] | None,
    ) -> Round:
        traffic = self.targets[variant.server]
        constrained = [variant.ask != "free" and load.constrains(place) for place in range(len(asks))]
        # The salt: nobody finds a prompt in the cache that another variant has put there.
        calls = [
            Call(
                one.sent,
                one.grammar.max_tokens if grammar else length,
                _structured(variant, form, one) if grammar else None,
                f"{variant.name} {turn}",
                self.temperature,
            )
            for one, length, grammar in zip(asks, lengths, constrained, strict=True)
        ]
        before = Counters.read(await traffic.metrics())
        began = time.perf_counter()
        replies, seconds = await traffic.send(calls, load.concurrency, streamed, arrivals(len(calls), load, turn))
        await asyncio.sleep(SETTLE)
        counted = Counters.read(await traffic.metrics()) - before
        kind = form.plain if variant.ask == "schema" else form.contract
        valid = sum(_is_valid(kind, reply.text) for reply, held in zip(replies, constrained, strict=True) if held)
        same = sum(a == b.text for a, b in zip(reference, replies, strict=True)) if reference is not None else 0
        return Round(
            variant=variant.name,
            form=form.name,
            load=load,
            number=number,
            replies=tuple(replies),
            seconds=seconds,
            counted=counted,
            streamed=streamed,
            constrained=sum(held and not reply.error for held, reply in zip(constrained, replies, strict=True)),
            valid=valid,
            identical=same,
            began=began,
        )


def _check_kind(name: str, url: str, metrics: str, tell: Callable[[str], None]) -> None:
    """Whether the server at `url` is of the kind that `name` says, by what it counts. Raises EngineError."""
    if "vllm:" not in metrics:
        raise EngineError(
            f"The server at {url} does not count as vLLM does.", "Name the vLLM itself, with its /metrics."
        )
    drafts = "vllm:spec_decode_num_draft_tokens" in metrics
    if not drafts and name not in DRAFTLESS:
        raise EngineError(
            f"The server at {url} drafts no tokens, so that it has no jump-forward.",
            "Start it with what `interlock serve-flags` prints, or name it plain=… and choose other --variants.",
        )
    if drafts and name in DRAFTLESS:
        tell(f"The server at {url} drafts tokens: what is called free and constrained is with these drafts.")


async def padded(form: Form, number: int, traffic: Traffic) -> Form:
    """`form` with as many words before request `number` as make its prompt `input_tokens` long, give or take two.

    Raises EngineError where it is longer by itself.
    """
    if not form.input_tokens:
        return form
    bare = await traffic.count(ask(replace(form, filler=0), number).sent)
    if bare > form.input_tokens:
        raise EngineError(
            f"A prompt of {form.name} has {bare} tokens by itself.", f"Write --input-tokens {bare} or more."
        )
    words, counted, per_word = 0, bare, 1.25
    for _ in range(6):  # words have one token or a few: a step or two land within a token of it
        words = max(0, words + round((form.input_tokens - counted) / per_word))
        if not words:
            break
        counted = await traffic.count(ask(replace(form, filler=words), number).sent)
        if abs(counted - form.input_tokens) <= 1:
            break
        per_word = max(1.0, (counted - bare) / words)
    return replace(form, filler=words)


def _structured(variant: Variant, form: Form, one: Ask) -> dict[str, Any] | None:
    if variant.ask == "free":
        return None
    return {"grammar": one.grammar.lark} if variant.ask == "grammar" else {"json": form.plain.model_json_schema()}


def _is_valid(kind: type[BaseModel], text: str) -> bool:
    try:
        kind.model_validate_json(text)
    except ValidationError:
        return False
    return True
