"""Arena: the servers of one comparison, and the rounds run against them in turn.

Knows what is compared with what: every round sends the same requests to each variant, one after the other, so that
whatever the machine does meanwhile meets them all. Knows nothing of tables and files.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from models.bench.throughput.counters import Counters
from models.bench.throughput.forms import Ask, Form, ask
from models.bench.throughput.traffic import Call, Reply, Traffic
from models.bench.throughput.variant import CONSTRAINED, SERVERS, Variant
from models.engines.vllm.server import VllmServer
from models.errors import EngineError

STRIDE = 10_000
"""Requests that one round may have: their numbers make them differ from those of every other round."""
SETTLE = 0.1
"""Seconds until a server has counted its last step."""


@dataclass(frozen=True)
class Round:
    """One variant, one form, one concurrency, once. `seconds`: from the first request to the last answer."""

    variant: str
    form: str
    concurrency: int
    number: int
    """That of its first request; the others follow."""
    replies: tuple[Reply, ...]
    seconds: float
    counted: Counters
    streamed: bool
    valid: int
    identical: int
    """Answers that are the same text as those of the plain constrained variant in the same round."""
    began: float = 0.0
    """When the first request was sent, by time.perf_counter()."""

    @property
    def tokens(self) -> int:
        """Tokens generated."""
        return sum(reply.tokens for reply in self.replies)


@dataclass
class Arena:
    """`targets`: the running server behind each name of SERVERS; `processes`: the process id of those started here."""

    targets: Mapping[str, Traffic]
    temperature: float = 0.0
    processes: Mapping[str, int] = field(default_factory=dict)
    _number: count[int] = field(default_factory=count)

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
            yield cls(dict(zip(names, started, strict=True)), temperature, processes)

    async def fitting(self, forms: Sequence[Form]) -> list[Form]:
        """Those for whose prompt and longest answer every server's model has room."""
        context = min([await traffic.context() for traffic in self.targets.values()])
        return [form for form in forms if ask(form, STRIDE).room <= context]

    async def round(
        self, form: Form, concurrency: int, requests: int, variants: Sequence[Variant], streamed: bool = False
    ) -> list[Round]:
        """The same `requests` to each variant in turn, the last ones backwards in every other round.

        Free text is as long as the constrained answer to the same request.
        """
        number = next(self._number)
        asks = [ask(form, number * STRIDE + place) for place in range(requests)]
        first, *others = sorted(variants, key=lambda variant: variant != CONSTRAINED)
        lengths = [one.grammar.max_tokens for one in asks]
        done = [await self._run(first, form, asks, lengths, concurrency, streamed, number, None)]
        reference = [reply.text for reply in done[0].replies] if first == CONSTRAINED else None
        if reference is not None:
            lengths = [reply.tokens for reply in done[0].replies]
        for variant in others if number % 2 == 0 else reversed(others):
            done.append(await self._run(variant, form, asks, lengths, concurrency, streamed, number, reference))
        return done

    async def _run(
        self,
        variant: Variant,
        form: Form,
        asks: Sequence[Ask],
        lengths: Sequence[int],
        concurrency: int,
        streamed: bool,
        number: int,
        reference: Sequence[str] | None,
    ) -> Round:
        traffic = self.targets[variant.server]
        # The salt: nobody finds a prompt in the cache that another variant has put there.
        calls = [
            Call(
                [{"role": message.role, "content": message.content} for message in one.messages],
                length if variant.ask == "free" else one.grammar.max_tokens,
                _structured(variant, form, one),
                f"{variant.name} {number}",
                self.temperature,
            )
            for one, length in zip(asks, lengths, strict=True)
        ]
        before = Counters.read(await traffic.metrics())
        began = time.perf_counter()
        replies, seconds = await traffic.send(calls, concurrency, streamed)
        await asyncio.sleep(SETTLE)
        counted = Counters.read(await traffic.metrics()) - before
        kind = form.plain if variant.ask == "schema" else form.contract
        valid = sum(_is_valid(kind, reply.text) for reply in replies) if variant.ask != "free" else 0
        same = sum(a == b.text for a, b in zip(reference, replies, strict=True)) if reference is not None else 0
        return Round(
            variant=variant.name,
            form=form.name,
            concurrency=concurrency,
            number=number * STRIDE,
            replies=tuple(replies),
            seconds=seconds,
            counted=counted,
            streamed=streamed,
            valid=valid,
            identical=same,
            began=began,
        )


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
