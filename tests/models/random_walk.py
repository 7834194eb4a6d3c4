"""The adversary's walk and the membership test, in the form that assertions read best."""

from __future__ import annotations

from random import Random

from llguidance import LLTokenizer

from models.engines import adversary
from models.grammar import membership
from models.grammar.grammar import Grammar


def random_walk(
    grammar: Grammar, tokenizer: LLTokenizer, random: Random, draw: adversary.Draw = "uniform"
) -> tuple[str, int]:
    """One text that `grammar` admits, and its count of tokens. AssertionError if the walk gets stuck or over budget."""
    walk = adversary.random_walk(grammar, tokenizer, random, draw)
    assert walk.fault is None, walk
    return walk.text, walk.tokens


def admits(grammar: Grammar, tokenizer: LLTokenizer, text: str) -> bool:
    """Whether `text` is a whole text of `grammar`; `tokenizer` makes no difference."""
    return membership.admits(grammar, text)
