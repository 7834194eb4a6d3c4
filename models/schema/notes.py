"""Notes: what became of the keywords of a schema that the grammar does not follow to the letter. Knows paths."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Notes:
    """`ignored`: keywords that say nothing by the standard (annotations, unknown ones and unknown formats), each once;
    `loosened`: keywords, by their paths, that the grammar admits too much at and that are checked after, with the
    reason."""

    ignored: dict[str, None] = field(default_factory=dict)
    loosened: dict[str, str] = field(default_factory=dict)

    def ignore(self, keyword: str) -> None:
        self.ignored.setdefault(keyword)

    def loosen(self, path: str, why: str) -> None:
        self.loosened.setdefault(path, why)
