"""`interlock bench grammar`: what compiling contracts and filling masks cost, at the vocabulary of a large model."""

from __future__ import annotations

import json
from collections import defaultdict
from random import Random
from typing import Annotated

import typer
from rich.progress import track
from rich.table import Table

from models.bench.proof.mask_times import MaskTimes, measure, quantile
from models.bench.proof.specimens import Specimen, draw_sources, random_specimen
from models.engines.tokenizers import load_tokenizer
from models.held_value import HeldValue
from scripts.console import console
from scripts.discovery import find_contracts
from scripts.options import TRAVEL

SLOW_US = 600
"""A mask above this is slow: what 99 of 100 should not exceed."""


def grammar(
    target: Annotated[str, typer.Argument(metavar="[MODULE or FILE.py]", help="Where the contracts are.")] = TRAVEL,
    generated: Annotated[int, typer.Option(min=0, help="Random contracts besides.")] = 100,
    single: Annotated[int, typer.Option(min=0, help="Random contracts of one field, to compare kinds of field.")] = 100,
    walks: Annotated[int, typer.Option(min=1, help="Texts of each contract, plausible and random ones each.")] = 3,
    tokenizer: Annotated[str, typer.Option(help="tiny, tekken (131,072 tokens), byte, or a model.")] = "tekken",
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
) -> None:
    """Time from class to ready matcher, and of each token mask along plausible and along random texts; on one core."""
    random, tokens = Random(seed), load_tokenizer(tokenizer)
    found, refused, _ = find_contracts(target)
    if refused:
        raise refused[0]
    groups: dict[str, list[Specimen]] = defaultdict(list)
    for contract in found:
        groups[f"app: {contract.__name__}"].append(Specimen(contract, *draw_sources(random)))
        if not issubclass(contract, HeldValue):
            groups["app: drafts"].append(Specimen(contract.draft(), *draw_sources(random)))
    groups["generated"] += [random_specimen(random) for _ in range(generated)]
    for specimen in (random_specimen(random, fields=1) for _ in range(single)):
        groups[f"one field: {specimen.kinds[-1]}"].append(specimen)
    total, rows = MaskTimes(), {}
    work = [(name, specimen) for name, specimens in groups.items() for specimen in specimens]
    times: dict[str, MaskTimes] = defaultdict(MaskTimes)
    for name, specimen in track(work, "Measuring", console=console, transient=True):
        one = measure(specimen.contract, specimen.said, specimen.evidence, tokens, random, walks)
        times[name].merge(one)
        if not name.startswith("one field"):
            total.merge(one)
    times = {"app and generated": total, **dict(sorted(times.items()))}
    rows = {name: _figures(one) for name, one in times.items()}
    title = f"{tokenizer}, {tokens.vocab_size:,} tokens, one core; slow: above {SLOW_US} µs"
    console.print(_table(rows, title))
    summary = {"tokenizer": tokenizer, "app": 2 * len(found), "generated": generated, "walks": walks, "seed": seed}
    print(json.dumps({**summary, **rows.pop("app and generated"), "rows": rows}))


def _figures(times: MaskTimes) -> dict[str, float]:
    """Compile times in milliseconds, mask times in microseconds."""
    figures = {"compile_p50": quantile(times.compile, 0.5) / 1e6, "compile_p99": quantile(times.compile, 0.99) / 1e6}
    for kind, values in (("plausible", times.plausible), ("random", times.random)):
        figures |= {f"{kind}_p{share * 100:.0f}": quantile(values, share) / 1e3 for share in (0.5, 0.9, 0.99)}
        figures[f"{kind}_masks"] = len(values)
        slow = sum(value > SLOW_US * 1e3 for value in values)
        figures[f"{kind}_slow_percent"] = 100 * slow / max(len(values), 1)
    return {name: round(value, 2 if name.startswith("compile") else 1) for name, value in figures.items()}


def _table(rows: dict[str, dict[str, float]], title: str) -> Table:
    table = Table(title=title)
    table.add_column("Contract", no_wrap=True)
    for heading in (
        "compile ms p50",
        "p99",
        "mask µs p50",
        "p90",
        "p99",
        "slow %",
        "random p50",
        "p90",
        "p99",
        "slow %",
    ):
        table.add_column(heading, justify="right")
    for name, row in rows.items():
        compiles = (f"{row['compile_p50']:.1f}", f"{row['compile_p99']:.1f}")
        masks: list[str] = []
        for kind in ("plausible", "random"):
            masks += [f"{row[f'{kind}_{share}']:.0f}" for share in ("p50", "p90", "p99")]
            masks.append(f"{row[f'{kind}_slow_percent']:.1f}")
        table.add_row(name, *compiles, *masks)
    return table
