"""Tools: functions that a model may ask to be called, as words for it, as the JSON of a call, and back.

A chat template's own way of tools differs from model to model, and many templates drop them without a word; here every
model is told of them in the same words, and its calls are kept to their parameters by the grammar.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.completions.scalars import check_kinds
from pipeline.completions.shape import Shape, json_shape
from pipeline.record import BadRecord

MOST_CALLS = 4
"""Calls in one answer."""
LONGEST = 2000
"""Characters of what is said instead of a call."""

TOLD = """You can have these functions called, each given as JSON with its name, what it does, and its parameters:
{tools}
To call functions, answer with JSON and nothing else: {{"tool_calls":[{{"name":"…","arguments":{{…}}}}]}}"""
OR_SPEAK = """
To answer without a call: {"content":"…"}"""


@dataclass(frozen=True)
class Tool:
    """A function: `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


def read_tools(value: object) -> tuple[Tool, ...]:
    """The tools of a request. BadRecord, with the place of what is wrong."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRecord('"tools" is not a list.')
    tools = []
    for number, one in enumerate(value):
        where = f"tools[{number}]"
        function = one.get("function") if isinstance(one, dict) and one.get("type") == "function" else None
        if (
            not isinstance(function, dict)
            or not isinstance(function.get("name"), str)
            or not function["name"]
            or set(one) - {"type", "function"}
        ):
            raise BadRecord(f'"{where}" is no function with a name, which is all that can be called.')
        for name in function.keys() - {"name", "description", "parameters", "strict"}:
            raise BadRecord(f'"{where}.function.{name}" is not known here.')
        check_kinds(function, f"{where}.function", ("description",), ("strict",))
        parameters = function.get("parameters")
        if parameters in (None, {}):
            parameters = {"type": "object", "properties": {}, "additionalProperties": False}
        if not isinstance(parameters, dict):
            raise BadRecord(f'"{where}.function.parameters" is no JSON Schema: give an object.')
        json_shape(parameters, "Parameters", f"{where}.function.parameters")
        tools.append(Tool(function["name"], function.get("description") or "", parameters))
    names = [tool.name for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise BadRecord(f'"tools" has two functions of the name "{name}".')
    return tuple(tools)


def chosen(tools: Sequence[Tool], choice: object) -> tuple[tuple[Tool, ...], bool]:
    """The tools that may be called, and whether one has to be, as `tool_choice` says. BadRecord."""
    if choice in (None, "auto"):
        return tuple(tools), False
    if choice == "none":
        return (), False
    if not tools:
        raise BadRecord('"tool_choice" names a tool, but there are no "tools".')
    if choice == "required":
        return tuple(tools), True
    if isinstance(choice, dict) and choice.get("type") == "function" and isinstance(choice.get("function"), dict):
        for name in choice.keys() - {"type", "function"}:
            raise BadRecord(f'"tool_choice.{name}" is not known here.')
        for name in choice["function"].keys() - {"name"}:
            raise BadRecord(f'"tool_choice.function.{name}" is not known here.')
        found = tuple(tool for tool in tools if tool.name == choice["function"].get("name"))
        if found:
            return found, True
        raise BadRecord('"tool_choice" names a function that is not among the "tools".')
    raise BadRecord('"tool_choice" is none of "none", "auto", "required" and a function.')


def calls_shape(tools: Sequence[Tool], required: bool, parallel: bool, content: Mapping[str, Any] | None) -> Shape:
    """The JSON of an answer that calls tools or, unless `required`, says something (`content`: of that schema)."""
    definitions = {f"tool{number}": _moved(tool.parameters, f"tool{number}") for number, tool in enumerate(tools)}
    calls = [
        _object({"name": {"const": tool.name}, "arguments": {"$ref": f"#/$defs/tool{number}"}})
        for number, tool in enumerate(tools)
    ]
    listed = {
        "type": "array",
        "items": calls[0] if len(calls) == 1 else {"anyOf": calls},
        "minItems": 1,
        "maxItems": MOST_CALLS if parallel else 1,
    }
    asked: dict[str, Any] = _object({"tool_calls": listed})
    if not required:
        if content is not None:
            definitions["content"] = _moved(content, "content")
        said = {"$ref": "#/$defs/content"} if content is not None else {"type": "string", "maxLength": LONGEST}
        asked = {"anyOf": [_object({"content": said}), asked]}
    return json_shape({**asked, "$defs": definitions}, "ToolCalls", "tools", calls=True)


def told(tools: Sequence[Tool], required: bool) -> str:
    """What a model is told of its tools."""
    rows = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return TOLD.format(tools=lines) + ("" if required else OR_SPEAK)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _moved(schema: object, name: str) -> Any:
    """A schema that stands below `$defs`, with its own references following it there."""
    if isinstance(schema, list):
        return [_moved(one, name) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: f"#/$defs/{name}{value[1:]}"
        if key == "$ref" and isinstance(value, str) and value.startswith("#")
        else (value if key in ("const", "enum", "default", "examples") else _moved(value, name))
        for key, value in schema.items()
        if key != "$schema"
    }
