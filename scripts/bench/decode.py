"""`interlock bench decode`: output tokens per second, free and constrained, with and without jump-forward."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from models.bench.throughput.arena import Arena
from models.bench.throughput.forms import FORMS
from models.bench.throughput.machine import gpus_of
from models.bench.throughput.own_forms import contract_forms, schema_forms, shaped
from models.bench.throughput.plan import Plan
from models.bench.throughput.prompts import read_prompts
from models.bench.throughput.rate_search import RateSearch
from models.bench.throughput.slo import Slo
from models.bench.throughput.variant import FREE, VARIANTS
from models.engines.dummy import LOAD_FLAGS, SHAPES, write_dummy
from models.engines.model_folder import find_model_folder
from models.errors import EngineError, ModelNotFound
from scripts.bench.decode_bench import Bench, refuse_used
from scripts.bench.decode_options import (
    SEARCH,
    addresses,
    contracts,
    known,
    loads,
    numbers,
    refuse_unasked,
    started,
    words,
)
from scripts.bench.decode_report import agreement_line, decode_table, latency_table, notes, rate_table, write_plots
from scripts.console import complain, console, tell

USUAL = "constrained,free,jump-forward,outlines"
WIDTH = 210
"""Columns of a terminal that the table needs at least; a narrower one wraps its lines."""


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
        Path | None,
        typer.Option(help="JSONL or JSON: `prompt`, `messages` or ShareGPT's `conversations`, and `output_tokens`."),
    ] = None,
    input_tokens: Annotated[str, typer.Option(help="Lengths of prompts, as 512,2048: filled up with words.")] = "",
    output_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of free text, whatever --prompts says; else as long as contracts.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, help="Rounds, in turn; one more streams, unless all do. At each rate of a search.")
    ] = 3,
    stream: Annotated[bool, typer.Option(help="Stream all rounds, as with --rate and --slo.")] = False,
    per_slot: Annotated[
        int | None, typer.Option(min=1, help="Requests of a round for each that may run at once: 2; 4 in all at least.")
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

    Ends early on Ctrl-C, with exit code 130, and keeps what it has. A request that fails is counted (`failed`), stands
    in no other figure, and makes the exit code 1; where all of a round fail it ends. `constrained_over_free` in the
    last line compares jump-forward with free text of the same length under each load. Names of metrics are those of
    `vllm bench serve`.
    """
    if weights not in ("", "dummy"):
        raise ModelNotFound(f"There are no weights '{weights}'.", "Write --weights dummy, or name a --model.")
    if weights and not shape:
        raise ModelNotFound("Dummy weights have no shape.", f"Add --shape, one of {', '.join(SHAPES)}.")
    if shape and model:
        raise ModelNotFound("A model and a shape are both given.", "Choose one of --model and --shape.")
    extra = [*words(flags), *(LOAD_FLAGS if shape else ())]
    model, urls = started(model), addresses(url)
    level = Slo.parse(slo) if slo else None
    if rate == SEARCH and not level:
        raise ModelNotFound("There is no service level to search within.", "Add --slo ttft:500,tpot:30.")
    if slo_share and rate != SEARCH:
        raise ModelNotFound("A --slo-share was given, and nothing is searched.", "Add --rate search, or leave it out.")
    if per_slot and num_prompts:
        raise ModelNotFound("Requests of a round are given twice.", "Choose one of --per-slot and --num-prompts.")
    own = contract_forms(contracts(contract))
    if schemas is not None:
        found, refused = schema_forms(schemas)
        own += found
        for why in refused:
            console.print(f"Left out: {why}", markup=False)
    chosen = known(forms or ",".join(FORMS), FORMS) if forms or not own else []
    asked = read_prompts(prompts, tell) if prompts else ()
    plan = Plan(
        forms=list(shaped([*chosen, *own], asked, numbers(input_tokens, "--input-tokens 512,2048"), output_tokens)),
        variants=_variants(variants, urls, bool(model or shape)),
        loads=loads(concurrency, rate, burstiness, mix),
        repeat=repeat,
        per_slot=per_slot or 2,
        minutes=minutes,
        prompts=num_prompts,
        warmups=num_warmups,
        stream=stream or level is not None,
    )
    _refuse_idle(plan, urls, flags=flags, together=together, shape=shape, per_slot=per_slot, mix=mix, rate=rate)
    asks = {variant.ask for variant in plan.variants}
    if output_tokens and "free" not in asks and mix == "1":
        raise ModelNotFound(
            "--output-tokens was given, and nothing is free text.", "Leave it out, or add to --variants."
        )
    if "free" in asks and len(asks) > 1 and (output_tokens or any(one.output_tokens or one.answer for one in asked)):
        tell("Free text has the length that was given, and contracts what they take: ratios compare other lengths.")
    if out:
        refuse_used(out)
    if vllm_bench and FREE.server not in [variant.server for variant in plan.variants]:
        raise ModelNotFound("`vllm bench serve` is compared on free text.", "Add free to --variants.")
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as scratch:
        logs = out or Path(scratch)
        logs.mkdir(parents=True, exist_ok=True)
        served = str(write_dummy(Path(scratch) / shape, shape)) if shape else model or ("" if urls else "models/tiny")
        about = {
            "model": f"{shape}, random weights" if shape else served,
            "flags": extra,
            "temperature": temperature,
            "output_tokens": output_tokens,
            "prompts": _fingerprint(prompts) if prompts else None,
        }
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
        summary = bench.measure(arena, logs)
    if not summary["cells"] and not bench.stopped:
        raise EngineError(f"Nothing was measured {summary.get('ended', '')}.", "Give more --minutes.")
    console.width = max(console.width, WIDTH)
    console.print(decode_table(summary))
    if any("p50_e2el_ms" in cell for cell in summary["cells"]):
        console.print(latency_table(summary))
    if "highest_request_rates" in summary:
        console.print(rate_table(summary))
    for one in summary.get("vllm_bench_serve", ()):
        console.print(agreement_line(one))
    if out:
        write_plots(summary, out)
    for line in notes(summary, bench.first_error):
        complain(line)
    print(json.dumps(summary))
    if bench.failure:
        raise bench.failure
    if bench.stopped:
        raise typer.Exit(130)
    if bench.first_error:
        raise typer.Exit(1)


