"""Asked: which calls of a workflow have a model asked, read from its source before anything is run.

Knows `collect`, `generate` and `choose`, and follows the run into functions of the module. What an argument is can only
be said where it is written down: a constant, a name of the module, a list of these. Anything else is a Blank.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.prompts.example import Example
from pipeline.workflow import Workflow

METHODS = {
    "collect": ("contract",),
    "generate": ("contract", "question", "evidence", "guardrails"),
    "choose": ("question", "options"),
}
"""Positional parameters, as Run has them."""


@dataclass(frozen=True)
class Blank:
    """What is known when a record is served, by its source."""

    source: str

    def __str__(self) -> str:
        return f"‹{self.source}›"


@dataclass(frozen=True)
class Asked:
    """One call: `method` of Run, and its arguments by name."""

    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def asked(workflow: Workflow) -> list[Asked]:
    """The calls of a workflow, in the order in which they are written, each once."""
    found: list[Asked] = []
    for call in _calls(workflow.body, set()):
        if call not in found:
            found.append(call)
    return found


def _calls(function: Callable[..., Any], seen: set[object]) -> Iterator[Asked]:
    if function in seen:
        return
    seen.add(function)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return  # made by other code: there is nothing to read
    known = getattr(inspect.unwrap(function), "__globals__", {})
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
            names = METHODS[call.func.attr]
            given = {name: _value(node, known) for name, node in zip(names, call.args, strict=False)}
            given |= {word.arg: _value(word.value, known) for word in call.keywords if word.arg is not None}
            yield Asked(call.func.attr, given)
        elif isinstance(call.func, ast.Name) and inspect.isfunction(other := known.get(call.func.id)):
            yield from _calls(other, seen)


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """What an expression is worth, if that can be said without running anything of the user's."""
    try:
        return _worth(node, known)
    except (LookupError, AttributeError, TypeError):
        return Blank(ast.unparse(node))


def _worth(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return known[name]
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if inspect.ismodule(known[name]):
            return getattr(known[name], attribute)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_worth(item, known) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_worth(key, known): _worth(value, known) for key, value in zip(keys, values, strict=True) if key}
        case ast.Call(func=ast.Name(id=name), args=args, keywords=words) if known.get(name) is Example:
            named = {str(word.arg): _worth(word.value, known) for word in words}
            return Example(*[_worth(arg, known) for arg in args], **named)
        case ast.JoinedStr(values=parts):
            return "".join(map(_part, parts))
    raise LookupError


def _part(part: ast.expr) -> str:
    """A piece of a text with braces: as it stands, or the source between its braces."""
    if isinstance(part, ast.FormattedValue):
        return str(Blank(ast.unparse(part.value)))
    return str(part.value) if isinstance(part, ast.Constant) else ""
