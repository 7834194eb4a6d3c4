"""`interlock bench decode`: output tokens per second, free and constrained, with and without jump-forward."""

from __future__ import annotations

import asyncio
import json
import shlex
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.findings import rows
from models.bench.throughput.forms import FORMS
from models.bench.throughput.machine import gpus, peak_memory
from models.bench.throughput.plan import Plan
from models.bench.throughput.report import grammars, mask_shares, report
from models.bench.throughput.variant import SERVERS, VARIANTS
from models.engines.dummy import LOAD_FLAGS, SHAPES, write_dummy
from models.engines.model_folder import find_model_folder
from models.errors import EngineError, ModelNotFound
from scripts.bench.decode_report import decode_table, write_plots
from scripts.console import console
from scripts.progress import progress_bar

USUAL = "constrained,free,jump-forward,outlines"
WIDTH = 150
"""Columns of a terminal that the table needs at least; a narrower one wraps its lines."""


def decode(
    model: Annotated[str, typer.Option(help="A folder, GGUF file or name; servers are started for it.")] = "",
    weights: Annotated[str, typer.Option(help="`dummy`: random weights in a --shape instead of a model.")] = "",
    shape: Annotated[str, typer.Option(help=f"Of the dummy weights: {', '.join(SHAPES)}.")] = "",
    concurrency: Annotated[str, typer.Option(help="Requests at once, with commas.")] = "1,8,32,64",
    variants: Annotated[str, typer.Option(help=f"Of {', '.join(VARIANTS)}.")] = USUAL,
    forms: Annotated[str, typer.Option(help=f"Contracts, of {', '.join(FORMS)}.")] = ",".join(FORMS),
    repeat: Annotated[int, typer.Option(min=1, help="Rounds, in turn; one more is streamed for latencies.")] = 3,
    per_slot: Annotated[int, typer.Option(min=1, help="Requests of a round for each that may run at once.")] = 2,
    minutes: Annotated[float, typer.Option(help="Stop after this time and keep what is there.")] = float("inf"),
    temperature: Annotated[float, typer.Option(min=0.0)] = 0.0,
    flags: Annotated[str, typer.Option(help="Further flags of vLLM, for every server that is started.")] = "",
    url: Annotated[list[str], typer.Option(help="A running server: plain=http://… or jump=http://…")] = [],  # noqa: B006
    together: Annotated[bool, typer.Option(help="Start the servers at the same time.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="For bench.json and the servers' logs.")] = None,
) -> None:
    """Tokens per second of free text, of contracts, and of contracts with jump-forward, interleaved in one run.

    Ends early on Ctrl-C and keeps what it has. `constrained_over_free` in the last line compares jump-forward with free
    text of the same length at each concurrency.
    """
    if weights not in ("", "dummy"):
        raise ModelNotFound(f"There are no weights '{weights}'.", "Write --weights dummy, or name a --model.")
    if weights and not shape:
        raise ModelNotFound("Dummy weights have no shape.", f"Add --shape, one of {', '.join(SHAPES)}.")
    if shape and model:
        raise ModelNotFound("A model and a shape are both given.", "Choose one of --model and --shape.")
    plan = planned(forms, variants, concurrency, "1,32", repeat=repeat, per_slot=per_slot, minutes=minutes)
    urls = dict(map(named, url))
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as scratch:
        logs = out or Path(scratch)
        logs.mkdir(parents=True, exist_ok=True)
        served = str(write_dummy(Path(scratch) / shape, shape)) if shape else model or "models/tiny"
        extra = [*shlex.split(flags), *(LOAD_FLAGS if shape else ())]
        about = {"model": f"{shape}, random weights" if shape else served, "flags": extra, "at": temperature}
        arena = Arena.open(served, plan.variants, extra, logs, temperature, console.print, together, urls)
        summary = measure(plan, arena, find_model_folder(served, console.print), about, out)
    console.print(decode_table(summary), width=max(console.width, WIDTH))
    if out:
        write_plots(summary, out)
    print(json.dumps(summary))


def measure(plan: Plan, arena: Any, model: Path, about: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """Run `plan` in `arena` until its end or Ctrl-C; what was found is in `out`/bench.json after every step."""
    found: list[Round] = []
    loads: list[Any] = []

    memory: dict[str, float] = {}

    def keep(**more: Any) -> dict[str, Any]:
        summary = about | report(found, plan) | {"gpus_after_each_step": loads, "peak_memory_gib": memory} | more
        if out:
            (out / "bench.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        return summary

    async def steps() -> None:
        bar = progress_bar()
        async with arena as opened:
            fitting = replace(plan, forms=await opened.fitting(plan.forms))
            if left := [form.name for form in plan.forms if form not in fitting.forms]:
                console.print(f"Left out, for this model's context is too short: {', '.join(left)}.")
            if not fitting.forms:
                raise EngineError("No contract is left to measure.", "Choose others with --forms, or another model.")
            with bar:
                task = bar.add_task("warming up", total=fitting.steps)
                async for rounds in fitting.run(opened):
                    found.extend(rounds)
                    loads.extend([load] if (load := gpus()) else [])  # clocks and memory while it is still warm
                    where = f"{rounds[0].form}, {rounds[0].concurrency} at once" if rounds else "warming up"
                    bar.update(task, advance=1, description=where)
                    memory.update({name: peak_memory(pid) for name, pid in opened.processes.items()})
                    if rounds:
                        keep()

    with suppress(KeyboardInterrupt):
        asyncio.run(steps())
    costs = grammars(found, plan, model)
    return keep(grammars=costs, mask_share=mask_shares(rows(found), costs))


def planned(forms: str, variants: str, concurrency: str, example: str, **more: Any) -> Plan:
    """A plan from options that list things with commas. Raises ModelNotFound for one that is not known."""
    if not concurrency.replace(",", "").isdigit():
        raise ModelNotFound(f"'{concurrency}' is no list of numbers.", f"Write --concurrency {example}.")
    return Plan(
        forms=_chosen(forms, FORMS),
        variants=_chosen(variants, VARIANTS),
        concurrency=tuple(int(part) for part in concurrency.split(",") if part),
        **more,
    )


def named(url: str) -> tuple[str, str]:
    """The name and the address of a running server, from NAME=ADDRESS. Raises ModelNotFound."""
    name, _, address = url.partition("=")
    if name not in SERVERS or not address.startswith("http"):
        raise ModelNotFound(f"'{url}' names no server.", f"Write one of {', '.join(SERVERS)}, =, and its address.")
    return name, address


def _chosen(names: str, known: dict[str, Any]) -> Sequence[Any]:
    """What `known` has under `names`, which commas part. Raises ModelNotFound."""
    if unknown := [name for name in names.split(",") if name not in known]:
        raise ModelNotFound(f"There is no {unknown[0]} to compare.", f"Choose of {', '.join(known)}.")
    return [known[name] for name in names.split(",")]
