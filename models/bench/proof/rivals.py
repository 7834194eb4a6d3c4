"""Rivals: what llguidance by itself, and Outlines as it comes, make of a JSON Schema and its instances.

Both as most people use them: the schema as it is, no options but compact JSON. Knows nothing of our own reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from time import thread_time
from typing import Any

from llguidance import LLMatcher

from models.bench.proof.schema_report import SchemaReport, patience
from models.bench.proof.schema_trial import Case, Rival
from models.bench.proof.written import written
from models.grammar.matchers import BYTES, fault_of


def rival_report(rival: Rival, case: Case) -> SchemaReport:
    """As `check_schema` says it, without attacks: "proven" is what the rival takes, "refused" what it does not."""
    begun = thread_time()
    try:
        with patience():
            matcher = LLMatcher(BYTES, _GRAMMARS[rival](case.schema), log_level=0)
            if matcher.is_error():
                return SchemaReport(case.path, "refused", {"$": fault_of(matcher)}, seconds=thread_time() - begun)
            matcher.compute_bitmask()
            seconds = thread_time() - begun
            inside = [(bool(test.get("valid")), written(matcher, test["data"])) for test in case.tests]
    except TimeoutError:
        return SchemaReport(case.path, "slow", seconds=thread_time() - begun)
    except Exception as error:  # a refusal comes as whatever its library raises
        return SchemaReport(case.path, "refused", {"$": str(error)}, seconds=thread_time() - begun)
    return SchemaReport(
        case.path,
        "proven",
        seconds=seconds,
        invalid_admitted=sum(admitted for valid, admitted in inside if not valid),
        invalid_total=sum(not valid for valid, _ in inside),
        valid_admitted=sum(admitted for valid, admitted in inside if valid),
        valid_total=sum(valid for valid, _ in inside),
    )


def _llguidance(schema: Any) -> str:
    return str(LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults={"whitespace_flexible": False}))


def _outlines(schema: Any) -> str:
    """The regular expression that Outlines writes, followed by llguidance, which is exact and quick about it."""
    from outlines_core.json_schema import build_regex_from_schema  # not everybody has it

    expression: str = build_regex_from_schema(json.dumps(schema))
    return "start: T\nT: /" + expression.replace("/", r"\/") + "/"


_GRAMMARS: dict[Rival, Callable[[Any], str]] = {"llguidance": _llguidance, "outlines": _outlines}
