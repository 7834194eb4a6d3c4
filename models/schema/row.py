"""Row: JSON values as fragments, each bracket, key and comma a lexeme of its own, as
models/grammar/fragments/fragment.py asks for.
"""

from __future__ import annotations

import json
from typing import Any

from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment, quoted, sequence, text_fragment
from models.schema.refusal import SchemaRefused


def key(name: str, builder: GrammarBuilder) -> Fragment:
    """A property's name and the colon."""
    return sequence([text_fragment(quoted(name)), builder.colon])


def constant(value: Any, builder: GrammarBuilder) -> Fragment:
    """One JSON value."""
    if isinstance(value, dict):
        marks, parts = "{}", [sequence([key(name, builder), constant(value[name], builder)]) for name in value]
    elif isinstance(value, list):
        marks, parts = "[]", [constant(inner, builder) for inner in value]
    else:
        return text_fragment(json.dumps(value, ensure_ascii=False, allow_nan=False))
    with_commas = [fragment for part in parts for fragment in (builder.comma, part)][1:]
    whole = sequence([text_fragment(marks[0]), *with_commas, text_fragment(marks[1])])
    return Fragment(f"({whole.rule})", whole.longest, whole.bound, whole.constant)


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def json_text(value: Any, path: str) -> str:
    """`value` as compact JSON."""
    text = _compact(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SchemaRefused(path, "holds half of a character.", "Write the whole character.") from None
    return text
