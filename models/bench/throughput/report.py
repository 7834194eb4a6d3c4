"""The report of a benchmark: everything it found as one JSON object. Knows what the figures are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from models.bench.throughput.arena import Round
from models.bench.throughput.findings import by_load, paired_ratios, rows
from models.bench.throughput.machine import ServerFacts, machine
from models.bench.throughput.masks import mask_costs
from models.bench.throughput.plan import Plan
from models.bench.throughput.serving import serving_metrics
from models.bench.throughput.slo import Slo
from models.bench.throughput.variant import CONSTRAINED, FREE, JUMP
from models.engines.tokenizers import load_tokenizer

WALKED = 3
"""Answers of each form whose masks are measured."""


def report(
    rounds: Sequence[Round],
    plan: Plan,
    servers: Mapping[str, ServerFacts],
    slo: Slo | None = None,
    gpus: int | None = None,
) -> dict[str, Any]:
    """`constrained_over_free`: load → median ratio of output tokens a second, with jump-forward where it was measured;
    `plain_over_free` is without. `slo` and `gpus` as `rows` takes them."""
    best = JUMP if JUMP in plan.variants else CONSTRAINED
    ratios = paired_ratios(rounds, best.name, FREE.name)
    compared = [(variant.name, FREE.name) for variant in plan.variants if variant != FREE]
    compared.append((JUMP.name, CONSTRAINED.name))
    return {
        "machine": machine(servers),
        "servers": dict(servers),
        "loads": [load.named for load in plan.loads],
        "repeat": plan.repeat,
        "slo": dict(slo.limits) if slo else None,
        "cells": rows(rounds, slo, gpus),
        "ratios": {
            f"{above} ÷ {below}": [
                {
                    "form": form,
                    **load.named,
                    "median": round(median(each), 3),
                    "low": round(min(each), 3),
                    "high": round(max(each), 3),
                }
                for (form, load), each in paired_ratios(rounds, above, below).items()
            ]
            for above, below in compared
        },
        "plain_over_free": by_load(paired_ratios(rounds, CONSTRAINED.name, FREE.name)),
        "constrained_over_free": by_load(ratios),
    }


def mask_shares(
    cells: Sequence[Mapping[str, Any]], costs: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Form → load → the share of the wall time that filling its masks takes on one core, in the constrained
    variant: mean time of a mask × tokens a second. Above 1 a server that fills them one by one cannot keep up."""
    found: dict[str, dict[str, float]] = {}
    for cell in cells:
        cost = costs.get(cell["form"])
        busy = cell["max_concurrency"] is not None and cell["mix"] == 1  # with gaps between requests it says nothing
        if cost and busy and cell["variant"] == CONSTRAINED.name:
            share = cost["mask_mean_us"] / 1e6 * cell["output_throughput"]
            found.setdefault(cell["form"], {})[str(cell["max_concurrency"])] = round(share, 4)
    return found


def grammars(rounds: Sequence[Round], plan: Plan, model: Path) -> dict[str, dict[str, float]]:
    """What each form's grammar costs with the tokenizer in the folder `model`; nothing where there is none."""
    if not (model / "tokenizer.json").is_file():
        return {}
    tokenizer = load_tokenizer(str(model))
    found = {}
    for form in plan.forms:
        answered = [
            (one.number + place, reply.text)
            for one in rounds
            if one.form == form.name and one.variant == CONSTRAINED.name
            for place, reply in enumerate(one.replies)
            if one.load.constrains(place) and not reply.error
        ]
        if answered:
            found[form.name] = mask_costs(form, answered[:WALKED], tokenizer)
    return found


def result_file(one: Round, model: str, slo: Slo | None, ended: datetime) -> dict[str, Any]:
    """A streamed round, over at `ended`, as `vllm bench serve --save-detailed` writes its result: its plots read it."""
    return {
        "date": ended.strftime("%Y%m%d-%H%M%S"),
        "endpoint_type": "openai-chat",
        "backend": "openai-chat",
        "label": f"{one.variant}, {one.form}",
        "form": one.form,
        "variant": one.variant,
        "model_id": model,
        "num_prompts": len(one.replies),
        **one.load.named,
        **serving_metrics(one.replies, one.seconds, slo),
        "input_lens": [reply.prompt_tokens for reply in one.replies],
        "output_lens": [reply.tokens for reply in one.replies],
        "ttfts": [reply.ttft for reply in one.replies],
        "itls": [list(reply.itl) for reply in one.replies],
        "latencies": [reply.seconds for reply in one.replies],
        "start_times": [reply.began for reply in one.replies],
        "generated_texts": [reply.text for reply in one.replies],
        "errors": [reply.error for reply in one.replies],
    }
