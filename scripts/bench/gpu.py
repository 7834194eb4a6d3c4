"""`interlock bench gpu`: what constraining costs on a graphics card, within a few minutes.

The rounds are those of `bench decode`. What differs: both servers share one card, cells come in the order of their
importance, none is begun that would not end in time, and every round is on disk as soon as it is over.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import mean, median
from typing import Annotated, Any

import typer

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.findings import rows
from models.bench.throughput.forms import FORMS, Form
from models.bench.throughput.load import Load
from models.bench.throughput.machine import ServerFacts, gpus, on_this_machine
from models.bench.throughput.phases import sampled, sampler
from models.bench.throughput.plan import Plan
from models.bench.throughput.report import grammars, mask_shares, report
from models.bench.throughput.variant import CONSTRAINED, JUMP, VARIANTS
from models.bench.throughput.watch import Watch
from models.engines.dummy import LOAD_FLAGS, SHAPES, write_dummy
from models.engines.model_folder import find_model_folder
from models.engines.tokenizers import load_tokenizer
from models.errors import EngineError, EngineUnavailable, ModelNotFound
from scripts.bench.decode_bench import first_error, refuse_used
from scripts.bench.decode_options import addresses, known, numbers, refuse_unasked, started, words
from scripts.bench.decode_report import failures
from scripts.bench.gpu_table import markdown
from scripts.console import complain, console
from scripts.unused import refuse_unused

GPU_FLAGS = (
    *("--max-model-len", "4096", "--max-num-batched-tokens", "8192"),
    # Two servers on one card: each takes what it is told, for neither can know what the other will take.
    *("--gpu-memory-utilization", "0.4", "--kv-cache-memory-bytes", "14G"),
    # One graph for every batch, also where sequences have different numbers of drafts; and no minute of compiling.
    *("--compilation-config", '{"mode":0,"cudagraph_mode":"FULL"}'),
)
"""Flags of both servers on a machine that has a GPU; a model of 16 GB and 14 GB of cache, twice, in 80 GB."""

CARD = ("gpu_busy", "watts")
"""What Watch reads of this machine's cards."""

FACTS = {
    "asynchronous scheduling": r"Asynchronous scheduling is (\w+)",
    "model runner": r"Using (V2) Model Runner",
    "attention": r"Using AttentionBackendEnum\.(\w+)|Using (\w+) attention backend",
    "FlashAttention": r"Using FlashAttention version (\d)",
}
"""What a server's log tells of how it works, where it says so."""


