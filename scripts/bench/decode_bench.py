"""One run of `interlock bench decode`: its plan, what it has found so far, and the folder in which that is kept.

Knows rounds and what is written of them; options and tables are decode.py's.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from models.bench.throughput.arena import Arena, Round
from models.bench.throughput.findings import rows
from models.bench.throughput.machine import ServerFacts, gpus, on_this_machine, peak_memory
from models.bench.throughput.plan import Plan
from models.bench.throughput.rate_search import RateSearch
from models.bench.throughput.report import grammars, mask_shares, report, result_file
from models.bench.throughput.slo import Slo
from models.bench.throughput.variant import FREE
from models.bench.throughput.vllm_bench import agreement, typical_length
from models.bench.throughput.watch import Watch
from models.errors import EngineError, ModelNotFound
from scripts.bench.decode_report import rate_shown
from scripts.console import console, tell
from scripts.progress import progress_bar

_KEPT = ("bench.json", "rounds", "rounds.jsonl")
"""What a benchmark leaves in its folder; a second one there would mix with it."""


def refuse_used(out: Path) -> None:
    """ModelNotFound for a folder that holds a benchmark."""
    if any((out / name).exists() for name in _KEPT):
        raise ModelNotFound(f"{out} holds what a benchmark has found.", "Name another folder with -o.")


def first_error(rounds: Iterable[Round]) -> str:
    """Why the first request that failed did, "" where none did."""
    return next((reply.error for one in rounds for reply in one.replies if reply.error), "")


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
    stopped: bool = False
    """Whether Ctrl-C ended it."""
    failure: EngineError | None = None
    """Why it ended behind the first rounds, where a server failed."""
    servers: Mapping[str, ServerFacts] = field(default_factory=dict)
    """Known as soon as they answer."""
    _streamed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def first_error(self) -> str:
        """Why a request failed, "" where none did."""
        return first_error(self.found)

    def add(self, rounds: list[Round], watch: Watch) -> None:
        """Keep `rounds`, with what the graphics cards drew meanwhile, and each streamed one in a file of its own.

        summary.json has all of these without their requests, as vLLM's `bench sweep plot` reads it.
        """
        for one in rounds:
            watts = watch.between(one.began, one.seconds).get("watts") if self.cards else None
            one = replace(one, watts=watts * len(gpus()) if watts is not None else None)
            self.found.append(one)
            if self.out and one.streamed:
                (self.out / "rounds").mkdir(exist_ok=True)
                file = self.out / "rounds" / f"{len(self._streamed):05d}-{one.variant}.json"
                told = result_file(one, self.about["model"], self.slo, datetime.now())
                file.write_text(json.dumps(told), encoding="utf-8")
                self._streamed.append({name: value for name, value in told.items() if not isinstance(value, list)})
                (self.out / "summary.json").write_text(json.dumps(self._streamed), encoding="utf-8")

    def keep(self, **more: Any) -> dict[str, Any]:
        """All that is known, which is also written to bench.json."""
        self.more |= more
        summary = self.about | report(self.found, self.plan, self.servers, self.slo, self.cards) | self.more
        if self.search:
            summary["slo_share"] = self.search.share
        if self.out:
            (self.out / "bench.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        return summary

    def measure(self, arena: AbstractAsyncContextManager[Arena], logs: Path) -> dict[str, Any]:
        """Run the plan in `arena` until its end, Ctrl-C, or a server's; what was found is kept after every step."""
        plan = self.plan

        async def steps() -> None:
            bar = progress_bar()
            async with arena as opened:
                fitting = replace(plan, forms=await opened.fitting(plan.forms))
                names = [form.name for form in fitting.forms]
                if left := [form.name for form in plan.forms if form.name not in names]:
                    console.print(f"Left out, for this model's context is too short: {', '.join(left)}.")
                for form, whole in ((one, two) for one in fitting.forms for two in plan.forms if one.name == two.name):
                    if short := len(whole.prompts) - len(form.prompts):
                        console.print(f"{form.name}: this model's context is too short for {short} of the prompts.")
                if not fitting.forms:
                    raise EngineError(
                        "No contract is left to measure.", "Choose others with --forms, or another model."
                    )
                self.servers = opened.servers
                if all(one["url"] for one in self.servers.values()):
                    named, self.about["model"] = self.about["model"], next(iter(self.servers.values()))["model"]
                    if named not in ("", self.about["model"]):
                        tell(f"{self.about['model']} is what is served; {named} is taken for its tokenizer.")
                done = 0
                with bar, Watch(opened.processes) as watch:
                    task = bar.add_task("warming up", total=fitting.warm if self.search else fitting.steps)
                    async for rounds in fitting.warm_up(opened) if self.search else fitting.run(opened):
                        done += 1
                        self.add(rounds, watch)
                        here = on_this_machine(self.servers)
                        if rounds and here and (load := gpus()):  # clocks and memory while it is still warm
                            self.more.setdefault("gpus_after_each_step", []).append(load)
                        where = f"{rounds[0].form}, {rounds[0].load}" if rounds else "warming up"
                        bar.update(task, advance=1, description=where)
                        memory = {name: peak_memory(pid) for name, pid in opened.processes.items()}
                        if rounds:
                            self.keep(peak_memory_gib=memory)
                    if not self.search and done < fitting.steps:
                        self.more["ended"] = f"after {plan.minutes:g} minutes, {done} of {fitting.steps} steps"
                    if self.search:
                        await self._search(self.search, opened, fitting, watch)
                    if self.vllm_bench:
                        await self._agree(opened, fitting, logs)

        try:
            asyncio.run(steps())
        except KeyboardInterrupt:
            self.stopped = True
            self.more["ended"] = "by Ctrl-C"
        except EngineError as error:
            if not self.found:
                raise
            self.failure = error
            self.more["ended"] = str(error)
        costs = grammars(self.found, plan, self.tokenizer) if self.tokenizer else {}
        return self.keep(grammars=costs, mask_share=mask_shares(rows(self.found), costs))

    async def _search(self, search: RateSearch, arena: Arena, plan: Plan, watch: Watch) -> None:
        found: list[dict[str, Any]] = []
        end = time.monotonic() + 60 * plan.minutes
        for form in plan.forms:
            for load in plan.loads:
                for variant in plan.variants:
                    if time.monotonic() > end:
                        self.more["ended"] = f"after {plan.minutes:g} minutes, before {form.name}, {variant.name}"
                        return
                    requests = plan.requests(replace(load, concurrency=None))
                    try:
                        async with asyncio.timeout(end - time.monotonic()):
                            one = await search.run(
                                arena, form, variant, load, requests, lambda one: self.add([one], watch)
                            )
                    except TimeoutError:
                        self.more["ended"] = f"after {plan.minutes:g} minutes, within {form.name}, {variant.name}"
                        return
                    rate = one["highest_request_rate"]
                    console.print(f"{form.name}, {variant.name}: {rate_shown(rate)}")
                    found.append(one)
                    self.keep(highest_request_rates=found)

    async def _agree(self, arena: Arena, plan: Plan, folder: Path) -> None:
        """Free text by our client and by vLLM's, under each load that has no other kind of request in it."""
        if self.tokenizer is None or FREE.server not in arena.targets:
            raise ModelNotFound("`vllm bench serve` is compared on free text.", "Add free to --variants.")
        found = []
        for form in plan.forms:
            lengths = [reply.tokens for one in self.found if one.form == form.name for reply in one.answered]
            tokens = form.output_tokens or typical_length(lengths or [64])
            for load in dict.fromkeys(replace(load, mix=1.0) for load in plan.loads):
                traffic = arena.targets[FREE.server]
                requests = plan.requests(load)
                given = (traffic, self.tokenizer, form, load, requests, tokens, plan.repeat, folder, arena.temperature)
                one = await agreement(*given)
                sides = {"ours": one.ours, "theirs": one.theirs, "difference": one.difference}
                found.append({"form": form.name, **load.named, "tokens": tokens, **sides})
                self.keep(vllm_bench_serve=found)