def _fingerprint(file: Path) -> dict[str, str]:
    """What tells two files of prompts apart."""
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()[:16]}


def _refuse_idle(
    plan: Plan,
    urls: dict[str, str],
    *,
    flags: str,
    together: bool,
    shape: str,
    per_slot: int | None,
    mix: str,
    rate: str,
) -> None:
    """ModelNotFound for what was written and would change nothing."""
    names = {variant.server for variant in plan.variants}
    refuse_unasked(urls, plan.variants)
    for option, given in (("--flags", flags), ("--shape", shape), ("--together", together)):
        if given and names <= urls.keys():
            raise ModelNotFound(f"{option} was given, and no server is started.", "Leave it out.")
    if together and len(names - urls.keys()) < 2:
        raise ModelNotFound("--together was given, and one server is started.", "Leave it out.")
    if per_slot and rate:
        raise ModelNotFound("--per-slot was given, and --rate.", "Write --num-prompts in its place.")
    if mix != "1" and all(variant.ask == "free" for variant in plan.variants):
        raise ModelNotFound("--mix was given, and nothing is constrained.", "Leave it out, or add to --variants.")
    if few := [load for load in plan.loads if load.concurrency and plan.requests(load) < load.concurrency]:
        tell(f"A round has {plan.requests(few[0])} requests: {few[0].concurrency} are never under way at once.")
    if names_of := [name for name, times in Counter(form.name for form in plan.forms).items() if times > 1]:
        raise ModelNotFound(f"There are two forms '{names_of[0]}'.", "Rename one, or leave it out of --forms.")


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
