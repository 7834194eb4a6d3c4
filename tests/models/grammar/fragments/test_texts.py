from __future__ import annotations

import json
import re
from random import Random
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llguidance import LLTokenizer
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, create_model
from random_walk import admits, random_walk

from models import Contract, ContractError, Scratchpad
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")
CONTROLS = "\b\t\n\f\r"


def one(**limits: Any) -> type[Contract]:
    fields: Any = {"t": (Annotated[str, StringConstraints(**limits)], ...)}
    return create_model("One", __base__=Contract, **fields)


def written(text: str) -> str:
    return json.dumps({"t": text}, separators=(",", ":"), ensure_ascii=False)


def hold(contract: type[Contract], count: int) -> list[str]:
    """What random tokens write: all of it valid, within budget, and kept by Pydantic as it reads after one round."""
    grammar = compile_grammar(contract)
    texts = []
    for seed in range(count):
        text, _ = random_walk(grammar, BYTES, Random(seed))
        value = contract.model_validate_json(text)
        assert contract.model_validate_json(value.model_dump_json()) == value
        assert len(text.encode()) < grammar.max_tokens
        texts.append(json.loads(text)["t"])
    return texts


def longest(contract: type[Contract]) -> int:
    """Bytes that the text may have, without its quotes."""
    return compile_grammar(contract).max_tokens - len(written("")) - 1


SPACES = "".join(map(chr, (0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)))


@settings(max_examples=60, deadline=None)
@given(
    least=st.integers(0, 6),
    room=st.integers(0, 6),
    flags=st.sets(st.sampled_from(["strip_whitespace", "to_lower", "to_upper", "ascii_only"])),
    seed=st.integers(0, 2**32),
)
def test_every_admitted_text_is_valid(least: int, room: int, flags: set[str], seed: int) -> None:
    limits: Any = dict.fromkeys(flags, True)
    contract = one(min_length=least, max_length=least + room, **limits)
    text, _ = random_walk(compile_grammar(contract), BYTES, Random(seed))
    value = contract.model_validate_json(text)
    assert contract.model_validate_json(value.model_dump_json()) == value


@pytest.mark.parametrize("space", SPACES)
def test_white_space_at_the_edges_does_not_count(space: str) -> None:
    contract = one(strip_whitespace=True, min_length=2, max_length=4)
    grammar = compile_grammar(contract)
    for text in (f"a{space}", f"{space}a", space * 2, f"{space}a{space}", f"{space * 2}a"):
        with pytest.raises(ValidationError):
            contract.model_validate_json(written(text))
        assert not admits(grammar, BYTES, written(text)), text
    for text in ("ab", f"a{space}b", f"a{space}bc", "abc", "abcd", f"ab{space}"):
        assert admits(grammar, BYTES, written(text)), text


def test_a_trimmed_text_may_be_one_character_or_none() -> None:
    single = compile_grammar(one(strip_whitespace=True, min_length=1, max_length=1))
    assert [admits(single, BYTES, written(text)) for text in ("a", " ", "", "ab")] == [True, False, False, False]
    assert admits(compile_grammar(one(strip_whitespace=True, max_length=3)), BYTES, written(" a "))


@pytest.mark.parametrize(("option", "kept", "changed"), [("to_lower", "aß1é", "AİÉǅ"), ("to_upper", "AİÉ1", "aßéǆﬁ")])
def test_only_characters_that_keep_their_case_are_admitted(option: str, kept: str, changed: str) -> None:
    limits: Any = {option: True}
    contract = one(max_length=2, **limits)
    grammar = compile_grammar(contract)
    for character in kept + changed:
        assert admits(grammar, BYTES, written(character)) is (character in kept), character
    for text in hold(contract, 40):
        assert getattr(text, option[3:])() == text


