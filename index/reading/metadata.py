"""Metadata as an index keeps it: one level of names with a text, a number or a truth value each.

Knows YAML front matter and what text cells mean; knows nothing of files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

from index.documents import Scalar

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"^([A-Za-z][\w -]*?)[ \t]*:(?:[ \t]+(.*?))?[ \t]*\r?$", re.MULTILINE)
_LONGEST_FRONT_MATTER = 65_536
_LONGEST_VALUE = 10_000
_MOST_ENTRIES = 1_000
_DEEPEST = 8
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")  # "007" is a name, and what SQLite keeps has 64 bits
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}(?:[eE][-+]?[0-9]{1,2})?")


class _Loader(yaml.SafeLoader):
    """`no` is a language and 2024-01-02 a text, as in YAML 1.2. Aliases, which make bombs, are refused."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)

    def plain(self, node: yaml.ScalarNode) -> Scalar | None:
        """What stands in quotes is a text whatever it looks like."""
        if node.style is not None:
            return str(node.value)
        return None if node.value in ("~", "null") else scalar(node.value)


_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.plain)


def front_matter_end(text: str) -> int:
    """Where the body begins, in characters: after a leading `---` block of `key: value` lines, else 0."""
    match = _FRONT_MATTER.match(text[: _LONGEST_FRONT_MATTER + 8])
    # Without an entry it is a thematic break, which is ordinary Markdown.
    return match.end() if match and _ENTRY.search(match[1]) else 0


def front_matter(text: str) -> dict[str, Scalar]:
    """The entries of a leading `---` block; line by line where it is no valid YAML."""
    match = _FRONT_MATTER.match(text[: front_matter_end(text)])
    if match is None:
        return {}
    try:
        entries = yaml.load(match[1], Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        entries = None
    if not isinstance(entries, Mapping):
        entries = {name: scalar(value) for name, value in _ENTRY.findall(match[1])}
    return flat(entries)


def flat(entries: Mapping[Any, Any]) -> dict[str, Scalar]:
    """Nested names joined by dots, lists by commas; what is empty, no number, or too long for a fact is left out."""
    found: dict[str, Scalar] = {}
    _gather(entries, "", found, 0)
    return found


def scalar(text: str) -> Scalar:
    """What a cell means: 12, 3.5 and true are no texts; 007, 1e5, nan and yes are."""
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), clean(text)[:_LONGEST_VALUE])


def clean(text: str) -> str:
    """`text`, as long as it was, without what no database and no tokenizer takes: lone surrogates, NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _gather(entries: Mapping[Any, Any], prefix: str, found: dict[str, Scalar], depth: int) -> None:
    for key, value in entries.items():
        if len(found) >= _MOST_ENTRIES:
            return
        name = clean(f"{prefix}{key}".strip())[:200]
        if isinstance(value, Mapping):
            if depth < _DEEPEST:
                _gather(value, f"{name}.", found, depth + 1)
            continue
        if isinstance(value, list):
            value = ", ".join(str(item) for item in value[:_MOST_ENTRIES] if isinstance(item, str | int | float))
        kept = _kept(value)
        if name and kept is not None and kept != "":
            found[name] = kept


def _kept(value: Any) -> Scalar | None:
    if isinstance(value, str):
        return clean(value)[:_LONGEST_VALUE]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 64 else str(value) if value.bit_length() < 1024 else None
    return value if isinstance(value, float) and math.isfinite(value) else None
