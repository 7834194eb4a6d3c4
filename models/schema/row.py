"""Row: JSON values as fragments, each bracket, key and comma a lexeme of its own, as
models/grammar/fragments/fragment.py asks for.
"""

from __future__ import annotations

import json
from typing import Any

from models.grammar.fragments.fragment import Fragment, literal, sequence, text_fragment


def key(name: str) -> Fragment:
    """A property's name and the colon."""
    return sequence([text_fragment(json.dumps(name, ensure_ascii=False)), text_fragment(":")])


def constant(value: Any) -> Fragment:
    """One JSON value, compact."""
    if isinstance(value, dict):
        pairs = [sequence([key(name), constant(inner)]) for name, inner in value.items()]
        return _bracketed("{", pairs, "}")
    if isinstance(value, list):
        return _bracketed("[", [constant(inner) for inner in value], "]")
    return text_fragment(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _bracketed(opening: str, parts: list[Fragment], closing: str) -> Fragment:
    with_commas = [fragment for part in parts for fragment in (text_fragment(","), part)][1:]
    whole = sequence([text_fragment(opening), *with_commas, text_fragment(closing)])
    return Fragment(f"({whole.rule})", whole.longest, whole.bound, whole.constant)


EMPTY_ARRAY = Fragment(f"({literal('[')} {literal(']')})", 2, "[]", "[]")
