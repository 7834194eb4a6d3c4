"""Plausible: texts as a usual model writes them under a grammar, words in text fields and not too many of them.

For measuring, where random tokens would be unfair. Knows English words, and no model.
"""

from __future__ import annotations

from random import Random

import numpy as np

from models.errors import EngineError
from models.grammar.grammar import Grammar
from models.grammar.matchers import BYTES, compiled, fault_of

WORDS = 6
"""Of so many words one ends its text, where it may."""
_PROSE = (
    "the customer would like to change a booking to another day because the meeting in the city was moved and we have"
    " to find a seat for two people who travel with one small bag and a child that is four years old please check what"
    " it costs and whether the hotel near the station still has a free room for three nights with breakfast thank you "
)


def plausible_text(grammar: Grammar, random: Random, most: int | None = None) -> str:
    """A text of `grammar`: English words where it lets letters be chosen, anything allowed elsewhere. Of a longer one
    the first `most` bytes.

    Raises EngineError where llguidance cannot compile the grammar or finds no way on.
    """
    matcher = compiled(BYTES, grammar.lark)
    said: list[int] = []
    place = _PROSE.index(" ", random.randrange(len(_PROSE))) + 1
    while not matcher.is_stopped() and len(said) != most:
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
        allowed = {int(token) for token in np.flatnonzero(bits)}
        if not allowed or BYTES.eos_token in allowed:
            break
        letter = ord(_PROSE[place % len(_PROSE)])
        if len(allowed) == 1:
            token = next(iter(allowed))
        elif ord('"') in allowed and letter == ord(" ") and (ord(" ") not in allowed or random.random() < 1 / WORDS):
            token = ord('"')
        elif letter in allowed:
            token, place = letter, place + 1
        else:
            token = random.choice(sorted(token for token in allowed if token < 0x80) or sorted(allowed))
        said.append(token)
        matcher.consume_token(token)
    if matcher.is_error() or not (matcher.is_accepting() or len(said) == most):
        raise EngineError(f"No way on after {bytes(said[-60:])!r}: {fault_of(matcher)}", "Report this.")
    return bytes(said).decode(errors="ignore")
