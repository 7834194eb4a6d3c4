"""`interlock bench validity`: the same contracts under Interlock's grammars and the plain way, counted side by side."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.table import Table

from models.bench.proof.attack import attack
from models.engines.dummy import CONTEXT, LOAD_FLAGS, write_dummy
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.server import VllmServer
from scripts.console import console, tell
from scripts.progress import progress_bar

TEMPERATURES = (0.0, 1.0, 1.5)
AS_VLLM_COMES = ("--structured-outputs-config", "{}")
"""The plain way gets a server without our flags for structured output: vLLM's own defaults."""

COLUMNS = ("valid", "unparseable", "invalid", "cut_off", "over_budget", "refused")
"""Of the texts; `refused`: the server did not take the schema at all."""
Rows = dict[str, Counter[str]]


def validity(
    model: Annotated[
        str, typer.Option(help="vllm:FOLDER, http://… (one server for both ways), or random: untrained weights.")
    ] = "random",
    number: Annotated[int, typer.Option("-n", "--number", min=3, help="Completions each way.")] = 1000,
    contracts: Annotated[int, typer.Option(min=1, help="Random contracts they are spread over.")] = 24,
    concurrency: Annotated[int, typer.Option(min=1)] = 32,
    tokenizer: Annotated[str, typer.Option(help="Of the random tokens: tiny, tekken, byte, or a model.")] = "tiny",
    context: Annotated[int, typer.Option(help="Tokens that prompt and answer may take together.")] = CONTEXT,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
) -> None:
    """Count valid, unparseable, invalid and cut-off texts: by grammar, and as Outlines sends a class by default."""
    rows = asyncio.run(_measure(model, number, contracts, concurrency, tokenizer, context, seed))
    table = Table(title=f"{number} completions each way over {contracts} random contracts, seed {seed}")
    table.add_column("Way", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    for way, counts in rows.items():
        table.add_row(way, *(str(counts[name]) for name in COLUMNS))
    console.print(table)
    found = {way: {name: counts[name] for name in COLUMNS} for way, counts in rows.items()}
    print(json.dumps({"model": model, "number": number, "contracts": contracts, "seed": seed, "ways": found}))


async def _measure(
    model: str, number: int, contracts: int, concurrency: int, tokenizer: str, context: int, seed: int
) -> Rows:
    # They take seconds to import, and every command mounts this one.
    from models.bench.proof.contest import constrained, entries, plain, play
    from models.bench.proof.plain_way import PlainWay
    from models.engines.vllm.engine import VllmEngine

    entered = entries(Random(seed), contracts, context)
    rows: Rows = {f"random tokens, {tokenizer}": Counter()}
    random, tokens = Random(seed), load_tokenizer(tokenizer)
    for place, entry in enumerate(entered):
        times = number // contracts + (place < number % contracts)
        rows[f"random tokens, {tokenizer}"] += attack(entry.contract, entry.grammar, tokens, random, times).outcomes
    for way in ("grammar", "plain"):
        async with _server(model, way) as url:
            engine, plainly = await VllmEngine.open(url), await PlainWay.open(url)
            one = partial(constrained, engine) if way == "grammar" else partial(plain, plainly)
            with progress_bar() as progress:
                for place, temperature in enumerate(TEMPERATURES):
                    times = number // len(TEMPERATURES) + (place < number % len(TEMPERATURES))
                    task = progress.add_task(f"{way}, T = {temperature}", total=times)
                    advance = partial(progress.advance, task)
                    counts = await play(one, entered, temperature, times, concurrency, advance)
                    rows[f"{way}, T = {temperature}"] = counts
            await engine.close()
            await plainly.close()
    return rows


@asynccontextmanager
async def _server(model: str, way: str) -> AsyncIterator[str]:
    if model.startswith(("http://", "https://")):
        yield model
        return
    flags = AS_VLLM_COMES if way == "plain" else ()
    with tempfile.TemporaryDirectory(prefix="interlock-random-") as folder:
        name = model.removeprefix("vllm:")
        if model == "random":
            name = str(await asyncio.to_thread(write_dummy, Path(folder), "small"))
            flags = (*LOAD_FLAGS, *flags)
        async with VllmServer.start(name, tell, flags=flags) as server:
            yield server.url
