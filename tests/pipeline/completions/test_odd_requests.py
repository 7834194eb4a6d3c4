"""Whatever a body holds in place of what belongs there: it is obeyed, or refused by the option's name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from pipeline.completions.options import EMBEDDINGS, OPTIONS, RESPONSES, TEXT
from pipeline.completions.request import read_request
from pipeline.record import CHAT, BadRecord
from pipeline.workflows.completions.workflow import read_line

BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    TEXT: {"model": "m", "prompt": "x"},
    RESPONSES: {"model": "m", "input": "x"},
    EMBEDDINGS: {"model": "m", "input": "x"},
}
LIST: list[Any] = ["x"]
ODD: list[Any] = [
    *(True, 0, -1, 1.5, 2**70, "", "x", [], LIST, [[]], [{}], {}, {"x": 1}),
    *({"type": LIST}, {"type": "function"}, {"type": "function", "name": LIST}, {"function": LIST}),
    *({"type": "json_schema", "json_schema": {"schema": {"type": LIST}}}, {"format": {"type": LIST}}),
    *({"json": []}, {"json": "{"}, {"choice": [[]]}, {"effort": LIST}, {"5": True}, {"5": "1"}),
    *([{"type": "function", "function": {"name": LIST}}], [{"type": LIST}], [{"role": LIST}]),
    *([{"role": "user", "content": [{"type": LIST, "text": 1}]}], [{"role": "assistant", "tool_calls": 5}]),
    [{"role": "tool", "tool_call_id": LIST, "content": "x"}],
    [{"role": "assistant", "tool_calls": [{"id": LIST, "function": {"name": "f", "arguments": "{}"}}]}],
    [{"type": "function_call", "call_id": LIST, "name": "f", "arguments": "{}"}],
    [{"type": "function_call_output", "call_id": LIST, "output": "x"}],
]


@pytest.mark.parametrize(("route", "option"), [(route, name) for route in OPTIONS for name in OPTIONS[route]])
def test_an_odd_value_ends_in_a_request_or_in_a_reason(route: str, option: str) -> None:
    for value in ODD:
        with suppress(BadRecord):
            read_request(route, {**BODIES[route], option: value})


def test_a_line_with_an_odd_part_is_refused_alone() -> None:
    for name in ("custom_id", "url", "method", "body", "more"):
        for value in ODD:
            with suppress(BadRecord):
                read_line({"custom_id": "a", "url": TEXT, "method": "POST", "body": BODIES[TEXT], name: value})


def called(**call: Any) -> dict[str, Any]:
    """A chat in which a function was called."""
    given = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **call}
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [given]}]
    return {"messages": [*said, {"role": "tool", "tool_call_id": given["id"], "content": "x"}]}


F: dict[str, Any] = {"name": "f"}
SCHEMA: dict[str, Any] = {"schema": {"enum": [1]}}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        (called(weird=1), "messages[1].tool_calls[0].weird"),
        (called(function={**F, "arguments": "{}", "more": 1}), "messages[1].tool_calls[0].function.more"),
        (called(function={**F, "arguments": "5"}), "messages[1].tool_calls[0].function.arguments"),
        (called(function={**F, "arguments": '{"a":1,"a":2}'}), "messages[1].tool_calls[0].function.arguments"),
        ({"tools": [{"type": "function", "function": {**F, "parameters": []}}]}, "tools[0].function.parameters"),
        ({"tools": [{"type": "function", "function": {**F, "description": 5}}]}, "tools[0].function.description"),
        ({"tools": [{"type": "function", "function": {**F, "strict": "no"}}]}, "tools[0].function.strict"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0]"),
        (
            {
                "tools": [{"type": "function", "function": F}],
                "tool_choice": {"type": "function", "function": F, "mode": "x"},
            },
            "tool_choice.mode",
        ),
        (
            {
                "tools": [{"type": "function", "function": F}],
                "tool_choice": {"type": "function", "function": {**F, "x": 1}},
            },
            "tool_choice.function.x",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {**SCHEMA, "strict": "yes"}}},
            "response_format.json_schema.strict",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {**SCHEMA, "name": 7}}},
            "response_format.json_schema.name",
        ),
        ({"structured_outputs": {"json": '{"enum":[1],"enum":[2]}'}}, "structured_outputs.json"),
        ({"logit_bias": {"1_0": 1}}, "logit_bias"),
        ({"logit_bias": {"3": True}}, "logit_bias"),
        ({"logit_bias": {"05": 1}}, "logit_bias"),
        ({"stream": 0}, "stream"),
        ({"reasoning_effort": ["low"]}, "reasoning_effort"),
    ],
)
def test_what_would_have_gone_unheard_is_refused_by_its_place(body: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRecord) as error:
        read_request(CHAT, {**BODIES[CHAT], **body})
    assert str(error.value).startswith(f'"{place}"'), error.value


def test_a_call_put_together_from_a_stream_and_ids_that_begin_anew_are_taken() -> None:
    once = called(index=0)["messages"]
    request = read_request(CHAT, {"model": "m", "messages": once + once})
    assert [message.role for message in request.messages] == ["user", "assistant", "user"] * 2
