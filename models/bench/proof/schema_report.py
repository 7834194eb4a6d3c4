"""Report: JSON Schemas with instances, each proven, checked or refused, and attacked unless refused.

Knows what a schema's instances and random completions say about its contract. Does not know files.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from random import Random
from time import thread_time
from typing import Any, Literal

from llguidance import LLTokenizer

from models.bench.proof.random_walk import draw_budget, least_budget, random_walk
from models.bench.proof.schema_trial import Case, Trial
from models.bench.proof.written import written
from models.contract import Contract
from models.engines.tokenizers import load_tokenizer
from models.errors import ContractError, EngineError
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.matchers import BY_BYTES
from models.grammar.separators import SPACED
from models.schema.json_value import JsonValue
from models.schema.refusal import SchemaRefused, Unsatisfiable

Level = Literal["proven", "checked", "refused", "broken", "crashed", "slow"]
"""broken: no JSON, or no schema. crashed: an error that is none of ours. slow: it took longer than `PATIENCE`."""

PATIENCE = 30
"""Seconds of a processor for a schema, its instances and its attacks."""

SLOW = 1.0
"""Seconds until the first mask that nobody should wait."""


@dataclass(frozen=True)
class SchemaReport:
    """One schema of a folder.

    `path`: its file, and its description where the file has several. `keywords`: those that a grammar does not follow,
    by their paths, with the reason: of one that is checked all, of one that is refused the first. `ignored`: what says
    nothing by the standard. `seconds` of a processor, from the schema to the first mask; `budget`: tokens of the
    longest text with the default bounds; `least`: of the shortest without them, None where none was found, and 0
    where nobody asked.
    Of its invalid instances `invalid_admitted` pass the grammar and the check after, of its valid ones `valid_admitted`
    do; of `attacks` random completions `refused_after` failed the check, and `failures` are worse, as at level proven
    any that failed is. `details` names each.
    """

    path: str
    level: Level
    keywords: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    seconds: float = 0.0
    budget: int = 0
    invalid_admitted: int = 0
    invalid_total: int = 0
    valid_admitted: int = 0
    valid_total: int = 0
    attacks: int = 0
    refused_after: int = 0
    failures: int = 0
    details: tuple[str, ...] = ()
    least: int | None = 0

    @property
    def enforced(self) -> bool:
        return self.level in ("proven", "checked")

    @property
    def sound(self) -> bool:
        """Whether nothing invalid got through."""
        return not (self.invalid_admitted or self.failures)

    @property
    def passing(self) -> bool:
        """Whether the schema is enforced and each of its instances is told right."""
        return self.enforced and self.sound and self.valid_admitted == self.valid_total


def check_schema(case: Case, trial: Trial) -> SchemaReport:
    """One schema, its instances and random completions; `trial.rival` is not looked at."""
    path = case.path
    if isinstance(case.schema, str):
        return SchemaReport(path, "broken", {"$": case.schema})
    begun = thread_time()
    try:
        with patience():
            return _checked(case, trial)
    except TimeoutError:
        return SchemaReport(path, "slow", {"$": f"takes more than {PATIENCE} seconds"}, seconds=thread_time() - begun)
    except ContractError as refused:
        at = refused.path if isinstance(refused, SchemaRefused | Unsatisfiable) else "$"
        return SchemaReport(path, "refused", {at: str(refused)}, seconds=thread_time() - begun)
    except Exception as error:  # whatever it is, the other schemas of the folder are still looked at
        return SchemaReport(path, "crashed", {"$": f"{type(error).__name__}: {error}"}, seconds=thread_time() - begun)


def _checked(case: Case, trial: Trial) -> SchemaReport:
    begun = thread_time()
    contract = Contract.from_json_schema(
        case.schema, "Checked", proven=trial.proven, strict=trial.strict, file=case.file
    )
    assert issubclass(contract, JsonValue)
    matcher = BY_BYTES.start_of(compile_grammar(contract, spaced=True, open=True).lark)
    matcher.compute_bitmask()
    seconds = thread_time() - begun
    loosened = dict(contract.notes().loosened)
    admitted = {True: 0, False: 0}
    totals = {True: 0, False: 0}
    details = []
    for test in case.tests:
        valid = bool(test.get("valid"))
        inside = written(matcher, test["data"], *SPACED)
        totals[valid] += 1
        accepted = inside and (_accepted(contract, test["data"]) or (not loosened and not valid))
        admitted[valid] += accepted
        if accepted is not valid:
            what = "admits an invalid" if accepted else "rejects a valid"
            details.append(f"{what} instance: {test.get('description', '')} {_compact(test['data'])[:200]}")
    bounded = compile_grammar(contract, spaced=True)
    tokenizer, random = _tokenizer(trial.tokenizer), Random(f"{trial.seed} {case.path}")
    least = 0 if trial.within is None else least_budget(bounded, tokenizer)
    wrong = [
        _attacked(contract, bounded, tokenizer, random, draw_budget(least, random, trial.within))
        for _ in range(trial.attacks)
    ]
    after = [text for stage, text in wrong if stage == "after"]
    failures = [text for stage, text in wrong if stage == "fault" or (stage == "after" and not loosened)]
    return SchemaReport(
        case.path,
        "checked" if loosened else "proven",
        loosened,
        contract.ignored(),
        seconds,
        bounded.max_tokens,
        admitted[False],
        totals[False],
        admitted[True],
        totals[True],
        trial.attacks,
        len(after) if loosened else 0,
        len(failures),
        (*details, *failures),
        least,
    )


def _accepted(contract: type[Contract], data: Any) -> bool:
    try:
        contract.model_validate(data)
    except ValueError:
        return False
    return True


def _attacked(
    contract: type[Contract], grammar: Grammar, tokenizer: LLTokenizer, random: Random, budget: int | None
) -> tuple[Literal["fine", "fault", "after"], str]:
    """What became of one random completion: it is not even whole, or the check refuses it."""
    try:
        walk = random_walk(grammar, tokenizer, random, budget=budget)
    except EngineError as error:
        return "fault", str(error)
    if walk.fault is not None:
        return "fault", f"{walk.fault} after {walk.text[-80:]!r}. {walk.why}".rstrip()
    try:
        contract.model_validate_json(walk.text)
    except ValueError as error:
        return "after", f"{walk.text[:200]!r}: {error}"
    return "fine", ""


_tokenizer = cache(load_tokenizer)


@contextmanager
def patience() -> Iterator[None]:
    """TimeoutError after `PATIENCE` seconds of a processor."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