@dataclass
class Bench:
    """What was found so far, and the folder where it is kept."""

    plan: Plan
    about: dict[str, Any]
    out: Path
    found: list[Round] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    servers: Mapping[str, ServerFacts] = field(default_factory=dict)
    """Known as soon as they answer."""

    @property
    def first_error(self) -> str:
        """Why a request failed, "" where none did."""
        return first_error(self.found)

    def add(self, rounds: list[Round], watch: Watch) -> None:
        """Keep `rounds` of one cell, with what was busy meanwhile."""
        here = on_this_machine(self.servers)
        for one in rounds:
            busy = watch.between(one.began, one.seconds)
            line = rows([one])[0] | {
                "streamed": one.streamed,
                "seconds": round(one.seconds, 3),
                "step_ms": round(1000 * one.seconds / one.counted.steps, 2) if one.counted.steps else None,
                **{name: value for name, value in busy.items() if here or name not in CARD},
            }
            if "watts" in line:
                line["joules_per_token"] = round(line["watts"] * one.seconds / one.tokens, 3)
            self.lines.append(line)
            with (self.out / "rounds.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        self.found.extend(rounds)
        self.keep()

    def keep(self, **more: Any) -> dict[str, Any]:
        """Write bench.json and table.md as far as they are known."""
        self.more |= more
        costs = self.more.get("grammars", {})
        summary = self.about | report(self.found, self.plan, self.servers) | self.more
        summary["load"] = _load(self.lines)
        summary["first_error"] = self.first_error
        summary["mask_share"] = mask_shares(summary["cells"], costs)
        (self.out / "bench.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        (self.out / "table.md").write_text(markdown(summary), encoding="utf-8")
        return summary


def gpu(
    context: typer.Context,
    shape: Annotated[str, typer.Option(help=f"Of the random weights: {', '.join(SHAPES)}.")] = "llama-8b",
    model: Annotated[str, typer.Option(help="A folder, GGUF file or name, instead of random weights.")] = "",
    concurrency: Annotated[str, typer.Option(help="Requests at once, the most important first.")] = "64,1,256",
    forms: Annotated[str, typer.Option(help=f"Contracts, of {', '.join(FORMS)}.")] = "booking,keys",
    variants: Annotated[str, typer.Option(help=f"Of {', '.join(VARIANTS)}.")] = "constrained,free,jump-forward",
    repeat: Annotated[int, typer.Option(min=1, help="Rounds, in turn; one more is streamed for latencies.")] = 4,
    per_slot: Annotated[
        int, typer.Option(min=1, help="Requests of a round for each that may run at once; 4 in all at least.")
    ] = 4,
    budget_seconds: Annotated[
        float, typer.Option(min=1, help="Begin nothing that would end later, start included.")
    ] = 420,
    flags: Annotated[str, typer.Option(help="Further flags of vLLM, for both servers; the last one counts.")] = "",
    url: Annotated[list[str], typer.Option(help="A running server: plain=http://… or jump=http://…")] = [],  # noqa: B006
    out: Annotated[Path, typer.Option("-o", "--out", help="For rounds.jsonl, bench.json, table.md and logs.")] = Path(
        "bench-gpu"
    ),
) -> None:
    """Tokens per second of free text, of contracts, and of contracts with jump-forward, on one GPU, in minutes.

    Random weights in the shape of a real model and a vocabulary of 131,072 tokens, unless a model is named. Nothing is
    downloaded then. table.md in the output folder holds what was found after every round, however the run ends.
    """
    if model:
        refuse_unused(context, "is of random weights, and --model names a model: give one of them.", "shape")
    model, urls = started(model), addresses(url)
    if urls:
        refuse_unused(
            context, "is of servers that are started here, and --url names running ones: leave it out.", "flags"
        )
    chosen = known(variants, VARIANTS)
    refuse_unasked(urls, chosen)
    if urls and not model:
        raise ModelNotFound("The model behind --url is not known.", "Add --model: its folder, or its name.")
    refuse_used(out)
    end = time.monotonic() + budget_seconds
    loads = [Load(number) for number in numbers(concurrency, "--concurrency 64,1,256")]
    plan = Plan(known(forms, FORMS), chosen, loads, repeat=repeat, per_slot=per_slot)
    out.mkdir(parents=True, exist_ok=True)
    cards = gpus()
    flagged = [
        *("--max-num-seqs", str(max(at_once(plan)))),
        *(GPU_FLAGS if cards else ()),
        *words(flags),
        *(() if model else LOAD_FLAGS),
    ]
    extra = flagged if {variant.server for variant in chosen} - urls.keys() else []
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as scratch:
        served = model or str(write_dummy(Path(scratch) / shape, shape))
        about = {
            "model": model or f"{shape}, random weights",
            "flags": extra,
            "command": shlex.join(["interlock", *sys.argv[1:]]),
        }
        bench = Bench(plan, about, out)
        arena = Arena.open(served, plan.variants, extra, out, 0.0, console.print, True, urls)
        failure, stopped = None, False
        try:
            failure = asyncio.run(measure(bench, arena, find_model_folder(served, console.print), end))
        except KeyboardInterrupt:
            stopped = True
            bench.keep(ended="by Ctrl-C")
        summary = bench.keep()
    console.print((out / "table.md").read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    print(json.dumps({key: summary[key] for key in ("model", "ratios", "phases", "ended") if key in summary}))
    if failed := failures(summary["cells"], bench.first_error):
        complain(failed)
    if failure:
        raise failure
    if stopped:
        raise typer.Exit(130)
    if failed:
        raise typer.Exit(1)


async def measure(bench: Bench, arena: Any, model: Path, end: float) -> EngineError | None:
    """Run the plan of `bench` until `end` (time.monotonic()); returns why it stopped where a server failed."""
    async with AsyncExitStack() as stack:
        started = time.monotonic()
        tokenizer = asyncio.create_task(asyncio.to_thread(load_tokenizer, str(model)))  # seconds, while servers start
        try:
            async with asyncio.timeout(end - started):
                opened: Arena = await stack.enter_async_context(arena)
        except TimeoutError:
            raise EngineError("The servers did not start in time.", f"Their logs are in {bench.out}.") from None
        await tokenizer
        bench.servers, facts = opened.servers, _facts(bench.out)
        told = {name: {**one, **facts.get(name, {})} for name, one in bench.servers.items()}
        bench.keep(start_seconds=round(time.monotonic() - started, 1), servers=told)
        watch = stack.enter_context(Watch(opened.processes))
        try:
            await _rounds(bench, opened, watch, model, end)
        except EngineUnavailable as error:
            bench.keep(ended=str(error))
            return error
    return None


async def _rounds(bench: Bench, arena: Arena, watch: Watch, model: Path, end: float) -> None:
    plan = bench.plan
    largest = max(at_once(plan))
    for form, concurrency in [*((form, plan.least) for form in plan.forms), (plan.forms[0], largest)]:
        await arena.round(
            form, Load(concurrency), concurrency, plan.variants
        )  # kernels and graphs are loaded at first use
    console.print(f"Warm; {end - time.monotonic():.0f} s are left.")
    took: dict[tuple[str, int], float] = {}
    left_out: list[str] = []
    for turn, concurrency, form in _cells(plan):
        cell = (form.name, concurrency)
        left = end - time.monotonic()
        if left < took.get(cell, max(took.values(), default=0.0)):
            left_out.append(f"{turn}, {form.name} at {concurrency}")
            continue  # a smaller one may fit
        began = time.monotonic()
        requests = plan.requests(Load(concurrency))
        if turn == "phases" and not (sampler() and watch.engines()):
            why = "py-spy is not on the PATH" if watch.engines() else "no server was started here"
            console.print(f"Where an engine's steps go is not measured: {why}.")
            continue
        if turn == "phases":
            both = [variant for variant in plan.variants if variant in (CONSTRAINED, JUMP)]
            async with sampled(watch.engines(), bench.out) as phases:
                await arena.round(form, Load(concurrency), requests, both)
            bench.keep(phases=phases | ({"of": f"{form.name}, {concurrency} at once"} if phases else {}))
            continue
        bench.add(await arena.round(form, Load(concurrency), requests, plan.variants, turn == "streamed"), watch)
        took[cell] = time.monotonic() - began
        if "grammars" not in bench.more or len(bench.more["grammars"]) < len(plan.forms):
            bench.keep(grammars=grammars(bench.found, plan, model))
        console.print(f"{turn}: {form.name}, {concurrency} at once, in {took[cell]:.0f} s")
    if left_out:
        bench.keep(ended=f"{len(left_out)} cells did not fit into the time, the first of them {left_out[0]}")


def at_once(plan: Plan) -> list[int]:
    """How many requests are under way at once in each cell."""
    return [load.concurrency for load in plan.loads if load.concurrency]


def _cells(plan: Plan) -> Iterator[tuple[str, int, Form]]:
    """What is measured, the most important first: whole answers twice, where steps go, latencies, then more rounds."""
    turns = [f"round {number + 1}" for number in range(plan.repeat)]
    for turn in [*turns[:2], "phases", "streamed", *turns[2:]]:
        cells = product(at_once(plan), plan.forms)
        for concurrency, form in [(max(at_once(plan)), plan.forms[0])] if turn == "phases" else cells:
            yield turn, concurrency, form


def _load(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each cell: milliseconds of a step (median), and means of what was busy, over rounds of whole answers."""
    cells: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for line in lines:
        if not line["streamed"]:
            cells.setdefault((line["form"], line["max_concurrency"], line["variant"]), []).append(line)
    found = []
    for (form, concurrency, variant), each in cells.items():
        steps = [line["step_ms"] for line in each if line["step_ms"] is not None]
        told = [{name: value for name, value in line.items() if value is not None} for line in each]
        names = {name for line in told for name in line if name in ("gpu_busy", "watts", "joules_per_token")}
        names |= {name for line in told for name in line if name.endswith(" cores")}
        means = {name: round(mean(line[name] for line in told if name in line), 3) for name in sorted(names)}
        about = {"form": form, "max_concurrency": concurrency, "variant": variant}
        found.append(about | ({"step_ms": round(median(steps), 2)} if steps else {}) | means)
    return found


def _facts(logs: Path) -> dict[str, dict[str, str]]:
    """What the log of each server tells of how it works."""
    found: dict[str, dict[str, str]] = {}
    for log in sorted(logs.glob("*.log")):
        text = log.read_text(encoding="utf-8", errors="replace")
        told = {name: re.search(pattern, text) for name, pattern in FACTS.items()}
        found[log.stem] = {name: next(filter(None, match.groups())) for name, match in told.items() if match}
    return found
