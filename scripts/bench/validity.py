"""`interlock bench validity`: the same contracts under Interlock's grammars and the plain way, counted side by side.

With `--budgets`: within budgets that are too small for what a model would write, closed (closing.py).
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.table import Table

from models.bench.proof.attack import attack
from models.engines.dummy import CONTEXT
from models.engines.tokenizers import load_tokenizer
from pipeline.errors import UsageError
from scripts.bench.asked_texts import TEMPERATURES, AskedTexts
from scripts.bench.closing import count_closed
from scripts.console import console
from scripts.progress import progress_bar
from scripts.unused import refuse_unused

AS_VLLM_COMES = ("--structured-outputs-config", "{}")
"""The plain way gets a server without our flags for structured output: vLLM's own defaults."""
COLUMNS = ("valid", "unparseable", "invalid", "cut_off", "over_budget", "refused")
"""Of the texts; `refused`: the server did not take the schema at all."""
LEAST = 1024
"""Tokens of context: with less, hardly a contract fits beside its prompt."""
ADDRESS = ("http://", "https://")
Rows = dict[str, Counter[str]]


def validity(
    written: typer.Context,
    model: Annotated[
        str, typer.Option(help="vllm:FOLDER, http://… (one server for both ways), or random: untrained weights.")
    ] = "random",
    number: Annotated[int, typer.Option("-n", "--number", min=3, help="Completions each way.")] = 1000,
    contracts: Annotated[int, typer.Option(min=1, help="Random contracts they are spread over.")] = 24,
    concurrency: Annotated[int, typer.Option(min=1)] = 32,
    tokenizer: Annotated[str, typer.Option(help="Of the random tokens: tiny, tekken, byte, or a model.")] = "tiny",
    context: Annotated[int, typer.Option(min=LEAST, help="Tokens that prompt and answer may take together.")] = CONTEXT,
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
    asked = AskedTexts(model, number, contracts, concurrency, seed)
    if budgets:
        refuse_unused(written, "is not of --budgets: leave it out.", "tokenizer", "context")
        if not asked.starts:
            refuse_unused(written, f"is of a server that is started here: {model} has what it has.", "jump_forward")
        count_closed(asked, _tokens(budgets), schemas, jump_forward)
        return
    refuse_unused(written, "belongs to --budgets: give some, such as 64,128,256,512.", "schemas", "jump_forward")
    if not asked.starts and not model.startswith(ADDRESS):
        raise UsageError(
            f"'{model}' is no server: give vllm:FOLDER, http://…, or random; a folder goes with --budgets."
        )
    rows = asyncio.run(_measure(asked, tokenizer, context))
    table = Table(title=f"{number} completions each way over {contracts} random contracts, seed {seed}")
    table.add_column("Way", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name.replace("_", " "), justify="right")
    for way, counts in rows.items():
        table.add_row(way, *(str(counts[name]) for name in COLUMNS))
    console.print(table)
    found = {way: {name: counts[name] for name in COLUMNS} for way, counts in rows.items()}
    print(json.dumps({"model": model, "number": number, "contracts": contracts, "seed": seed, "ways": found}))


def _tokens(budgets: str) -> list[int]:
    try:
        found = [int(part) for part in budgets.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise UsageError(f"--budgets {budgets} is no list of numbers of tokens: write it as 64,128,256,512.")
    return found


async def _measure(asked: AskedTexts, tokenizer: str, context: int) -> Rows:
    # They take seconds to import, and every command mounts this one.
    from models.bench.proof.contest import constrained, entries, plain, play
    from models.bench.proof.plain_way import PlainWay
    from models.engines.canary import prove
    from models.engines.vllm.engine import VllmEngine

    entered = entries(Random(asked.seed), asked.contracts, context)
    rows: Rows = {f"random tokens, {tokenizer}": Counter()}
    random, tokens = Random(asked.seed), load_tokenizer(tokenizer)
    for entry, times in zip(entered, _shares(asked.number, asked.contracts), strict=True):
        rows[f"random tokens, {tokenizer}"] += attack(entry.contract, entry.grammar, tokens, random, times).outcomes
    for way in ("grammar", "plain"):
        async with AsyncExitStack() as stack:
            url = asked.model
            if asked.starts:
                url = await stack.enter_async_context(
                    asked.serving(AS_VLLM_COMES, jump_forward=False) if way == "plain" else asked.serving()
                )
            engine, plainly = await VllmEngine.open(url), await PlainWay.open(url)
            if way == "grammar":
                await prove(engine)  # which finds out, too, whether it closes
            one = partial(constrained, engine) if way == "grammar" else partial(plain, plainly)
            with progress_bar() as progress:
                for temperature, times in zip(TEMPERATURES, _shares(asked.number, len(TEMPERATURES)), strict=True):
                    task = progress.add_task(f"{way}, T = {temperature}", total=times)
                    advance = partial(progress.advance, task)
                    counts = await play(one, entered, temperature, times, asked.concurrency, advance)
                    rows[f"{way}, T = {temperature}"] = counts
            await engine.close()
            await plainly.close()
    return rows


def _shares(number: int, parts: int) -> list[int]:
    """So many, dealt to so many parts."""
    return [number // parts + (place < number % parts) for place in range(parts)]
