"""What compiling a format would do to the process that serves everybody is done to another one."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from models.errors import EngineUnavailable
from pipeline.completions.options import RESPONSES, TEXT
from pipeline.completions.trial import Trial
from pipeline.record import CHAT, BadRecord

CHAIN = "start: r0\n" + "\n".join(f'r{number}: "a" r{number + 1}' for number in range(5_000)) + '\nr5000: "b"'
"""Rules in rules: llguidance's stack ends before they do."""
KNOT = "start: T\nT: " + " & ".join(f"/.*a{number}.*/" for number in range(100))
"""It all has to hold at once: hours."""
BROAD = "start: " + " | ".join(f'"w{number}"' for number in range(60_000))
"""So many alternatives that looking for an end of one takes a minute."""
ENDLESS = ('start: /a+/ "a c"', 'start: "a" | "y" /[0-9]{2}/ /(ab)+/ "a"')
"""What comes first takes every letter that may follow: llguidance writes it for ever, here from the start, there from
behind a choice that the shortest text does not come by."""
DEFINED = {f"d{number}": {"type": "array", "items": {"$ref": f"#/$defs/d{number + 1}"}} for number in range(3_000)}
NESTED = "start: %json " + json.dumps({"$ref": "#/$defs/d0", "$defs": {**DEFINED, "d3000": {"type": "null"}}})
WIDE: dict[str, Any] = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(6_000)}}


def schema(value: object) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": value}}}


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    trial = Trial(seconds=0.5)
    yield trial
    trial.close()


@pytest.mark.parametrize(
    "grammar",
    [CHAIN, KNOT, NESTED, BROAD, *ENDLESS],
    ids=["chain", "knot", "nested", "broad", "endless", "endless later"],
)
def test_what_ends_its_process_or_never_ends_is_refused_by_name(trial: Trial, grammar: str) -> None:
    with pytest.raises(BadRecord, match=r'^"structured_outputs" cannot be enforced: its grammar takes more than'):
        trial.check(TEXT, {"model": "any", "prompt": "x", "structured_outputs": {"grammar": grammar}})
    trial.check(TEXT, {"structured_outputs": {"grammar": 'start: "a" | "b"'}})  # whoever comes next gets another one


def test_a_schema_and_tools_are_formats_as_well(trial: Trial) -> None:
    with pytest.raises(BadRecord, match=r'^"response_format" cannot'):
        trial.check(CHAT, schema(WIDE))
    with pytest.raises(BadRecord, match=r'^"text" cannot'):
        trial.check(RESPONSES, {"text": {"format": {"type": "json_schema", "name": "x", "schema": WIDE}}})
    with pytest.raises(BadRecord, match=r'^"tools" cannot'):
        trial.check(CHAT, {"tools": [{"type": "function", "function": {"name": "f", "parameters": WIDE}}]})


def test_a_large_schema_of_the_real_world_is_no_harm(trial: Trial) -> None:
    trial.check(CHAT, schema({"enum": [f"value {number}" for number in range(5_000)]}))
    trial.check(CHAT, schema({**WIDE, "properties": dict([*WIDE["properties"].items()][:1_000])}))


def test_what_is_wrong_with_a_format_is_told_by_whoever_reads_it(trial: Trial) -> None:
    for format in ({"type": "xml"}, "text", {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}}):
        trial.check(CHAT, {"response_format": format})
    trial.check("/v1/embeddings", {"tools": [1]})
    trial.check(CHAT, ["no object"])


def test_nothing_is_begun_without_a_format_nor_left_at_the_end() -> None:
    trial = Trial()
    trial.check(CHAT, {"messages": [{"role": "user", "content": "Hello"}]})
    trial.close()
    assert trial._sandbox._child is None
    trial = Trial()
    trial.check(CHAT, schema({"type": "boolean"}))
    assert trial._sandbox._child is not None
    process = trial._sandbox._child.pid
    trial.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_what_is_tried_when_it_is_closed_is_told_so() -> None:
    trial = Trial(seconds=60)
    told: list[type[Exception]] = []

    def check() -> None:
        try:
            trial.check(TEXT, {"structured_outputs": {"grammar": KNOT}})
        except Exception as error:
            told.append(type(error))

    trying = threading.Thread(target=check)
    trying.start()
    while trial._sandbox._child is None:
        time.sleep(0.01)
    trial.close()
    trying.join()
    check()
    assert told == [EngineUnavailable] * 2
