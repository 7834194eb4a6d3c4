"""Claims: which word that was said belongs to which field of a form, where several fields would begin with it.

A model that is asked for each field by itself would begin destination and origin with the only city that was named. So
a word counts for one field alone: the one whose question has the word before it ("from", "to") where no other question
has, else the likeliest. What is left of each field's probability says whether it was said at all.

Knows words and probabilities; knows no contract and no model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.engines.mentions import Beginning, Begun
from models.grammar.source import chunks

CUED = 30.0
"""How much more a word weighs for a field whose question has the word before it: docs/prompts.md has 1 and 30."""
LEAST = 0.02
"""Probability with which a model has to think of such a word to have it said, however unsure it is."""
LONGEST = 8
"""Words of a copy: the longest values of the Schema-Guided Dialogue dataset have seven."""


@dataclass(frozen=True)
class Claims:
    """`copies`: what may be copied into a field, a beginning of what follows the word that belongs to it.

    `unsaid`: the fields that no word is left for, with how likely one is, 0 to 1.
    """

    copies: Mapping[str, tuple[str, ...]]
    unsaid: Mapping[str, float]


@dataclass(frozen=True)
class _Claim:
    """A field that would begin with one of some words. `cued`: its question alone has the word before."""

    field: str
    words: frozenset[str]
    share: float
    cued: bool

    @property
    def weight(self) -> float:
        return self.share * (CUED if self.cued else 1.0)


def claims(begun: Mapping[str, Begun], said: Sequence[str], questions: Mapping[str, str], sure: float) -> Claims:
    """Words for fields, by key.

    `begun`: how each field's text would begin. `said`: what the customer said, normalised. `questions`: of these fields
    and of all others of the form that are of words, not of numbers or days. `sure`: how likely one of the words that no
    other field has must be.
    """
    texts = [chunks(text) for text in said]
    cues = _cues(questions)
    fields = [field for field in questions if field in begun]
    found = [claim for field in fields for claim in _claimed(field, begun[field], texts, cues[field])]
    owners: dict[str, str] = {}
    starts: dict[str, frozenset[str]] = {}
    unsaid: dict[str, float] = {}
    for claim in sorted(found, key=lambda claim: -claim.weight):
        free = claim.words - owners.keys()
        if claim.field in starts or claim.field in unsaid or not free:
            continue
        own = [other for other in found if other.field == claim.field]
        left = sum(other.share for other in own if other.words - owners.keys())
        lost = sum(other.share for other in own) - left
        share = left / max(1.0 - lost, left, 1e-9)  # of what is not another field's
        if share >= sure or (claim.cued and claim.share >= LEAST):
            starts[claim.field] = free
            owners |= dict.fromkeys(free, claim.field)
        else:
            unsaid[claim.field] = share
    unsaid |= {field: 0.0 for field in fields if field not in starts and field not in unsaid}
    copies = {}
    for field, words in starts.items():
        foreign = frozenset().union(*(own for other, own in cues.items() if other != field))
        closed = foreign | {word for word, owner in owners.items() if owner != field}
        copies[field] = _copies(texts, words, closed)
    return Claims(copies, unsaid)


def told_apart(begun: Mapping[str, Begun], said: Sequence[str], worded: Mapping[str, str], sure: float) -> Claims:
    """`claims` of the fields that are `worded`, with their questions; of all others that `begun` has, only which were
    not said, since code reads their words."""
    found = claims({field: one for field, one in begun.items() if field in worded}, said, worded, sure)
    shares = {field: share_said(one, said) for field, one in begun.items() if field not in worded}
    return Claims(found.copies, {**found.unsaid, **{field: share for field, share in shares.items() if share < sure}})


def share_said(begun: Begun, said: Sequence[str]) -> float:
    """How likely a text begins as something said does: 0 to 1."""
    words = [chunk for text in said for chunk in chunks(text) if _is_word(chunk)]
    return min(sum(one.share for one in begun if _of(one, words)), 1.0)


def _cues(questions: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The words of each question that no other field's has; none where there is one field only.

    A description that asks nothing, "City to pick up the rental car", is answered with none of its small words.
    """
    if len(questions) < 2:
        return dict.fromkeys(questions, frozenset())
    words = {field: {*re.findall(r"\w+", question.casefold())} for field, question in questions.items()}
    counts = Counter(word for own in words.values() for word in own)
    asking = {field for field, question in questions.items() if question.rstrip().endswith(("?", "？", "؟"))}
    return {
        field: frozenset(word for word in own if counts[word] == 1 and field in asking) for field, own in words.items()
    }


def _claimed(field: str, begun: Begun, texts: Sequence[Sequence[str]], cues: frozenset[str]) -> list[_Claim]:
    words = [[chunk for chunk in text if _is_word(chunk)] for text in texts]
    known = [word for text in words for word in text]
    behind = {word.casefold() for text in words for before, word in pairwise(text) if before.casefold() in cues}
    found = []
    for one in begun:
        if own := _of(one, known):
            found.append(_Claim(field, own & behind or own, one.share, bool(own & behind)))
    return found


def _of(one: Beginning, words: Sequence[str]) -> frozenset[str]:
    """The words, in small letters, that a text may be the beginning of: with its whole word if one is, else with its
    token; written in the same case if one is."""
    for text in (one.word, one.token):
        begun = text.strip(" .,;:!?")
        own = [word for word in words if begun and word.casefold().startswith(begun.casefold())]
        exact = [word for word in own if word.startswith(begun)]
        if own:
            return frozenset(word.casefold() for word in exact or own)
    return frozenset()


def _is_word(chunk: str) -> bool:
    return any(character.isalnum() for character in chunk)


def _copies(texts: Sequence[Sequence[str]], starts: frozenset[str], closed: frozenset[str]) -> tuple[str, ...]:
    """The runs of words that begin with one of `starts`, as far as one of `closed`."""
    found = []
    for text in texts:
        for at in (at for at, chunk in enumerate(text) if chunk.casefold() in starts):
            for end in range(at + 1, len(text) + 1):
                last = text[end - 1]
                if last.casefold() in closed or sum(map(_is_word, text[at:end])) > LONGEST:
                    break
                if _is_word(last):
                    found.append("".join(text[at:end]))
    return tuple(dict.fromkeys(found))
