"""Conditions on metadata, as a person writes them: `lang = "en" and (year >= 2024 or not draft = true)`.

    condition := all ("or" all)*      all := each ("and" each)*      each := "not" each | "(" condition ")" | test
    test      := KEY COMPARISON VALUE | KEY ("contains" | "startswith") TEXT | KEY "in" "(" VALUE ("," VALUE)* ")"
    VALUE     := "text" | 'text' | 12 | -0.5 | true | false          KEY := a word, or `any text` between back quotes

Knows how a condition is read and what SQL says the same; the SQL is made of constant pieces, and every key and value is
a parameter of it. Knows nothing of searching. By hand: what the grammar needs is less than a parser library's tables,
and an error can say in one sentence what was expected where.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from index.errors import WhereError
from index.storage.facts import COMPARISONS, Sql, Value, one_of, tested

# Beyond these a condition is no one's handwriting, and would exhaust a stack, ours or SQLite's.
_MOST_TESTS = 500
_DEEPEST = 50

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)
    |(?P<number>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.-]))|(?P<sign><=|>=|!=|==|=|<|>|\(|\)|,)
    |(?P<word>[^\W\d][\w.-]*))""",
    re.VERBOSE,
)
_BOOLEANS = {"true": 1.0, "false": 0.0}
_TESTS = (*COMPARISONS, "contains", "startswith", "in")


@dataclass(frozen=True)
class Where:
    """A condition that was read. `Where("year >= 2024")` raises WhereError, which points at the mistake.

    A document without a key fits no test of it, `!=` and `not` apart. Text is compared exactly by `=`, `!=` and `in`,
    without regard to case (of ASCII letters) by `contains` and `startswith`, and in code point order by `<` and `>`,
    which is the order of dates in ISO 8601. `heading` is the passage's path of headings, `path` and `format` are its
    document's; all other keys are metadata.
    """

    text: str

    def __post_init__(self) -> None:
        self.sql()

    def sql(self) -> Sql:
        """An SQL expression about one row of `passages`, and its parameters (see `PassageTable.rows_where`)."""
        return _Reader(self.text.encode("utf-8", "replace").decode()).whole()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._cut()
        self._next = 0
        self._tests = 0
        self._deep = 0

    def _cut(self) -> list[_Token]:
        tokens, at, end = [], 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                if self._text[start] in "\"'`":
                    raise _mistake(self._text, start, "a quotation mark is never closed")
                raise _mistake(self._text, start, "a key, a value, a comparison, `and`, `or`, `not` or a bracket", "")
            kind = match.lastgroup
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return [*tokens, _Token("end", "", end)]

    def whole(self) -> Sql:
        found = self._either()
        if self._peek().kind != "end":
            self._expected("`and`, `or` or the end")
        return found

    def _either(self) -> Sql:
        return self._chain("or", self._all)

    def _all(self) -> Sql:
        return self._chain("and", self._each)

    def _chain(self, word: str, part: Callable[[], Sql]) -> Sql:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return f" {word.upper()} ".join(f"({sql})" for sql, _ in parts), tuple(v for _, values in parts for v in values)

    def _each(self) -> Sql:
        self._deep += 1
        if self._deep > _DEEPEST:
            raise _mistake(self._text, self._peek().at, f"no more than {_DEEPEST} brackets and `not` in each other", "")
        try:
            if self._takes("not"):
                sql, values = self._each()
                return f"NOT ({sql})", values
            if self._takes("("):
                inner = self._either()
                self._takes(")") or self._expected("`)`, `and` or `or`")
                return inner
            return self._test()
        finally:
            self._deep -= 1

    def _test(self) -> Sql:
        token = self._peek()
        if token.kind not in ("word", "quoted") or token.text.lower() in ("and", "or", "not", *_TESTS):
            self._expected("a key")
        self._tests += 1
        if self._tests > _MOST_TESTS:
            raise WhereError(
                f"The condition has more than {_MOST_TESTS} tests", "use `in (…)` for many values of a key"
            )
        self._next += 1
        key = token.text.strip("`")
        test = self._peek().text.lower().replace("==", "=")
        if self._peek().kind not in ("sign", "word") or test not in _TESTS:
            self._expected(", ".join(f"`{name}`" for name in _TESTS[:-1]) + f" or `{_TESTS[-1]}`")
        self._next += 1
        if test == "in":
            return one_of(key, self._values())
        at = self._peek().at
        value = self._value()
        if test in ("contains", "startswith") and not isinstance(value, str):
            raise _mistake(self._text, at, f"text in quotation marks after `{test}`", "")
        return tested(key, test, value)

    def _values(self) -> list[Value]:
        self._takes("(") or self._expected("`(`")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._takes(")") or self._expected("`,` or `)`")
        return values

    def _value(self) -> Value:
        token = self._peek()
        self._next += 1
        if token.kind == "text":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        if token.kind == "number":
            return float(token.text)
        if token.kind == "word" and token.text.lower() in _BOOLEANS:
            return _BOOLEANS[token.text.lower()]
        self._next -= 1
        hint = " (text needs quotation marks)" if token.kind in ("word", "quoted") else ""
        return self._expected(f"a value{hint}")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _takes(self, text: str) -> bool:
        token = self._peek()
        found = token.kind in ("word", "sign") and token.text.lower() == text
        self._next += found
        return found

    def _expected(self, what: str) -> NoReturn:
        raise _mistake(self._text, self._peek().at, what, "")


def _mistake(text: str, at: int, what: str, said: str | None = None) -> WhereError:
    """`said` None: `what` is the whole complaint; else `what` was expected."""
    found = text[at : at + 20]
    where = f"at character {at + 1}, before '{found}'" if found.strip() else "at its end"
    complaint = what if said is None else f"{what} is expected"
    return WhereError(f"The condition cannot be read {where}: {complaint}")
