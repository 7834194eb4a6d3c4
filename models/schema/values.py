"""Values: what the files of single types need of the writer that knows them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment
from models.schema.clause import Clause
from models.schema.document import Document, Located
from models.schema.notes import Notes
from models.schema.strings import Rule


class Values(Protocol):
    """Writes any value that fits some schemas (writer.py)."""

    @property
    def builder(self) -> GrammarBuilder: ...
    @property
    def document(self) -> Document: ...
    @property
    def notes(self) -> Notes: ...
    def usual(self, what: str) -> int | None: ...
    def value(self, parts: tuple[Located, ...], needed: bool = False) -> Fragment: ...
    def finite(self, parts: tuple[Located, ...]) -> list[tuple[Any, str]] | None: ...
    def name(
        self, parts: tuple[Located, ...], rules: list[Rule], declared: Iterable[str], prefixes: list[str],
        around: Clause,
    ) -> Fragment: ...  # fmt: skip
    def note(self, path: str, fragment: Fragment) -> None: ...
