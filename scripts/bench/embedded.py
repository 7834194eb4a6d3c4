"""`interlock bench embedded`: the engine in this process as several callers have it: short requests beside long ones,
and a steady stream of both."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean, median, quantiles
from typing import Annotated, Any

import typer
from rich.table import Table

from models.contract import Contract
from models.engines.engine import Engine, Message, Sampling
from models.engines.open_engine import open_engine
from models.grammar.grammar import compile_grammar
from scripts.bench.pipeline import SAMPLE
from scripts.console import console, tell

LONG, SHORT = "long", "short"


class Urgency(Contract):
    """What a short request is about."""

    urgent: bool


@dataclass
class Round:
    """Seconds of each call by its kind, and tokens generated."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {LONG: [], SHORT: []})
    tokens: int = 0
    wall: float = 0.0
    cpu: float = 0.0


def embedded(
    model: Annotated[str, typer.Option(help="A folder, a GGUF file, or a name; no address.")] = "smollm2",
    long: Annotated[int, typer.Option(min=1, help="Tokens of a long request: free text.")] = 120,
    seconds: Annotated[float, typer.Option(min=1.0, help="Of each measurement; calls in flight then end.")] = 30.0,
    repeat: Annotated[int, typer.Option(min=1, help="Measurements each way, in turn.")] = 2,
) -> None:
    """Latency of a short request beside seven long ones, and tokens/s of a stream of both from sixteen callers."""
    rounds = asyncio.run(measure(model, long, seconds, repeat))
    table = Table(title=f"{model}, long requests of {long} tokens, {repeat} interleaved rounds of {seconds:g} s")
    headings = ("Callers", "short: calls", "mean, s", "p50", "p95", "long: mean, s", "tokens/s", "tokens/CPU-s")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "Callers" else "right")
    found = {name: figures(each) for name, each in rounds.items()}
    for name, row in found.items():
        told = [row[key] for key in ("short_mean", "short_p50", "short_p95", "long_mean")]
        rates = [f"{row[key]:.1f}" for key in ("tokens_per_s", "tokens_per_cpu_s")]
        table.add_row(name, str(row["short_calls"]), *[f"{each:.2f}" for each in told], *rates)
    console.print(table)
    print(json.dumps({"model": model, "long": long, "seconds": seconds, "repeat": repeat, "callers": found}))


async def measure(model: str, long: int, seconds: float, repeat: int) -> dict[str, list[Round]]:
    """By who calls: `repeat` rounds each, in turn."""
    said = [json.loads(line).get("text") or "" for line in SAMPLE.read_text("utf-8").splitlines()]
    async with open_engine(model, tell) as engine:
        kinds = {
            "seven long, one short": [LONG] * 7 + [SHORT],
            "sixteen, long and short": [LONG, SHORT] * 8,
        }
        rounds: dict[str, list[Round]] = {name: [] for name in kinds}
        for turn in range(repeat):
            for name, callers in kinds.items():
                rounds[name].append(await _round(_asker(engine, said, long), callers, seconds))
                tell(f"{name}, round {turn + 1}: {figures(rounds[name][-1:])['tokens_per_s']:.1f} tokens/s")
    return rounds


Ask = Callable[[str, int], Awaitable[int]]


def _asker(engine: Engine, said: Sequence[str], long: int) -> Ask:
    grammar = compile_grammar(Urgency, spaced=engine.profile.spaced)

    async def ask(kind: str, number: int) -> int:
        text = said[number % len(said)]
        if kind == SHORT:
            done = await engine.generate([Message("user", f"{text}\nIs this urgent?")], grammar, Sampling())
        else:
            story = [Message("user", f"{text}\nTell a long story about this.")]
            done = await engine.generate(story, None, Sampling(1.0, seed=number), long)
        return done.usage.completion_tokens

    return ask


async def _round(ask: Ask, callers: Sequence[str], seconds: float) -> Round:
    """Each caller asks again as soon as it has its answer, until the time is up."""
    done, started, cpu = Round(), time.perf_counter(), time.process_time()

    async def call(kind: str, caller: int) -> None:
        number = caller
        while (began := time.perf_counter()) < started + seconds:
            tokens = await ask(kind, number)
            done.tokens += tokens
            done.seconds[kind].append(time.perf_counter() - began)
            number += len(callers)

    await asyncio.gather(*[call(kind, caller) for caller, kind in enumerate(callers)])
    done.wall, done.cpu = time.perf_counter() - started, time.process_time() - cpu
    return done


def figures(rounds: Sequence[Round]) -> dict[str, Any]:
    """Seconds of calls over all rounds, and the median round's tokens a second."""
    short, long = ([each for one in rounds for each in one.seconds[kind]] for kind in (SHORT, LONG))
    return {
        "short_calls": len(short),
        "short_mean": round(mean(short), 3),
        "short_p50": round(median(short), 3),
        "short_p95": round(quantiles(short, n=20)[-1] if len(short) > 1 else short[0], 3),
        "long_calls": len(long),
        "long_mean": round(mean(long), 3),
        "tokens_per_s": round(median(one.tokens / one.wall for one in rounds), 2),
        "tokens_per_cpu_s": round(median(one.tokens / one.cpu for one in rounds), 2),
    }