def test_a_text_may_hold_quotes_backslashes_and_line_breaks_as_json_escapes_them() -> None:
    grammar = compile_grammar(one(max_length=3))
    for text in ('{"t":"\\"\\\\a"}', written("\n\t\r"), written("\b\fx")):
        assert admits(grammar, BYTES, text), text
    for text in (
        '{"t":"\n"}',
        '{"t":"\\u0041"}',
        '{"t":"\\u0000"}',
        '{"t":"\x7f"}',
        '{"t":"\\n\\n\\n\\n"}',
        '{"t":"\\N"}',
    ):
        assert not admits(grammar, BYTES, text), text


def test_a_letter_of_several_paragraphs_can_be_written() -> None:
    letter = 'Dear Ms Lind,\n\nshe said "yes".\n\t- one\n\t- two\n'
    for limits in (
        {},
        {"pattern": r"^[\s\S]+$"},
        {"pattern": r"^Dear [^!]*$"},
        {"pattern": "(?i)^dear [^!]*$"},
        {"pattern": "Lind"},
    ):
        assert admits(compile_grammar(one(max_length=200, **limits)), BYTES, written(letter)), limits
    assert not admits(compile_grammar(one(max_length=200, pattern="^.*$")), BYTES, written(letter))
    assert admits(compile_grammar(one(max_length=200, pattern="^.*$")), BYTES, written("a\tb"))


def test_a_line_break_at_an_edge_is_white_space_that_is_trimmed() -> None:
    contract = one(strip_whitespace=True, min_length=2, max_length=4)
    grammar = compile_grammar(contract)
    for text in ("a\n", "\ta", "\r\na", "\n\n"):
        with pytest.raises(ValidationError):
            contract.model_validate_json(written(text))
        assert not admits(grammar, BYTES, written(text)), text
    assert admits(grammar, BYTES, written("a\nb"))
    trimmed = compile_grammar(one(strip_whitespace=True, pattern=r"^[\s\S]*$"))
    assert not admits(trimmed, BYTES, written("\na"))
    assert not admits(trimmed, BYTES, written("a\n"))


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        (r"^\S$", "\b"),
        (r"^\D$", CONTROLS),
        (r"^\W$", CONTROLS),
        (r"^[^a]$", CONTROLS),
        (r"^[^\s]$", "\b"),
        (r"^[^\S]$", "\t\n\f\r"),
        (r"^[\S\n]$", "\b\n"),
        (r"^[^\p{L}]$", ""),
        (r"^[\t-\n]$", "\t\n"),
        (r"^\w$", ""),
        (r"^.$", "\b\t\f\r"),
        (r"^\r$", "\r"),
        (r"^(?i:\n|N)$", "\n"),
    ],
)
def test_a_class_holds_the_control_characters_that_are_in_it(pattern: str, held: str) -> None:
    contract = one(pattern=pattern)
    grammar = compile_grammar(contract)
    for character in CONTROLS:
        admitted = admits(grammar, BYTES, written(character))
        assert admitted is (character in held), repr(character)
        if admitted:
            contract.model_validate_json(written(character))
    assert not admits(grammar, BYTES, '{"t":"\\N"}')


def test_a_text_has_256_characters_at_most_unless_it_says_otherwise() -> None:
    grammar = compile_grammar(create_model("One", __base__=Contract, t=(str, ...)))
    assert admits(grammar, BYTES, written("😀" * 256))
    assert not admits(grammar, BYTES, written("a" * 257))
    assert longest(one(min_length=300)) == 1200


def test_a_scratchpad_takes_any_character_and_less_room_where_there_is_less() -> None:
    contract = create_model("One", __base__=Contract, t=(Scratchpad, ...))
    assert admits(compile_grammar(contract), BYTES, written("😀" * 80))
    assert not admits(compile_grammar(contract, scratchpad=9), BYTES, written("a" * 10))


