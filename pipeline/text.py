"""Texts as they may stand inside a sentence."""

from __future__ import annotations


def short(text: str, length: int = 60) -> str:
    """A text as it may be quoted in a sentence: at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
