"""Formats: the shape that a request demands of its answer, by whichever option says it; else a BadRecord."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.completions.scalars import check_kinds, shown
from pipeline.completions.shape import Shape, json_shape, text_shape
from pipeline.json_text import JsonFault, read_json
from pipeline.record import BadRecord


def read_format(body: Mapping[str, Any]) -> tuple[Shape, Mapping[str, Any] | None]:
    """The shape that a request demands, and its JSON Schema if it has one."""
    wanted, structured = body.get("response_format"), body.get("structured_outputs")
    if wanted is not None and structured is not None:
        raise BadRecord('There are both "response_format" and "structured_outputs": give one of them.')
    if structured is not None:
        return _structured(structured)
    if wanted is None:
        return Shape(), None
    if not isinstance(wanted, dict):
        raise BadRecord(f'"response_format" is {shown(wanted)}, which is no JSON object.')
    kind = wanted.get("type")
    known = {"json_schema": {"json_schema"}, "json_object": {"schema"}}.get(str(kind), set())
    for name in wanted.keys() - {"type", *known}:
        raise BadRecord(f'"response_format.{name}" is not known here.')
    if kind == "text":
        return Shape(), None
    if kind == "json_object":  # a schema beside it is not OpenAI's, but other servers take one, and clients send it
        return _json(wanted.get("schema", {"type": "object"}), "Object", "response_format.schema")
    if kind != "json_schema":
        raise BadRecord(f'"response_format" is {shown(wanted)}, and its type may be json_schema, json_object or text.')
    described = wanted.get("json_schema")
    if not isinstance(described, dict) or "schema" not in described:
        raise BadRecord('"response_format.json_schema" has no "schema".')
    for name in described.keys() - {"name", "schema", "strict", "description"}:
        raise BadRecord(f'"response_format.json_schema.{name}" is not known here.')
    check_kinds(described, "response_format.json_schema", ("name", "description"), ("strict",))
    return _json(described["schema"], described.get("name") or "Answer", "response_format.json_schema.schema")


def purpose(body: Mapping[str, Any]) -> str:
    """What a JSON Schema is for, in the words of a body whose format is read already; the model is told."""
    wanted = body.get("response_format") or {}
    return str(wanted.get("json_schema", {}).get("description") or "")


def _structured(value: object) -> tuple[Shape, Mapping[str, Any] | None]:
    given = {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else {}
    if len(given) != 1:
        raise BadRecord('"structured_outputs" is not one of json, json_object, regex, choice and grammar.')
    ((kind, source),) = given.items()
    where = f"structured_outputs.{kind}"
    if kind == "json":
        try:
            schema = read_json(source, "The schema") if isinstance(source, str) else source
        except JsonFault as error:
            raise BadRecord(f'"{where}" cannot be read: {error}') from None
        return _json(schema, "Answer", where)
    if kind == "json_object" and source is True:
        return _json({"type": "object"}, "Object", where)
    if kind in ("regex", "choice", "grammar"):
        return text_shape(kind, source, where), None
    raise BadRecord(f'"{where}" is refused: what is obeyed is json, json_object, regex, choice and grammar.')


def _json(schema: object, name: str, where: str) -> tuple[Shape, Mapping[str, Any] | None]:
    shape = json_shape(schema, name, where)
    return shape, schema if isinstance(schema, dict) else {}
