"""From text to sentences, each an exact stretch of it. Written for policies and help pages in Markdown or plain text.

Knows English abbreviations and prices; knows nothing of passages. By hand because quotes
are shown to users, and of the libraries tried one is unmaintained (pysbd) and one splits "approx. 5 days" (sentencex).

`models/grammar/source.py` splits too, for another job: there sentences are what a model may copy, so they are
normalised, run over line ends, leave headings out, and are no stretches of the text. One splitter could not keep both
promises.
"""

from __future__ import annotations

import re

# A blank line, or a line that starts a list item, a quote, a table row or a heading, ends the sentence before it.
_BLOCK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+>|#]|\d{1,3}[.)])[ \t])|(?<=\|)[ \t]*\n|\r\n?[ \t]*(?=\r?\n)")
_MARKER = re.compile(r"(?:[ \t]*(?:[-*+>|]|\#{1,6}|\d{1,3}[.)])[ \t]+)+")
# Possessive, and only where a run of stops begins: a megabyte of dots must not take minutes.
_STOP = re.compile(r"""(?:(?<![.!?…])[.!?…]++["'”’»)\]*_]*+(?=\s)|[。！？]["'”’」』）]*+)\s*+""")
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘]*$")
_LONGEST_WORD = 24

# Never the last word of a sentence.
_TITLE = re.compile(r"mr|mrs|ms|dr|prof|st|rs|e\.g|i\.e|eg|ie|vs|cf|approx|incl|excl")
# An abbreviation only before a number: "No. 5", but "The answer is no."
_BEFORE_NUMBER = re.compile(
    r"nos?|nr|min|max|art|sec|fig|pp?|ch|para|tel|ext|inr|usd|eur|gbp|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)


def split_sentences(text: str) -> list[str]:
    """The sentences of `text` in order, each a substring of it without outer white space or list markers."""
    sentences: list[str] = []
    for block in _BLOCK.split(text):
        marker = _MARKER.match(block)
        start = marker.end() if marker else 0
        for stop in _STOP.finditer(block, start):
            if _ends_sentence(block, start, stop):
                sentences.append(block[start : stop.end()].strip())
                start = stop.end()
        sentences.append(block[start:].strip())
    return [sentence for sentence in sentences if any(character.isalnum() for character in sentence)]


def _ends_sentence(block: str, start: int, stop: re.Match[str]) -> bool:
    after = block[stop.end() : stop.end() + 1]
    if after.islower():
        return False
    if not stop[0].startswith(".") or stop[0].startswith(".."):
        return True
    before = block[max(start, stop.start() - _LONGEST_WORD) : stop.start()]
    found = _WORD_BEFORE.search(before)
    word = found[0].lower() if found else ""
    if _TITLE.fullmatch(word) or (_BEFORE_NUMBER.fullmatch(word) and after.isdigit()):
        return False
    # An initial: "J. Smith". A lone "I" may end a sentence.
    return not (len(word) == 1 and before[-1].isupper() and word != "i")