def test_a_scratchpad_is_one_line() -> None:
    contract = create_model("One", __base__=Contract, t=(Scratchpad, ...), u=(str, ...))
    assert admits(compile_grammar(contract), BYTES, '{"t":"a","u":"a\\nb"}')
    assert not admits(compile_grammar(contract), BYTES, '{"t":"a\\nb","u":"a"}')


PATTERNS: list[tuple[Any, dict[str, Any], str, str]] = [
    # pattern, limits, texts that are admitted, texts that are not (both with | between them)
    (r"^[A-Z]{3}-\d{4}$", {}, "ABC-1234", "ABC-12345|abc-1234|ABC-123|xABC-1234"),
    (r"foo", {}, "foo|a foo b|foofoo", "fo|FOO"),
    (r"foo", {"max_length": 5}, "foo|afoo|afoob", "afoobc|fo"),
    (r"^ab|cd$", {"max_length": 4}, "ab|abxx|xxcd|cd|abcd", "xab|cdx|abxxx"),
    (r"\Aab\z", {}, "ab", "abc|xab"),
    (r"^(?:^a|b$)", {"max_length": 3}, "a|axx|b", "xa|bx|xb"),
    (r"(^a$)", {}, "a", "aa"),
    (r"^\w+$", {"max_length": 4}, "é_1Z|हिन्", "a b|a-b|abcde"),
    (r"^\d\s\S$", {}, "1 a|1 é", "1a|12 a|1  "),
    (r"^[\d.]+$", {"max_length": 4}, "1.5|1234", "1,5|12345"),
    (r"^[^\d]$", {}, "a|é", "1|٣"),
    (r"^[^a-c\"]*$", {"max_length": 3}, "xyz||😀\\", 'b|"|xyzx'),
    (r"^\"\\$", {}, '"\\', '"|\\'),
    (r"^.$", {}, 'a|é|😀|"|\\', "ab|\n"),
    (r"^[\w--\d]{2}$", {}, "ab|_é", "a1|12"),
    (r"^[[:upper:]&&[^X]]$", {}, "A", "X|a"),
    (r"^\p{Greek}\pN$", {}, "α1|Ω٣", "a1|α"),
    (r"(?i)^abc|d$", {"max_length": 4}, "ABC|aBcx|xxxD", "xabc"),
    (r"^(?i:k)x$", {}, "kx|Kx|\u212ax", "kX"),
    (r"^(?P<y>\d{4})(?:-(0[1-9]|1[0-2]))?$", {}, "2024|2024-12", "2024-13|2024-"),
    (r"^a+?b*?c??$", {"max_length": 4}, "a|aabc|abbb", "b|aabbc"),
    (r"^(ab|c){2,3}$", {}, "abab|cc|abcab", "ab|cccc"),
    (r"^[^@]+@[^@]+\.[a-z]{2,}$", {"max_length": 12}, "a@b.co|me@x.y.org", "a@b|@b.co|me@longer.y.org"),
    (r"^a*$", {"min_length": 2, "max_length": 3}, "aa|aaa", "a|aaaa|"),
    (r"^\x41\u0042\u{43}\.\/$", {}, "ABC./", "ABC.|ABCx/"),
    (r"", {"max_length": 2}, "|a|ab", "abc"),
    (r"^$", {}, "", "a"),
    (r"^a{300}$", {}, "a" * 300, "a" * 299),
    (r"^ ?a+ ?$", {"strip_whitespace": True, "max_length": 4}, "a|aaaa", " a|a "),
    (r"^[A-Za-z]+$", {"to_lower": True, "max_length": 4}, "abc", "Abc"),
    (re.compile(r"^\w+\Z"), {"max_length": 3}, "ab_|A1", "é|a-|abcd"),
    (re.compile(r"a$"), {"max_length": 2}, "a|xa", "ax|a\n"),
    (re.compile(r"^a{,2}\S$"), {}, "aaé|b", "aaab"),
]


