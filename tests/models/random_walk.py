"""The random walk and the membership test, in the form that assertions read best."""

from __future__ import annotations

from random import Random

from llguidance import LLTokenizer

from models.bench.proof import random_walk as proof
from models.grammar import membership
from models.grammar.grammar import Grammar


def random_walk(
    grammar: Grammar, tokenizer: LLTokenizer, random: Random, draw: proof.Draw = "uniform"
) -> tuple[str, int]:
    """One text that `grammar` admits, and its count of tokens. AssertionError if the walk gets stuck or over budget."""
    walk = proof.random_walk(grammar, tokenizer, random, draw)
    assert walk.fault is None, walk
    return walk.text, walk.tokens


def admits(grammar: Grammar, tokenizer: LLTokenizer, text: str) -> bool:
    """Whether `text` is a whole text of `grammar`; `tokenizer` makes no difference."""
    return membership.admits(grammar, text)
