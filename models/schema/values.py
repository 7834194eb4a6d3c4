"""Values: what the files of single types need of the writer that knows them all (writer.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from models.grammar.fragments.builder import Bound, GrammarBuilder
from models.grammar.fragments.fragment import Fragment, either
from models.schema import strings
from models.schema.bounds import Bounds
from models.schema.clause import Clause
from models.schema.document import Document, Located
from models.schema.normal import Normal
from models.schema.notes import Notes
from models.schema.refusal import Unsatisfiable


class Values(ABC):
    """`bounds`: what ends a text, an array or a recursion that the schema gives no end; None: they have none. `title`:
    the contract's name. `level`: how often a schema was entered that the present value is inside of."""

    def __init__(self, normal: Normal, bounds: Bounds | None, builder: GrammarBuilder, title: str) -> None:
        self.normal, self.bounds, self.builder, self.title = normal, bounds, builder, title
        self.level = 0

    @abstractmethod
    def value(self, parts: tuple[Located, ...], needed: bool = False) -> Fragment:
        """Any value that fits all of `parts`. `needed`: what is being written has to have one. NoText if none does."""

    @property
    def document(self) -> Document:
        return self.normal.document

    @property
    def notes(self) -> Notes:
        return self.document.notes

    def usual(self, what: str) -> int | None:
        """The bound of that name here, None where there is none; a quarter for each level."""
        if self.bounds is None:
            return None
        given: int = getattr(self.bounds, what)
        return max(given >> 2 * self.level, min(given, 1))

    def name(
        self, parts: tuple[Located, ...], rules: list[strings.Rule], declared: Iterable[str], prefixes: list[str],
        around: Clause,
    ) -> Fragment:  # fmt: skip
        """A property name that fits all of `parts` and matches `rules`, is none of those declared and begins with none
        of `prefixes`."""
        at = around.where("propertyNames", "patternProperties", "additionalProperties")
        found = []
        whole = (Located({"type": "string"}, at), *parts)
        for clause in self.normal.clauses(whole) if parts else [Clause((), at)]:
            if clause.values is None and "string" in clause.types:
                usual = None if self.bounds is None else self.bounds.key
                found.append(strings.text(clause, usual, self.notes, self.builder, rules, declared, prefixes))
        if not found:
            raise Unsatisfiable(at, "leaves no name for a property.", "Relax propertyNames or the patterns.")
        return either(found)

    def note(self, path: str, fragment: Fragment) -> None:
        """Take down how long the value at `path` may be."""
        self.builder.bounds.append(Bound(f"{self.title} {path}", fragment.bound, fragment.longest))
