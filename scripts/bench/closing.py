"""The part of `interlock bench validity` within budgets that are too small for what a model would write: each answer is
closed in time, or is none.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from rich.table import Table

from models.engines.dummy import CONTEXT
from models.engines.vllm.jump_forward import closing_flags
from pipeline.errors import UsageError
from scripts.bench.asked_texts import TEMPERATURES, AskedTexts
from scripts.console import console, tell
from scripts.progress import progress_bar


def count_closed(asked: AskedTexts, budgets: Sequence[int], schemas: Path | None, jump_forward: bool | None) -> None:
    """Show and print what became of the answers within each budget. `schemas`: a folder of JSON Schemas, tried as well.

    UsageError for an engine that does not close, and for a folder without schemas.
    """
    from models.bench.proof.closing_trial import COLUMNS

    rows, found = asyncio.run(_measure(asked, budgets, schemas, jump_forward))
    table = Table(title=f"{asked.number} answers within each budget, seed {asked.seed}")
    for name in ("Of", "Budget", "T", *COLUMNS):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("of", "budget", "temperature", *COLUMNS)))
    console.print(table)
    head = {"model": asked.model, "number": asked.number, "seed": asked.seed, "jump_forward": jump_forward}
    print(json.dumps({**head, "rows": rows, "room": found}))


async def _measure(
    asked: AskedTexts, budgets: Sequence[int], schemas: Path | None, jump_forward: bool | None
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    # They take seconds to import, and every command mounts this one.
    from models.bench.proof.closing_trial import COLUMNS, cost, schema_entries, within
    from models.bench.proof.contest import entries, play
    from models.engines.engine import closes
    from models.engines.open_engine import open_engine

    number, seed = asked.number, asked.seed
    groups = {"contracts": entries(Random(seed), asked.contracts, CONTEXT)}
    if schemas is not None:
        groups["schemas"] = schema_entries(schemas, asked.contracts, seed)
        if not groups["schemas"]:
            raise UsageError(
                f"There is no schema that is enforced in {schemas}: give a folder with *.json or *.yaml files."
            )
    rows: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        model = asked.model
        if asked.starts:
            flags = closing_flags() if jump_forward is False else ()
            model = await stack.enter_async_context(asked.serving(flags, jump_forward))
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
                    counts += await play(one, entered, temperature, number, asked.concurrency, advance)
                    told = {column: counts[column] for column in COLUMNS}
                    rows.append({"of": name, "budget": budget, "temperature": temperature, **told})
        task = progress.add_task("with room", total=number)
        return rows, await cost(engine, groups["contracts"], 1.0, number, partial(progress.advance, task))
