"""Report: a folder of JSON Schemas with instances, each schema enforced or refused, and attacked if enforced.

Knows three shapes of files: a schema with tests, a list of those (as in the JSON Schema Test Suite), a bare schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, NoReturn

from llguidance import LLTokenizer

from models.bench.proof.random_walk import random_walk
from models.contract import Contract
from models.errors import ContractError, EngineError
from models.grammar.grammar import Grammar, compile_grammar
from models.grammar.membership import admits
from models.schema.refusal import SchemaRefused, Unsatisfiable
from models.schema.vocabulary import MANY, NAMED, ONE


@dataclass(frozen=True)
class SchemaReport:
    """One schema of a folder.

    `path`: its file, and its description where the file has several; `keyword`, `where`, `reason`: why it is refused,
    or broken (no JSON, no schema). For an enforced one: of its invalid instances the grammar admits `invalid_admitted`,
    of its valid ones `valid_admitted`; of `attacks` random completions `failures` are not valid. Both must be 0.
    `details` names each of them.
    """

    path: str
    status: Literal["enforced", "refused", "broken"]
    keyword: str = ""
    where: str = ""
    reason: str = ""
    invalid_admitted: int = 0
    invalid_total: int = 0
    valid_admitted: int = 0
    valid_total: int = 0
    attacks: int = 0
    failures: int = 0
    details: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing invalid got through."""
        return not (self.invalid_admitted or self.failures)


def check_schemas(
    folder: Path,
    attacks: int = 20,
    tokenizer: LLTokenizer | None = None,
    seed: int = 0,
) -> list[SchemaReport]:
    """A report for every schema in every `*.json` below `folder`, in the order of their paths.

    `attacks` random completions of each enforced schema with `tokenizer`, one token a byte if None. No file stops it.
    """
    tokens, random = tokenizer or LLTokenizer("byte"), Random(seed)
    return [
        check_schema(path, schema, tests, attacks, tokens, random) for path, schema, tests in _schemas(Path(folder))
    ]


def check_schema(
    path: str,
    schema: Any,
    tests: list[dict[str, Any]],
    attacks: int,
    tokenizer: LLTokenizer,
    random: Random,
) -> SchemaReport:
    """One schema, its tests and random completions. `schema`: a string says why there is none."""
    if isinstance(schema, str):
        return SchemaReport(path, "broken", reason=schema)
    try:
        contract = Contract.from_json_schema(schema, "Checked")
    except ContractError as refused:
        at = refused if isinstance(refused, SchemaRefused | Unsatisfiable) else None
        keyword, where = (at.keyword, at.path) if at else ("", "$")
        return SchemaReport(path, "refused", keyword, where, str(refused))
    grammar = compile_grammar(contract)
    admitted = {True: 0, False: 0}
    totals = {True: 0, False: 0}
    details = []
    for test in tests:
        valid = bool(test.get("valid"))
        inside = any(_inside(grammar, text) for text in _texts(test.get("data"), schema))
        totals[valid] += 1
        admitted[valid] += inside
        if inside and not valid:
            details.append(f"admits an invalid instance: {test.get('description', '')} {_compact(test.get('data'))}")
    wrong = [text for _ in range(attacks) if (text := _attacked(contract, grammar, tokenizer, random)) is not None]
    return SchemaReport(
        path,
        "enforced",
        invalid_admitted=admitted[False],
        invalid_total=totals[False],
        valid_admitted=admitted[True],
        valid_total=totals[True],
        attacks=attacks,
        failures=len(wrong),
        details=(*details, *wrong),
    )


def _inside(grammar: Grammar, text: str) -> bool:
    try:
        return admits(grammar, text)
    except EngineError:  # a grammar that does not compile: its random completions say so
        return False


def _attacked(contract: type[Contract], grammar: Grammar, tokenizer: LLTokenizer, random: Random) -> str | None:
    """What is wrong with one random completion, None if nothing is."""
    walk = random_walk(grammar, tokenizer, random)
    if walk.fault is not None:
        return f"{walk.fault} after {walk.text[-80:]!r}. {walk.why}".rstrip()
    try:
        contract.model_validate_json(walk.text)
    except ValueError as error:
        return f"{walk.text[:200]!r}: {error}"
    return None


def _schemas(folder: Path) -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    for file in sorted(folder.rglob("*.json")):
        path = str(file.relative_to(folder))
        try:
            found = json.loads(file.read_text("utf-8"), parse_constant=_no_constant)
        except (ValueError, OSError, RecursionError) as error:
            yield path, f"{path} cannot be read as JSON: {error}", []
            continue
        if not isinstance(found, list):
            whole = isinstance(found, dict) and "schema" in found and isinstance(found.get("tests"), list)
            yield (path, found["schema"], _tests(found)) if whole else (path, _schema(found, path), [])
            continue
        for number, group in enumerate(found):
            name = f"{path}[{number}]"
            if not isinstance(group, dict) or "schema" not in group:
                yield name, f'{name} is no object with a "schema".', []
                continue
            description = group.get("description", "")
            yield f"{name} {description}".rstrip(), _schema(group["schema"], name), _tests(group)


def _schema(found: Any, name: str) -> Any:
    return found if isinstance(found, dict | bool) else f"{name} is neither an object nor a truth value."


def _tests(group: dict[str, Any]) -> list[dict[str, Any]]:
    tests = group.get("tests")
    return [test for test in tests if isinstance(test, dict) and "data" in test] if isinstance(tests, list) else []


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _texts(data: Any, schema: Any) -> list[str]:
    """`data` as compact JSON, in its own order of properties and in the schema's."""
    order = {name: place for place, name in enumerate(dict.fromkeys(_names(schema)))}
    found = dict.fromkeys((_compact(data), _compact(_ordered(data, order))))
    return [text for text in found if text.isascii() or text.encode(errors="ignore").decode() == text]


def _names(schema: Any) -> Iterator[str]:
    """The property names of a schema, as they come, with all that is below it."""
    if not isinstance(schema, dict):
        return
    own, required = schema.get("properties"), schema.get("required")
    yield from own if isinstance(own, dict) else ()
    yield from (name for name in required if isinstance(name, str)) if isinstance(required, list) else ()
    for keyword, value in schema.items():
        inner = [value] if keyword in ONE else []
        inner += value if keyword in MANY and isinstance(value, list) else []
        inner += value.values() if keyword in NAMED and isinstance(value, dict) else []
        for part in inner:
            yield from _names(part)


def _ordered(data: Any, order: dict[str, int]) -> Any:
    if isinstance(data, dict):
        names = sorted(data, key=lambda name: order.get(name, len(order)))
        return {name: _ordered(data[name], order) for name in names}
    return [_ordered(item, order) for item in data] if isinstance(data, list) else data
