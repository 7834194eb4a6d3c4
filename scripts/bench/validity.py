"""`interlock bench validity`: the same contracts under Interlock's grammars and the plain way, counted side by side.

With `--budgets`: within budgets that are too small for what a model would write, closed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from rich.table import Table

from models.bench.proof.attack import attack
from models.engines.dummy import CONTEXT, LOAD_FLAGS, write_dummy
from models.engines.tokenizers import load_tokenizer
from models.engines.vllm.jump_forward import closing_flags
from models.engines.vllm.server import VllmServer
from pipeline.errors import UsageError
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
    budgets: Annotated[
        str, typer.Option(help="Tokens such as 64,128,256,512: answers are closed within them; no plain way then.")
    ] = "",
    schemas: Annotated[
        Path | None,
        typer.Option(help="With --budgets: a folder of JSON Schemas, so many of them, too."),
    ] = None,
    jump_forward: Annotated[
        bool | None, typer.Option(help="Of a server that is started here, with --budgets; default: as `run` has it.")
    ] = None,
) -> None:
    """Count valid, unparseable, invalid and cut-off texts: by grammar, and as Outlines sends a class by default."""
    if budgets:
        _closing(model, number, contracts, concurrency, seed, _tokens(budgets), schemas, jump_forward)
        return
    if schemas is not None or jump_forward is not None:
        raise UsageError("--schemas and --jump-forward belong to --budgets: give budgets, such as 64,128,256,512.")
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
    from models.engines.canary import prove
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
            if way == "grammar":
                await prove(engine)  # which finds out, too, whether it closes
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


def _tokens(budgets: str) -> list[int]:
    try:
        found = [int(part) for part in budgets.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise UsageError(f"--budgets {budgets} is no list of numbers of tokens: write it as 64,128,256,512.")
    return found


def _closing(
    model: str,
    number: int,
    contracts: int,
    concurrency: int,
    seed: int,
    budgets: list[int],
    schemas: Path | None,
    jump_forward: bool | None,
) -> None:
    from models.bench.proof.closing_trial import COLUMNS

    rows, found = asyncio.run(
        _measure_closing(model, number, contracts, concurrency, seed, budgets, schemas, jump_forward)
    )
    table = Table(title=f"{number} answers within each budget, seed {seed}")
    for name in ("Of", "Budget", "T", *COLUMNS):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("of", "budget", "temperature", *COLUMNS)))
    console.print(table)
    head = {"model": model, "number": number, "seed": seed, "jump_forward": jump_forward}
    print(json.dumps({**head, "rows": rows, "room": found}))


async def _measure_closing(
    model: str,
    number: int,
    contracts: int,
    concurrency: int,
    seed: int,
    budgets: list[int],
    schemas: Path | None,
    jump_forward: bool | None,
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    from models.bench.proof.closing_trial import COLUMNS, cost, schema_entries, within
    from models.bench.proof.contest import entries, play
    from models.engines.engine import closes
    from models.engines.open_engine import open_engine

    groups = {"contracts": entries(Random(seed), contracts, CONTEXT)}
    if schemas is not None:
        groups["schemas"] = schema_entries(schemas, contracts, seed)
    rows: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        if model == "random" or model.startswith("vllm:"):
            model = await stack.enter_async_context(_server(model, "closing", jump_forward))
        engine = await stack.enter_async_context(open_engine(model, tell, thinking=0))
        if not closes(engine):
            raise UsageError(f"{engine.name} does not close: start it with the flags of `interlock serve-flags`.")
        progress = stack.enter_context(progress_bar())
        for name, entered in groups.items():
            for budget in budgets:
                for temperature in TEMPERATURES:
                    task = progress.add_task(f"{name}, {budget} tokens, T = {temperature}", total=number)
                    counts = Counter[str]()
                    one = partial(within, engine, budget, counts)
                    advance = partial(progress.advance, task)
                    counts += await play(one, entered, temperature, number, concurrency, advance)
                    told = {column: counts[column] for column in COLUMNS}
                    rows.append({"of": name, "budget": budget, "temperature": temperature, **told})
        task = progress.add_task("with room", total=number)
        return rows, await cost(engine, groups["contracts"], 1.0, number, partial(progress.advance, task))


@asynccontextmanager
async def _server(model: str, way: str, jump_forward: bool | None = None) -> AsyncIterator[str]:
    if model.startswith(("http://", "https://")):
        yield model
        return
    flags = AS_VLLM_COMES if way == "plain" else ()
    jumps = False if way == "plain" else jump_forward
    with tempfile.TemporaryDirectory(prefix="interlock-random-") as folder:
        name = model.removeprefix("vllm:")
        if model == "random":
            name = str(await asyncio.to_thread(write_dummy, Path(folder), "small"))
            flags = (*LOAD_FLAGS, *flags)
        if jumps is False and way == "closing":
            flags = (*closing_flags(), *flags)
        async with VllmServer.start(name, tell, flags=flags, jump_forward=jumps) as server:
            yield server.url
