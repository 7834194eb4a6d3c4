"""Every schema of cases/: proven, checked or refused as it says; nothing invalid is admitted, all that is valid is."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from llguidance import LLTokenizer

from models.bench.proof.random_walk import random_walk
from models.bench.proof.schema_report import check_schema
from models.bench.proof.schema_trial import Case, Trial
from models.contract import Contract
from models.grammar.grammar import compile_grammar
from models.schema.vocabulary import ENFORCED

CASES = Path(__file__).with_name("cases")
GROUPS: list[dict[str, Any]] = [
    {"file": file.stem, **group}
    for file in sorted(CASES.glob("*.json"))
    for group in json.loads(file.read_text("utf-8"))
]
WRITTEN = [group for group in GROUPS if group["expected"] in ("proven", "checked")]
PROVEN = [group for group in GROUPS if group["expected"] == "proven"]
BYTES = LLTokenizer("byte")


def name(group: dict[str, Any]) -> str:
    return f"{group['file']}: {group['description']}"


@pytest.mark.parametrize("group", GROUPS, ids=name)
def test_a_schema_is_proven_or_checked_or_refused_with_keyword_and_path(group: dict[str, Any]) -> None:
    report = check_schema(Case("case", group["schema"], group.get("tests", [])), Trial(attacks=10))
    assert report.level == group["expected"], report
    assert report.sound, report.details
    assert report.valid_admitted == report.valid_total, report
    if report.level == "proven":
        assert not report.keywords
    for path, why in report.keywords.items():
        assert path.startswith("$")
        assert report.level != "checked" or not why.startswith("$")
    if group.get("keyword"):
        assert any(group["keyword"] in path for path in report.keywords), report


@pytest.mark.parametrize("group", PROVEN, ids=name)
def test_the_longest_texts_stay_within_the_budget(group: dict[str, Any]) -> None:
    contract = Contract.from_json_schema(group["schema"], "Case")
    grammar = compile_grammar(contract)
    walk = random_walk(grammar, BYTES, Random(1), "longest" if 0 < grammar.max_tokens < 4000 else "uniform")
    assert walk.fault is None, walk
    contract.model_validate_json(walk.text)


@pytest.mark.parametrize("group", WRITTEN, ids=name)
def test_the_instances_are_what_the_jsonschema_package_says_they_are(group: dict[str, Any]) -> None:
    """Of the schema as it was given, under the draft that it declares: the cases are right, and so is our reading."""
    schema = group["schema"]
    contract = Contract.from_json_schema(schema, "Case")
    for test in group.get("tests", []):
        try:
            contract.model_validate(test["data"])
            valid = True
        except ValueError:
            valid = False
        assert valid is test["valid"] or _tightened(schema), test
        kind = validator_for(schema, default=Draft202012Validator)
        if valid and kind.META_SCHEMA and _modern(schema):
            assert kind(schema).is_valid(test["data"])


def _tightened(schema: Any) -> bool:
    """Whether the schema admits more than its contract writes: other types, further properties."""
    return isinstance(schema, bool) or "type" not in schema or "additionalProperties" in schema


def _modern(schema: Any) -> bool:
    """Whether the package reads the schema without being told how: it is no old or foreign spelling."""
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except Exception:
        return False
    text = json.dumps(schema)
    return not any(
        f'"{word}":' in text for word in ("nullable", "multipleOf", "pattern", "function", "exclusiveMinimum")
    )


def test_there_are_enough_cases_of_all_kinds() -> None:
    assert len(GROUPS) >= 170
    assert len(PROVEN) >= 150
    used = {keyword for group in GROUPS for keyword in _keywords(group["schema"])}
    assert used >= ENFORCED


def _keywords(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        return set(schema).union(*map(_keywords, schema.values()))
    return set().union(*map(_keywords, schema)) if isinstance(schema, list) else set()
