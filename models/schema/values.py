"""Values: what the files of single types need of the writer that knows them all."""

from __future__ import annotations

from typing import Protocol

from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment
from models.schema.bounds import Bounds
from models.schema.document import Document, Located
from models.schema.strings import Rule


class Values(Protocol):
    """Writes any value that fits some schemas (writer.py)."""

    @property
    def bounds(self) -> Bounds: ...
    @property
    def builder(self) -> GrammarBuilder: ...
    @property
    def document(self) -> Document: ...
    def value(self, parts: tuple[Located, ...]) -> Fragment: ...
    def finite(self, parts: tuple[Located, ...]) -> list[str] | None: ...
    def name(self, parts: tuple[Located, ...], rules: list[Rule], declared: list[str], at: str) -> Fragment: ...
    def note(self, path: str, fragment: Fragment) -> None: ...
