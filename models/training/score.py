"""How well forms were filled: precision, recall and F1 of values, and how often an empty field stayed empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class FillScore:
    """Counts over forms; add one form at a time.

    A value is right when it equals the expected one but for case and a leading article.
    """

    right: int = 0
    written: int = 0
    expected: int = 0
    empty: int = 0
    kept_empty: int = 0
    forms: int = 0
    whole: int = 0

    def add(self, expected: Mapping[str, str | None], got: Mapping[str, str | None]) -> None:
        """Count one form: field name to value, None for empty."""
        self.forms += 1
        self.whole += all(_same(value, got.get(name)) for name, value in expected.items())
        for name, value in expected.items():
            answer = got.get(name)
            self.expected += value is not None
            self.written += answer is not None
            self.right += value is not None and _same(value, answer)
            self.empty += value is None
            self.kept_empty += value is None and answer is None

    def figures(self) -> dict[str, float | int]:
        """`precision`, `recall`, `f1`, `empty_kept`, `whole` (share of forms with every field right) and `forms`."""
        precision, recall = self.right / max(1, self.written), self.right / max(1, self.expected)
        return {
            "forms": self.forms,
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "f1": round(2 * precision * recall / max(1e-9, precision + recall), 4),
            "empty_kept": round(self.kept_empty / max(1, self.empty), 4),
            "whole": round(self.whole / max(1, self.forms), 4),
        }


def _same(a: str | None, b: str | None) -> bool:
    return _plain(a) == _plain(b)


def _plain(value: str | None) -> str | None:
    return value.casefold().removeprefix("the ") if value else None
