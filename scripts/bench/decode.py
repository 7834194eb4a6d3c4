"""`interlock bench decode`: output tokens per second, free and constrained, with and without jump-forward."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.findings import rows
from models.bench.throughput.forms import FORMS
from models.bench.throughput.machine import gpus, gpus_of, peak_memory
from models.bench.throughput.own_forms import contract_forms, schema_forms, shaped
from models.bench.throughput.plan import Plan
from models.bench.throughput.prompts import read_prompts
from models.bench.throughput.rate_search import RateSearch
from models.bench.throughput.report import grammars, mask_shares, report, result_file
from models.bench.throughput.slo import Slo
from models.bench.throughput.variant import FREE, VARIANTS
from models.bench.throughput.vllm_bench import agreement, typical_length
from models.bench.throughput.watch import Watch
from models.engines.dummy import LOAD_FLAGS, SHAPES, write_dummy
from models.engines.model_folder import find_model_folder
from models.errors import EngineError, ModelNotFound
from scripts.bench.decode_options import SEARCH, contracts, known, loads, named, numbers, words
from scripts.bench.decode_report import agreement_line, decode_table, latency_table, write_plots
from scripts.console import console, tell
from scripts.progress import progress_bar

USUAL = "constrained,free,jump-forward,outlines"
WIDTH = 210
"""Columns of a terminal that the table needs at least; a narrower one wraps its lines."""


@dataclass
class Bench:
    """One run: what it measures, and what it has found so far. `out`: where that is kept, None for nowhere."""

    plan: Plan
    about: dict[str, Any]
    out: Path | None
    slo: Slo | None = None
    search: RateSearch | None = None
    vllm_bench: bool = False
    tokenizer: Path | None = None
    """The model's folder, where there is one."""
    cards: int | None = None
    """How many graphics cards a server uses, where it is known."""
    found: list[Round] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def add(self, rounds: list[Round], watch: Watch) -> None:
        """Keep `rounds`, with what the graphics cards drew meanwhile, and each streamed one in a file of its own."""
        for one in rounds:
            watts = watch.between(one.began, one.seconds).get("watts") if self.cards else None
            one = replace(one, watts=watts * len(gpus()) if watts is not None else None)
            self.found.append(one)
            if self.out and one.streamed:
                (self.out / "rounds").mkdir(exist_ok=True)
                file = self.out / "rounds" / f"{one.number:08d}-{one.variant}.json"
                file.write_text(json.dumps(result_file(one, self.about["model"], self.slo)), encoding="utf-8")

    def keep(self, **more: Any) -> dict[str, Any]:
        """All that is known, which is also written to bench.json."""
        self.more |= more
        summary = self.about | report(self.found, self.plan, self.slo, self.cards) | self.more
        if self.out:
            (self.out / "bench.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        return summary


def decode(
    model: Annotated[str, typer.Option(help="A folder, GGUF file or name; servers are started for it.")] = "",
    weights: Annotated[str, typer.Option(help="`dummy`: random weights in a --shape instead of a model.")] = "",
    shape: Annotated[str, typer.Option(help=f"Of the dummy weights: {', '.join(SHAPES)}.")] = "",
    concurrency: Annotated[str, typer.Option(help="Requests at once, with commas; 1,8,32,64 without --rate.")] = "",
    rate: Annotated[
        str, typer.Option(help="Arrivals a second, as 1,4,inf, whatever is under way; `search`: the most within --slo.")
    ] = "",
    burstiness: Annotated[float, typer.Option(help="Of arrivals: 1 Poisson, less in bursts, more even (gamma).")] = 1.0,
    num_prompts: Annotated[int | None, typer.Option(min=1, help="Requests of a round; 64 with --rate.")] = None,
    num_warmups: Annotated[int, typer.Option(min=0, help="Requests of each form before anything is measured.")] = 4,
    mix: Annotated[str, typer.Option(help="Shares of constrained requests beside free ones, as 0,0.5,1.")] = "1",
    slo: Annotated[str, typer.Option(help="For goodput: ttft, tpot, e2el in ms at most, as ttft:500,tpot:30.")] = "",
    slo_share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Of requests within it, for --rate search: 0.9.")
    ] = None,
    variants: Annotated[str, typer.Option(help=f"Of {', '.join(VARIANTS)}.")] = "",
    forms: Annotated[str, typer.Option(help=f"Contracts of ours, of {', '.join(FORMS)}.")] = "",
    contract: Annotated[list[str], typer.Option(metavar="FILE.py:NAME", help="A contract of yours.")] = [],  # noqa: B006
    schemas: Annotated[Path | None, typer.Option(help="A folder with JSON Schemas of yours.")] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="JSONL of yours: `prompt` or `messages`, and `output_tokens` if you like.")
    ] = None,
    input_tokens: Annotated[str, typer.Option(help="Lengths of prompts, as 512,2048: filled up with words.")] = "",
    repeat: Annotated[
        int, typer.Option(min=1, help="Rounds, in turn; one more streams, unless all do. At each rate of a search.")
    ] = 3,
    stream: Annotated[bool, typer.Option(help="Stream all rounds, as with --rate and --slo.")] = False,
    per_slot: Annotated[
        int | None, typer.Option(min=1, help="Requests of a round for each that may run at once: 2.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Stop after this time and keep what is there.")] = float(
        "inf"
    ),
    temperature: Annotated[float, typer.Option(min=0.0)] = 0.0,
    flags: Annotated[str, typer.Option(help="Further flags of vLLM, for every server that is started.")] = "",
    url: Annotated[list[str], typer.Option(help="A running server: plain=http://… or jump=http://…")] = [],  # noqa: B006
    vllm_bench: Annotated[bool, typer.Option("--vllm-bench", help="Compare with `vllm bench serve`.")] = False,
    together: Annotated[bool, typer.Option(help="Start the servers at the same time.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="For bench.json, rounds, plots and logs.")] = None,
) -> None:
    """Tokens per second and latencies of free text, of contracts, and of contracts with jump-forward, interleaved.

    Ends early on Ctrl-C and keeps what it has. `constrained_over_free` in the last line compares jump-forward with free
    text of the same length under each load. Names of metrics are those of `vllm bench serve`.
    """
    if weights not in ("", "dummy"):
        raise ModelNotFound(f"There are no weights '{weights}'.", "Write --weights dummy, or name a --model.")
    if weights and not shape:
        raise ModelNotFound("Dummy weights have no shape.", f"Add --shape, one of {', '.join(SHAPES)}.")
    if shape and model:
        raise ModelNotFound("A model and a shape are both given.", "Choose one of --model and --shape.")
    extra = [*words(flags), *(LOAD_FLAGS if shape else ())]
    urls = dict(map(named, url))
    level = Slo.parse(slo) if slo else None
    if rate == SEARCH and not level:
        raise ModelNotFound("There is no service level to search within.", "Add --slo ttft:500,tpot:30.")
    if slo_share and rate != SEARCH:
        raise ModelNotFound("A --slo-share was given, and nothing is searched.", "Add --rate search, or leave it out.")
    if per_slot and num_prompts:
        raise ModelNotFound("Requests of a round are given twice.", "Choose one of --per-slot and --num-prompts.")
    if urls and not (model or shape) and (flags or together):
        unused = "--flags" if flags else "--together"
        raise ModelNotFound(f"{unused} was given, and no server is started.", "Add --model, or leave it out.")
    own = contract_forms(contracts(contract))
    if schemas is not None:
        found, refused = schema_forms(schemas)
        own += found
        for why in refused:
            console.print(f"Left out: {why}", markup=False)
    chosen = known(forms or ",".join(FORMS), FORMS) if forms or not own else []
    asked = read_prompts(prompts) if prompts else ()
    plan = Plan(
        forms=list(shaped([*chosen, *own], asked, numbers(input_tokens, "--input-tokens 512,2048"))),
        variants=_variants(variants, urls, bool(model or shape)),
        loads=loads(concurrency, rate, burstiness, mix),
        repeat=repeat,
        per_slot=per_slot or 2,
        minutes=minutes,
        prompts=num_prompts,
        warmups=num_warmups,
        stream=stream or level is not None,
    )
    if vllm_bench and FREE.server not in [variant.server for variant in plan.variants]:
        raise ModelNotFound("`vllm bench serve` is compared on free text.", "Add free to --variants.")
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as scratch:
        logs = out or Path(scratch)
        logs.mkdir(parents=True, exist_ok=True)
        served = str(write_dummy(Path(scratch) / shape, shape)) if shape else model or ("" if urls else "models/tiny")
        about = {"model": f"{shape}, random weights" if shape else served, "flags": extra, "at": temperature}
        bench = Bench(
            plan,
            about,
            out,
            level,
            RateSearch(level, slo_share or 0.9, rounds=repeat) if level and rate == SEARCH else None,
            vllm_bench,
            find_model_folder(served, console.print) if served else None,
            None if urls else gpus_of(extra),
        )
        if vllm_bench and bench.tokenizer is None:
            raise ModelNotFound("`vllm bench serve` needs the model's tokenizer.", "Name the folder with --model.")
        arena = Arena.open(served, plan.variants, extra, logs, temperature, console.print, together, urls)
        summary = measure(bench, arena, logs)
    console.width = max(console.width, WIDTH)
    console.print(decode_table(summary))
    console.print(latency_table(summary))
    for one in summary.get("vllm_bench_serve", ()):
        console.print(agreement_line(one))
    if out:
        write_plots(summary, out)
    print(json.dumps(summary))


def measure(bench: Bench, arena: AbstractAsyncContextManager[Arena], logs: Path) -> dict[str, Any]:
    """Run the plan of `bench` in `arena` until its end or Ctrl-C; what was found is kept after every step."""
    plan = bench.plan

    async def steps() -> None:
        bar = progress_bar()
        async with arena as opened:
            fitting = replace(plan, forms=await opened.fitting(plan.forms))
            names = [form.name for form in fitting.forms]
            if left := [form.name for form in plan.forms if form.name not in names]:
                console.print(f"Left out, for this model's context is too short: {', '.join(left)}.")
            if not fitting.forms:
                raise EngineError("No contract is left to measure.", "Choose others with --forms, or another model.")
            bench.about["model"] = bench.about["model"] or next(iter(opened.targets.values())).model
            with bar, Watch(opened.processes) as watch:
                task = bar.add_task("warming up", total=fitting.warm if bench.search else fitting.steps)
                async for rounds in fitting.warm_up(opened) if bench.search else fitting.run(opened):
                    bench.add(rounds, watch)
                    if rounds and (load := gpus()):  # clocks and memory while it is still warm
                        bench.more.setdefault("gpus_after_each_step", []).append(load)
                    where = f"{rounds[0].form}, {rounds[0].load}" if rounds else "warming up"
                    bar.update(task, advance=1, description=where)
                    memory = {name: peak_memory(pid) for name, pid in opened.processes.items()}
                    if rounds:
                        bench.keep(peak_memory_gib=memory)
                if bench.search:
                    await _search(bench, bench.search, opened, fitting, watch)
                if bench.vllm_bench:
                    await _agree(bench, opened, fitting, logs)

    with suppress(KeyboardInterrupt):
        asyncio.run(steps())
    costs = grammars(bench.found, plan, bench.tokenizer) if bench.tokenizer else {}
    return bench.keep(grammars=costs, mask_share=mask_shares(rows(bench.found), costs))


async def _search(bench: Bench, search: RateSearch, arena: Arena, plan: Plan, watch: Watch) -> None:
    found: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * plan.minutes
    for form in plan.forms:
        for load in plan.loads:
            for variant in plan.variants:
                if time.monotonic() > end:
                    return
                requests = plan.requests(replace(load, concurrency=None))
                one = await search.run(arena, form, variant, load, requests, lambda one: bench.add([one], watch))
                rate = one["highest_request_rate"]
                console.print(f"{form.name}, {variant.name}: {'none' if rate is None else rate} requests a second")
                found.append(one)
                bench.keep(highest_request_rates=found)


async def _agree(bench: Bench, arena: Arena, plan: Plan, folder: Path) -> None:
    """Free text by our client and by vLLM's, under each load that has no other kind of request in it."""
    if bench.tokenizer is None or FREE.server not in arena.targets:
        raise ModelNotFound("`vllm bench serve` is compared on free text.", "Add free to --variants.")
    found = []
    for form in plan.forms:
        lengths = [reply.tokens for one in bench.found if one.form == form.name for reply in one.replies]
        tokens = typical_length(lengths or [64])
        for load in dict.fromkeys(replace(load, mix=1.0) for load in plan.loads):
            traffic = arena.targets[FREE.server]
            requests = plan.requests(load)
            one = await agreement(traffic, bench.tokenizer, form, load, requests, tokens, plan.repeat, folder)
            found.append({"form": form.name, **load.named, "tokens": tokens, "ours": one.ours, "theirs": one.theirs})
            found[-1]["difference"] = one.difference
            bench.keep(vllm_bench_serve=found)


def _variants(names: str, urls: dict[str, str], own: bool) -> list[Any]:
    """Those that are named, else the usual ones; on running servers of an unnamed model, those they can run."""
    chosen = known(names or USUAL, VARIANTS)
    if not urls or own:
        return chosen
    fitting = [variant for variant in chosen if variant.server in urls]
    for variant in chosen:
        if fitting and variant not in fitting and not names:
            tell(f"{variant.name} is left out: it takes --url {variant.server}=http://…")
    if left := [variant for variant in chosen if variant not in fitting and names] or chosen[: not fitting]:
        raise ModelNotFound(
            f"There is no server for {left[0].name}.",
            f"Add --url {left[0].server}=http://…, or a --model to start one for, or choose other --variants.",
        )
    return fitting
