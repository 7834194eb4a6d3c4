"""Strings: what a clause says about texts, as one terminal. Knows lengths, patterns, formats and left-out values.

How a pattern is read is pattern.py's business, what a format is formats.py's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from math import prod

from llguidance import LLMatcher, LLTokenizer

from models.grammar.fragments import text
from models.grammar.fragments.builder import GrammarBuilder
from models.grammar.fragments.fragment import Fragment, literal
from models.schema.bounds import Bounds
from models.schema.clause import Clause
from models.schema.formats import FORMATS
from models.schema.pattern import searched
from models.schema.refusal import SchemaRefused, Unsatisfiable
from models.schema.states import count_states

_STATES = 5000
"""States of one text's automaton, lengths included: llguidance stops beyond some 50 times that, and slows before."""

_LONGEST = 20_000
"""Characters of a text, whatever its schema allows: beyond some 60,000 llguidance stops in the middle."""

_CHARACTER = r'(?:[^"\\\x00-\x1F\x7F]|\\["\\])'
"""A character as JSON writes it; those that need more than a backslash are left out."""


def string(clause: Clause, bounds: Bounds, builder: GrammarBuilder) -> Fragment:
    """Any text for which `clause` holds."""
    formats = [FORMATS[name].longest for name, _ in clause.said("format")]
    least, most = lengths(clause, max([bounds.text, *formats]))
    if not any(True for word in ("pattern", "format", "not") for _ in clause.said(word)):
        return text.string({"min_length": least, "max_length": most}, clause.path, builder)
    left_out = [value for value in clause.excluded if isinstance(value, str)]
    return terminal("TEXT", clause, [], left_out, least, most, builder)


def lengths(clause: Clause, default: int) -> tuple[int, int]:
    """The least and the most characters; at most `default` where nothing says so."""
    least, given = clause.least("minLength"), clause.most("maxLength")
    most = min(max(default, least) if given is None else given, _LONGEST)
    if least > _LONGEST:
        raise SchemaRefused(
            clause.where("minLength"), f"asks for {least} characters, more than the {_LONGEST} that are enforced.",
            "Lower minLength, and check the length in a guardrail.",
        )  # fmt: skip
    if least > most:
        raise Unsatisfiable(
            clause.where("minLength"), f"asks for {least} characters or more, and another keyword for {most} or fewer.",
            "Let the smaller bound come first.",
        )  # fmt: skip
    return least, most


def terminal(
    name: str, clause: Clause, rules: list[Rule], left_out: list[str], least: int, most: int, builder: GrammarBuilder
) -> Fragment:
    """The quoted texts of `least` to `most` characters that match `clause` and `rules`, but for those left out."""
    rules = [*_rules(clause), *rules]
    room = most
    most = min([most, *(rule.longest for rule in rules if rule.longest is not None)])
    counts = any(rule.longest == most and rule.shortest >= least for rule in rules) and most <= room
    length = [] if counts else [f'/"{_CHARACTER}{{{min(least, most)},{{}}}}"/']
    states = prod(rule.states for rule in rules)
    if not counts:
        most = min(most, max(_STATES // states, 1))
    if least > most <= _STATES // states or (states > _STATES and rules):
        raise SchemaRefused(
            clause.where("pattern", "format", "propertyNames", "not"),
            "takes too long to follow together with the length of the text.",
            "Set a smaller maxLength, or begin the pattern with ^ and repeat less in it.",
        )
    wide = min([4 * most, *(rule.width * most for rule in rules)])
    outs = [f"~{literal(json.dumps(value, ensure_ascii=False))}" for value in left_out]
    body = " & ".join([*(part.replace("{}", str(most)) for part in length), *(rule.lark for rule in rules), *outs])
    if least > most or not possible(body):
        raise Unsatisfiable(
            clause.where("pattern", "format", "propertyNames", "not"),
            "leaves no text beside the lengths and other keywords that hold there.",
            "Relax one of them; a pattern cannot ask for control characters.",
        )  # fmt: skip
    return Fragment(builder.terminal(name, body), wide + 2, f"{least}–{most} characters, limited by the schema")


@dataclass(frozen=True)
class Rule:
    """A Lark expression that a quoted text must match; for the rest see `models.schema.pattern.Expression`."""

    lark: str
    shortest: int = 0
    longest: int | None = None
    width: int = 4
    states: int = 1


def matching(pattern: str, path: str) -> Rule:
    """The texts in which `pattern` occurs."""
    found = searched(pattern, path)
    return Rule(f"/{found.text}/", found.shortest, found.longest, found.width, found.states)


def _rules(clause: Clause) -> list[Rule]:
    found = []
    for name, _ in clause.said("format"):
        body = FORMATS[name].body.replace("/", r"\x2f")
        states = count_states(FORMATS[name].body, whole=True)
        found.append(Rule(f'/"(?:{body})"/', 0, FORMATS[name].longest, 1, states))
    found += [matching(pattern, layer.at("pattern")) for pattern, layer in clause.said("pattern")]
    for denied, layer in clause.said("not"):
        if "pattern" in denied:
            found.append(opposite(matching(denied["pattern"], layer.at("not", "pattern"))))
    return found


def opposite(rule: Rule) -> Rule:
    """The texts that `rule` does not admit."""
    return Rule(f"~{rule.lark}", states=rule.states)


@cache
def possible(body: str) -> bool:
    """Whether a terminal with this body matches anything."""
    matcher = LLMatcher(LLTokenizer("byte"), f"start: T\nT: {body}")
    return not matcher.is_error() and any(matcher.compute_bitmask()[:32])