@pytest.mark.parametrize(("pattern", "limits", "inside", "outside"), PATTERNS)
def test_a_pattern_is_enforced(pattern: Any, limits: dict[str, Any], inside: str, outside: str) -> None:
    contract = one(pattern=pattern, **limits)
    grammar = compile_grammar(contract)
    for text in inside.split("|"):
        contract.model_validate_json(written(text))
        assert admits(grammar, BYTES, written(text)), text
    for text in outside.split("|") if outside else []:
        assert not admits(grammar, BYTES, written(text)), text
    hold(contract, 25)


def test_a_pattern_may_come_with_the_field_and_from_a_compiled_expression() -> None:
    fields: Any = {
        "t": (str, Field(pattern=re.compile("^[ab]{2}$"), max_length=2)),
        "u": (str | None, Field(pattern="^c$")),
    }
    grammar = compile_grammar(create_model("Two", __base__=Contract, **fields))
    assert admits(grammar, BYTES, '{"t":"ba","u":"c"}')
    assert admits(grammar, BYTES, '{"t":"ba","u":null}')
    assert not admits(grammar, BYTES, '{"t":"ca","u":"c"}')


ATOMS = st.sampled_from(
    [
        "a",
        "[a-c]",
        "[^b]",
        ".",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        r"\W",
        r"\D",
        "é",
        r"\.",
        '"',
        r"\\",
        "(a|bc)",
        "(?:d|)",
        "[x-z_]",
    ]
)
TIMES = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])
ROWS = st.lists(st.tuples(ATOMS, TIMES).map("".join), min_size=1, max_size=4).map("".join)


@settings(max_examples=100, deadline=None)
@given(
    row=st.tuples(st.sampled_from(["", "^"]), ROWS, st.sampled_from(["", "$"])).map("".join),
    other=st.none() | ROWS,
    compiled=st.booleans(),
    limits=st.tuples(st.integers(0, 4), st.none() | st.integers(4, 12)),
    trimmed=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_what_any_pattern_admits_is_valid(
    row: str, other: str | None, compiled: bool, limits: tuple[int, int | None], trimmed: bool, seed: int
) -> None:
    pattern: Any = row if other is None else f"{row}|{other}"
    try:
        contract = one(
            pattern=re.compile(pattern) if compiled else pattern,
            min_length=limits[0],
            max_length=limits[1],
            strip_whitespace=trimmed,
        )
    except ContractError as error:
        if not re.search("no text that matches|too long to follow", str(error)):
            raise
        return
    grammar = compile_grammar(contract)
    text, _ = random_walk(grammar, BYTES, Random(seed))
    value = contract.model_validate_json(text)
    assert contract.model_validate_json(value.model_dump_json()) == value


@settings(max_examples=100, deadline=None)
@given(row=ROWS, text=st.text("abcdxyz_1 ", max_size=6))
def test_texts_of_ascii_that_match_are_admitted(row: str, text: str) -> None:
    pattern = f"^{row}$"
    try:
        grammar = compile_grammar(one(pattern=pattern, max_length=6))
    except ContractError:
        return
    valid = TypeAdapter(Annotated[str, Field(pattern=pattern)]).validator.isinstance_python(text)
    if not valid or not grammar.tightened:
        assert admits(grammar, BYTES, written(text)) == valid


@pytest.mark.parametrize("limits", [{}, {"max_length": 60}])
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\w+ \w+$", "Zoë Ōta"),
        (r"^[\w.-]+@[\w-]+\.\w+$", "jo-ann.k@example.org"),
        (r"^[\w\s]+, [\w\s]+$", "São Paulo, Brasil"),
    ],
)
def test_several_parts_of_many_letters_share_the_room(pattern: str, text: str, limits: dict[str, Any]) -> None:
    grammar = compile_grammar(one(pattern=pattern, **limits))
    assert admits(grammar, BYTES, written(text))
    assert "a like number in each part" in grammar.tightened[0]
    for seed in range(10):
        walked, _ = random_walk(grammar, BYTES, Random(seed))
        one(pattern=pattern, **limits).model_validate_json(walked)


