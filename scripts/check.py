"""`interlock check`: attack every contract with random completions, and say how long and how safe its fields are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from models.bench.proof.attack import Tally, attack
from models.bench.proof.random_walk import Draw
from models.bench.proof.schema_trial import Trial
from models.bench.proof.specimens import draw_sources, random_specimen
from models.contract import Contract
from models.engines.model_folder import names_of
from models.engines.profiles import profile_of
from models.engines.tokenizers import load_tokenizer
from models.errors import ContractError
from models.grammar.grammar import compile_grammar
from models.held_value import HeldValue
from models.schema.json_value import JsonValue
from models.schema.schema_folder import SUFFIXES
from pipeline.errors import UsageError
from pipeline.forms.leniency import lenient
from pipeline.text import short
from scripts.console import console
from scripts.discovery import find_contracts, trials_of
from scripts.options import TRAVEL
from scripts.progress import progress_bar
from scripts.schema_folder import check_folder
from scripts.shortest import tell_beyond

GROUP = 10
"""So many attacks on a contract share the texts that it may copy from."""

_SHOWN = 20


def check(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[MODULE or FILE.py]", help="Where the contracts are.", show_default=TRAVEL),
    ] = None,
    attacks: Annotated[int, typer.Option(min=0, help="Random completions of each contract.")] = 100,
    generated: Annotated[int, typer.Option(min=0, help="Random contracts to attack besides.")] = 0,
    tokenizer: Annotated[str, typer.Option(help="tiny, tekken (131,072 tokens), byte, or a model.")] = "tiny",
    draw: Annotated[str, typer.Option(help="uniform, or longest, which tries the budgets harder.")] = "uniform",
    schemas: Annotated[Path | None, typer.Option(help="A folder of JSON Schemas with instances, or a file.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many files of that folder, drawn at random.")] = None,
    proven: Annotated[
        bool, typer.Option("--proven", help="Refuse contracts and schemas that a grammar alone cannot enforce.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse schemas with a format that is not known.")] = False,
    within: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of texts of any length: closed within random budgets up to so many tokens, where they fit."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
) -> None:
    """Prove an app's contracts: no random completion is unparseable, invalid or over its budget.

    A class of yours whose `read` takes everyday words for a value is warned of. A text that only a custom validator
    refuses ("checked after") is counted apart: no grammar can follow code.
    """
    if draw not in ("uniform", "longest"):
        raise typer.BadParameter(f"'{draw}' is neither uniform nor longest.", param_hint="--draw")
    if not schemas:
        for option, given in (("--sample", sample is not None), ("--strict", strict)):
            if given:
                raise UsageError(f"{option} is about a folder of JSON Schemas: give --schemas, too.")
    if not attacks:
        drawn = (("--within", within is not None), ("--draw", draw != "uniform"), ("--generated", generated > 0))
        if idle := [option for option, given in drawn if given]:
            raise UsageError(
                f"{idle[0]} is about random completions, and --attacks 0 draws none: leave one of them out."
            )
    trial = Trial(attacks, tokenizer, seed, proven, strict, within)
    if schemas and target is None and not generated:
        if draw != "uniform":
            raise UsageError(f"--draw {draw} is about contracts: name some, or leave it out beside --schemas.")
        counts, sound = check_folder(schemas, trial, sample)
        print(json.dumps({**counts, "tokenizer": tokenizer, "within": within, "seed": seed}))
        raise typer.Exit(0 if sound else 1)
    if target and target.endswith(SUFFIXES):
        raise UsageError(f"{target} is no module: for a JSON Schema write --schemas {target}.")
    contracts, refused, others = find_contracts(target or TRAVEL)
    if proven:
        refused += [_not_proven(contract, after) for contract in contracts if (after := contract.checked_after())]
    for trial_kept in trials_of(target or TRAVEL):
        console.print(f"Trial: {trial_kept}", markup=False)
    if not (contracts or refused or generated or schemas):
        raise UsageError(f"{target} has no Contract, pydantic model, dataclass or TypedDict: add one, or name another.")
    if contracts:
        console.print(_table(contracts))
    drafts = [contract.draft() for contract in contracts if not issubclass(contract, HeldValue | JsonValue)]
    tokens, random = load_tokenizer(tokenizer), Random(seed)
    # As models with that tokenizer are asked.
    spaced = profile_of(tokenizer, names_of(Path(tokenizer).expanduser())).spaced
    tally, lines, redrawn = Tally(), [], 0
    with progress_bar() as progress:
        task = progress.add_task("Attacking", total=(len(contracts) + len(drafts) + generated) * attacks)
        for contract, refusals in _all([*contracts, *drafts], generated, random):
            redrawn += refusals
            for times in _groups(attacks):
                grammar = compile_grammar(contract, *draw_sources(random), spaced=spaced)
                how: Draw = "uniform" if draw == "uniform" else "longest"
                one = attack(contract, grammar, tokens, random, times, how, within)
                lines += [f"{contract.__name__} is {what}: {why}\n  {text[:400]}" for what, why, text in one.wrong]
                tally.merge(one)
                progress.advance(task, times)
    guessing = lenient(contracts, date.today())
    for warning in guessing[:_SHOWN]:
        console.print(str(warning), style="yellow", markup=False)
    tell_beyond(tally.beyond, within)
    for error in others[:_SHOWN]:
        console.print(f"Not looked at, as no contract can be made of it: {error}", style="yellow", markup=False)
    for line in [*map(str, refused), *lines][:_SHOWN]:
        console.print(line, style="red", markup=False)
    folder, sound = check_folder(schemas, trial, sample) if schemas else ({}, True)
    report = {
        "contracts": len(contracts),
        "drafts": len(drafts),
        "generated": generated,
        "attacks": tally.attacks,
        **{name: tally.outcomes[name] for name in ("unparseable", "invalid", "over_budget", "refused_after")},
        "lenient": [warning.field for warning in guessing],
        "refused": len(refused) + folder.get("refused", 0),
        "redrawn": redrawn,
        "tokenizer": tokenizer,
        "within": within,
        "seed": seed,
        **({"schemas": folder} if schemas else {}),
    }
    print(json.dumps(report))
    raise typer.Exit(1 if tally.broken or refused or not sound else 0)


def _not_proven(contract: type[Contract], after: Sequence[str]) -> ContractError:
    return ContractError(
        f"{contract.__name__} is checked after it is written ({', '.join(after)}).",
        "Write it without that, or leave out --proven.",
    )


def _all(contracts: Sequence[type[Contract]], generated: int, random: Random) -> Iterator[tuple[type[Contract], int]]:
    yield from ((contract, 0) for contract in contracts)
    for _ in range(generated):
        specimen = random_specimen(random)
        yield specimen.contract, len(specimen.refused)


def _groups(attacks: int) -> Iterator[int]:
    yield from (min(GROUP, attacks - start) for start in range(0, attacks, GROUP))


def _table(contracts: Sequence[type[Contract]]) -> Table:
    table = Table(title="What the grammars admit")
    for heading, justify in (("Field", "left"), ("Bound", "left"), ("Bytes", "right"), ("Tokens", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    table.add_column("Checked after")
    for contract in contracts:
        grammar = compile_grammar(contract, *draw_sources(Random(0)))
        name, after = escape(contract.__name__), escape(", ".join(contract.checked_after()))
        table.add_section()
        table.add_row(name, "", str(grammar.max_tokens - 1), str(grammar.max_tokens), after, style="bold")
        for bound in grammar.bounds:
            field = bound.field.removeprefix(f"{contract.__name__}.")
            table.add_row(f"  {escape(field)}", escape(short(bound.text)), f"{bound.longest:.0f}", "", "")
    return table