@pytest.mark.parametrize("pattern", [r"^\w$", r"^[\w]$", re.compile(r"^\w$")])
def test_the_letters_admitted_are_letters_to_pydantic(pattern: Any) -> None:
    valid = TypeAdapter(Annotated[str, Field(pattern=pattern)]).validator.isinstance_python
    terminal = compile_grammar(one(pattern=pattern)).lark.partition("PATTERN: ")[2]
    admitted = [c for c in map(chr, range(0x20, 0x10000)) if re.fullmatch(_as_python(terminal), f'"{c}"')]
    assert all(map(valid, admitted))
    assert {"a", "Z", "0", "_"} <= set(admitted)


def _as_python(terminal: str) -> str:
    return re.sub(r"\\x\{(\w+)\}", lambda found: f"\\U{int(found[1], 16):08X}", terminal.strip("/"))


def test_a_pattern_costs_the_bytes_that_it_needs() -> None:
    assert longest(one(pattern=r"^[A-Z]{3}-\d{4}$")) == 8
    assert longest(one(pattern=r"^[a-z]+$", max_length=20)) == 20
    assert longest(one(pattern=r"^[a-z]+$")) == 256
    assert longest(one(pattern=r"^\w{5}$")) == 15
    assert longest(one(pattern=re.compile(r"^\w{5}$"))) == 5
    assert longest(one(pattern=r'^"x$')) == 3
    assert longest(one(pattern="x", max_length=10)) == 40


@pytest.mark.parametrize(
    ("pattern", "limits", "advice"),
    [
        ("a^b", {}, r"One\.t has a pattern with \^ in the middle, .*Move \^ to the start of the pattern"),
        ("(?:^|,)b", {}, r"Move \^ to the start"),
        ("a$b", {}, r"\$ in the middle, .*Move \$ to the end of the pattern"),
        ("(a$|b)c", {}, r"Move \$ to the end"),
        ("(?m)^a$", {}, r"the flag \(\?m\), .*only \(\?i\) and \(\?s\) can be followed"),
        ("(?x) a b", {}, r"the flag \(\?x\), .*Leave it out"),
        ("(?-u:a)", {}, r"the flag \(\?-u\)"),
        ("a(?i)b", {}, r"\(\?i\) in the middle, .*Write \(\?i:…\) around what it is for"),
        ("a{2}{3}", {}, r"\{3\} after another repetition, .*Put the inner one in"),
        ("^.{0,200}[^b].{0,200}[^c].{0,200}$", {}, r"takes llguidance too long to follow\. Anchor it with \^ and \$"),
        (re.compile(r"(a)\1"), {}, r"the back reference \\1, .*Repeat the group itself"),
        (re.compile("a++b"), {}, r"\+ after another repetition"),
        (re.compile("a", re.IGNORECASE), {}, r"flags, .*give it as text with \(\?i\) in front"),
        (re.compile(r"[\[a&]"), {"max_length": 0}, r"no text that matches its pattern"),
        (re.compile(r"[^\W]"), {}, r"\\W in \[\^…\], .*Write \\w"),
        ("^a{5}$", {"max_length": 4}, r"One\.t has no text that matches its pattern.*Check its lengths"),
        ("^a$", {"min_length": 2}, r"no text that matches"),
        ("^\\v$", {}, r"no text that matches .*control characters other than .* never"),
        ("^[A-Z]+$", {"to_lower": True}, r"no text that matches"),
        ("^ +$", {"strip_whitespace": True}, r"no text that matches"),
        ("a", {"min_length": 3, "max_length": 2}, r"at least 3 and at most 2"),
    ],
)
def test_a_pattern_that_cannot_be_enforced_is_refused_with_advice(
    pattern: Any, limits: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ContractError, match=advice):
        one(pattern=pattern, **limits)
