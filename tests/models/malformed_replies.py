"""What models make of "answer in XML": replies, and the exact value or the words of the refusal that each must give."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from models import Contract, Quote, Said, Scratchpad
from models.engines.prompted.xml.form import described, place_of
from models.engines.prompted.xml_reply import longest_reply
from models.grammar.grammar import Grammar, compile_grammar


class Trip(Contract):
    destination: Said[str] = Field(description="Where to?")
    origin: Said[str] | None = Field(None, description="Where from?")
    note: str = Field(max_length=60)
    seats: int = Field(ge=1, le=9999)
    price: Decimal = Field(max_digits=9, decimal_places=2)
    kind: Literal["one way", "return"]
    day: date
    insured: bool
    tags: list[Annotated[str, Field(max_length=12)]] = Field(max_length=3)


class Leg(Contract):
    day: date
    city: str = Field(max_length=20)


class Route(Contract):
    name: str | None = Field(max_length=20)
    legs: list[Leg] = Field(max_length=3)
    home: Leg | None


class Move(Contract):
    new_day: date


class Ruling(Contract):
    thinking: Scratchpad
    allowed: bool
    quote: Quote


SAID = ["Two of us want to go to New Delhi, from São Paulo, for ₹15,000.", "Don't be late!"]
EVIDENCE = ['You may cancel "free" within 24 hours. After that it costs 50 %. Ask us.']
TRIP = compile_grammar(Trip, SAID)
ROUTE = compile_grammar(Route)
MOVE = compile_grammar(Move)
RULING = compile_grammar(Ruling, evidence=EVIDENCE)

FIELDS = {
    "destination": "New Delhi",
    "origin": "São Paulo",
    "note": "a note",
    "seats": "2",
    "price": "12.50",
    "kind": "return",
    "day": "2026-02-28",
    "insured": "true",
    "tags": "<item>a</item><item>b</item>",
}
VALUE = {
    "destination": "New Delhi",
    "origin": "São Paulo",
    "note": "a note",
    "seats": 2,
    "price": "12.50",
    "kind": "return",
    "day": "2026-02-28",
    "insured": True,
    "tags": ["a", "b"],
}


def body(**changed: str | None) -> str:
    """The tags of a good answer, some with another content, or left out."""
    fields = {**FIELDS, **changed}
    return "\n".join(f"<{tag}>{text}</{tag}>" for tag, text in fields.items() if text is not None)


def good(**changed: str | None) -> str:
    return f"<answer>\n{body(**changed)}\n</answer>"


def ruling(quote: str, allowed: str = "no", notes: str = "x") -> str:
    return f"<answer><thinking>{notes}</thinking><allowed>{allowed}</allowed><quote>{quote}</quote></answer>"


def route(legs: str, home: str = "<home>null</home>") -> str:
    return f"<answer><name>x</name><legs>{legs}</legs>{home}</answer>"


def value(**changed: Any) -> dict[str, Any]:
    return {**VALUE, **changed}


def case(name: str, reply: str, expected: dict[str, Any] | str, grammar: Grammar = TRIP) -> Any:
    """`expected`: the value, or words of the refusal."""
    return pytest.param(reply, expected, grammar, id=name)


OTHER = good(note="the first draft", seats="9")
LEG = "<day>2026-01-01</day><city>Goa</city>"
GOA = {"day": "2026-01-01", "city": "Goa"}

AROUND = [
    case("nothing wrong", good(), value()),
    case("prose before and after", f"Sure! Here it is:\n{good()}\nHave a nice trip!", value()),
    case("a code fence", f"```xml\n{good()}\n```", value()),
    case("an XML declaration", f'<?xml version="1.0"?>\n{good()}', value()),
    case("a byte order mark", f"\ufeff{good()}", value()),
    case("carriage returns", good().replace("\n", "\r\n"), value()),
    case("an upper-case answer", f"<ANSWER>{body()}</ANSWER>", value()),
    case("tags in the wrong case", good().replace("destination>", "Destination>").replace("seats>", "SEATS>"), value()),
    case("attributes on the answer", good().replace("<answer>", '<answer lang="en">'), value()),
    case("another wrapper", f"<response>{body()}</response>", value()),
    case("a wrapper around the answer", f"<result><answer>{body()}</answer></result>", value()),
    case("a wrapper inside the answer", f"<answer><trip>{body()}</trip></answer>", value()),
    case("the contract's name as the wrapper", f"<Trip>{body()}</Trip>", value()),
    case("no wrapper", body(), value()),
    case("no wrapper and a tag missing", body(origin=None), "origin"),
    case("no closing tag of the answer", f"<answer>{body()}", value()),
    case("no opening tag of the answer", f"{body()}</answer>", value()),
    case("two answers: the last one counts", f"{OTHER}\nNo, wait.\n{good()}", value()),
    case(
        "the last of two answers is cut", f"{OTHER}\n<answer><destination>New", value(note="the first draft", seats=9)
    ),
    case("the last of two answers lacks a tag", f"{OTHER}{good(note=None)}", value(note="the first draft", seats=9)),
    case("the last of two answers is wrong: the first is outdated", f"{OTHER}{good(seats='0')}", "seats: “0”"),
    case("an answer mentioned in the prose", f"I put it into <answer> tags: {good()} The <answer> is above.", value()),
    case("the instructions quoted first", f"{described(TRIP, place_of(Trip))}\n{good()}", value()),
    case("nothing but the instructions", described(TRIP, place_of(Trip)), "The form was repeated"),
    case("thoughts before the answer", f"<thinking>Is it <b>?</thinking>{good()}", value()),
    case("a draft inside the thoughts only", f"<thinking>{good()}</thinking>", "holds no answer"),
    case("a draft inside the thoughts", f"<think>{OTHER}</think>{good()}", value()),
    case("thoughts that were never opened", f"so {OTHER} or not</think>{good()}", value()),
    case("thoughts that were never closed", f"<think>It is plain. {good()}", value()),
    case("an empty reply", "", "holds no answer"),
    case("white space", " \n\t\r\n ", "holds no answer"),
    case("prose only", "I cannot help with that.", "holds no answer"),
    case("an empty answer", "<answer></answer>", "destination: the tag <destination> is missing"),
    case("prose in the answer", "<answer>I don't know.</answer>", "holds no answer"),
    case("control characters around", f"\x00\x07{good()}\x1b[0m", value()),
    case("too long", "x" * (longest_reply(TRIP) + 1), "The reply has"),
]

TAGS = [
    case("a closing tag missing", good().replace("</note>", ""), value()),
    case(
        "all closing tags missing",
        good().replace("</note>", "").replace("</seats>", "").replace("</kind>", ""),
        value(),
    ),
    case("crossed tags", good(note=None, seats="<note>a note</seats><seats>2</note>"), value()),
    case("a misspelt closing tag", good().replace("</note>", "</nte>"), value()),
    case("the next tag's closing tag", good().replace("</note>", "</seats>"), value()),
    case("space in a closing tag", good().replace("</note>", "</ note >"), value()),
    case("a closing tag twice", good().replace("</note>", "</note></note>"), value()),
    case("cut inside a text", good().split("ote</note>")[0], "note: the reply ends inside this tag"),
    case("cut inside a tag", good()[: good().index("</seats>") + 4], "seats: the reply ends inside this tag"),
    case("cut between tags", good()[: good().index("<price>")], "price: the tag <price> is missing"),
    case("cut inside a list", good()[: good().index("<item>b")], "tags: the reply ends inside this tag"),
    case("a tag missing", good(seats=None), "seats: the tag <seats> is missing"),
    case("a tag missing that may be null", good(origin=None), value(origin=None)),
    case("an unknown tag", good().replace("<note>", "<mood>happy</mood><note>"), value()),
    case("an unknown empty tag", good().replace("<note>", "<br/><note>"), value()),
    case("tags in another order", f"<answer>{''.join(reversed(body().splitlines()))}</answer>", value()),
    case("a field twice: the last one counts", good().replace("<note>", "<note>draft</note><note>", 1), value()),
    case(
        "attributes instead of tags",
        f'<answer destination="New Delhi" note="a note">{body(destination=None, note=None)}</answer>',
        value(),
    ),
    case("a value attribute", good().replace("<seats>2</seats>", '<seats value="2"/>'), value()),
    case("unquoted attributes", good().replace("<seats>", "<seats unit=seats>"), value()),
    case("comments", good(seats="<!-- two --> 2 <!-- </seats> -->"), value()),
    case("a comment that never ends", good(note="a note <!-- sic"), value(note="a note <!-- sic")),
    case("processing instructions", good(seats="<?php echo 1 ?>2"), value()),
    case(
        "a hyphen for an underscore", "<answer><new-day>2026-01-01</new-day></answer>", {"new_day": "2026-01-01"}, MOVE
    ),
    case("a field's tag inside a text", good(note="use the <seats> tag"), value(note="use the <seats> tag")),
    case("a field with tags inside a text", good(note="<kind>x</kind>"), value(note="<kind>x</kind>")),
    case("the answer's tag inside a text", good(note="in <answer> it is"), value(note="in <answer> it is")),
]

TEXTS = [
    case("an unescaped ampersand", good(note="bed & breakfast, AT&T"), value(note="bed & breakfast, AT&T")),
    case("an unescaped less-than", good(note="1 < 2 <3 a<b"), value(note="1 < 2 <3 a<b")),
    case("markup inside a text", good(note="<b>very</b> late"), value(note="<b>very</b> late")),
    case("entities", good(note="&lt;b&gt; &amp;amp; &quot;&apos;"), value(note="<b> &amp; \"'")),
    case("numeric entities", good(note="&#65;&#x42; &#128512;"), value(note="AB 😀")),
    case("entities of HTML", good(note="caf&eacute;"), value(note="café")),
    case("an entity that nobody knows", good(note="&nosuch;"), value(note="&nosuch;")),
    case("entities of no character", good(note="&#xD800;&#99999999;"), value(note="&#xD800;&#99999999;")),
    case("CDATA", good(note="<![CDATA[1 < 2 & <seats>3</seats>]]>"), value(note="1 < 2 & <seats>3</seats>")),
    case("CDATA that never ends", good(note="<![CDATA[x"), value(note="<![CDATA[x")),
    case("space is part of a text", good(note=" a note "), value(note=" a note ")),
    case("lines around a text", good(note="\n   a note\n  "), value()),
    case("a line inside a text", good(note="two\n   lines"), value(note="two\nlines")),
    case("control characters", good(note="a\x00 n\x07ote"), value()),
    case("an empty text", good(note=""), value(note="")),
    case("an empty tag", good().replace("<note>a note</note>", "<note/>"), value(note="")),
    case("a text that says null", good(note="null"), value(note="null")),
    case("too long a text", good(note="x" * 61), "note: “xxx"),
    case("a quoted text stays as it is", good(note='"a note"'), value(note='"a note"')),
]

VALUES = [
    case("null as an attribute", good().replace("<origin>São Paulo</origin>", '<origin null="true"/>'),
         value(origin=None)),
    case("null as a word", good(origin="null"), value(origin=None)),
    case("none as a word", good(origin="None"), value(origin=None)),
    case("null as nothing", good(origin=""), value(origin=None)),
    case("null where something must be", good(destination="null"), "destination: “null” does not fit"),
    case("yes", good(insured="Yes"), value()),
    case("no", good(insured="no."), value(insured=False)),
    case("perhaps", good(insured="maybe"), "insured: “maybe” does not fit (true or false)"),
    case("thousands with a comma", good(seats="1,234"), value(seats=1234)),
    case("thousands with a point are a fraction", good(seats="1.234"), "seats: “1.234”"),
    case("a thousandth or a thousand", good(price="1,234"), "price: “1,234”"),
    case("thousands and cents", good(price="$1,234.50"), value(price="1234.50")),
    case("thousands and cents in Europe", good(price="1.234,50 €"), value(price="1234.50")),
    case("lakhs", good(price="₹1,23,456.5"), value(price="123456.5")),
    case("a currency's code", good(price="EUR 12.50"), value()),
    case("two numbers", good(price="12 or 13"), "price: “12 or 13”"),
    case("a percentage", good(seats="5%"), "seats: “5%”"),
    case("a number in words", good(seats="two"), "seats: “two”"),
    case("a number with a sign and zeros", good(seats="+02"), value()),
    case("a whole number with a point", good(seats="2.0"), value()),
    case("a number in quotes", good(seats='"2"'), "seats"),
    case("an exponent that fits nowhere", good(price="1e999999999"), "price: “1e999999999”"),
    case("infinity", good(price="Infinity"), "price: “Infinity”"),
    case("too large a number", good(seats="10000"), "seats: “10000” does not fit"),
    case("a date in words", good(day="28 February"), "day: “28 February” does not fit (a date as YYYY-MM-DD)"),
    case("a date by the American calendar", good(day="02/28/2026"), "day: “02/28/2026”"),
    case("a day that does not exist", good(day="2026-02-29"), "day: “2026-02-29”"),
    case("space around a date", good(day=" 2026-02-28\n"), value()),
    case("a choice in another case", good(kind="One-Way."), value(kind="one way")),
    case("a choice in quotes", good(kind='"return"'), value()),
    case("no choice at all", good(kind="both"), "kind: “both” does not fit (one of: one way | return)"),
    case("a date in bold", good(day="<b>2026-02-28</b>"), value()),
]  # fmt: skip

LISTS = [
    case("an empty list", good(tags=""), value(tags=[])),
    case("items without closing tags", good(tags="<item>a<item>b"), value()),
    case("items by another name", good(tags="<tag>a</tag><tag>b</tag>"), value()),
    case("a list around the items", good(tags="<list><item>a</item><item>b</item></list>"), value()),
    case("the list's tag for each item", good(tags="a</tags><tags>b"), value()),
    case("too many items", good(tags="<item>a</item>" * 4), "tags: it holds more than the 3 that fit"),
    case("a list as a text", good(tags="a, b"), "tags: there are no tags inside"),
    case("a list as JSON", good(tags='["a", "b"]'), value()),
    case("records in a list", route(f"<item>{LEG}</item>", f"<home>{LEG}</home>"),
         {"name": "x", "legs": [GOA], "home": GOA}, ROUTE),
    case("no record", f'<answer><name null="true"/><legs><item>{LEG}</item></legs><home>null</home></answer>',
         {"name": None, "legs": [GOA], "home": None}, ROUTE),
    case("an inner closing tag missing", route(f"<item>{LEG}<item>{LEG}</item>", "<home/>"),
         {"name": "x", "legs": [GOA, GOA], "home": None}, ROUTE),
    case("an inner value wrong", route("<item><day>soon</day><city>Goa</city></item>"),
         "legs/item/day: “soon”", ROUTE),
    case("an inner tag missing", route("<item><city>Goa</city></item>"),
         "legs/item/day: the tag <day> is missing", ROUTE),
    case("JSON in the answer", f"<answer>{json.dumps(VALUE)}</answer>", value()),
    case("JSON in a fence in the answer", f"<answer>\n```json\n{json.dumps(VALUE, indent=2)}\n```\n</answer>", value()),
    case("JSON instead of the answer", json.dumps(VALUE), value()),
    case("JSON with tags in a text", f"<answer>{json.dumps(value(note='<seats>'))}</answer>", value(note="<seats>")),
    case("JSON with a number in quotes", f"<answer>{json.dumps(value(seats='2'))}</answer>", value()),
    case("half an object of JSON", f"<answer>{json.dumps(VALUE)[:-20]}</answer>", "what stands there is no JSON"),
    case("JSON that lacks a field", "<answer>{}</answer>", "destination: the tag <destination> is missing"),
    case("JSON with half a surrogate", f"<answer>{json.dumps(value(note='X'))}</answer>".replace("X", "\\ud800"),
         value(note="")),
]  # fmt: skip

COPIES = [
    case("a copy in another case", good(destination="new delhi"), value()),
    case("a copy with other punctuation", good(destination="“New-Delhi”!"), value()),
    case("a copy with other space", good(destination="New\n  Delhi"), value()),
    case("a copy in another normal form", good(origin="Sa\u0303o Paulo"), value()),
    case("a copy of a number with its sign", good(destination="15,000"), value(destination="₹15,000")),
    case("a copy of words that nobody said", good(destination="Mumbai"), "destination: “Mumbai”"),
    case("a copy of half a word", good(destination="Del"), "destination: “Del”"),
    case("a copy with a word left out", good(destination="go New Delhi"), "destination: “go New Delhi”"),
    case("a copy across two messages", good(destination="15,000 Don't"), "destination"),
    case("a sentence of the evidence", ruling("Ask us.", "yes"),
         {"thinking": "x", "allowed": True, "quote": "Ask us."}, RULING),
    case("two sentences in other quotes", ruling("After that, it costs 50%. Ask us"),
         {"thinking": "x", "allowed": False, "quote": "After that it costs 50 %. Ask us."}, RULING),
    case("half a sentence", ruling("it costs 50 %"),
         "quote: “it costs 50 %” does not fit (copy one to three whole sentences of the evidence", RULING),
    case("notes that are too long", ruling("Ask us.", notes="n" * 500),
         {"thinking": "n" * 80, "allowed": False, "quote": "Ask us."}, RULING),
]  # fmt: skip

HOSTILE = [
    case("a DOCTYPE with entities", f'<!DOCTYPE a [<!ENTITY e "x">]>{good(note="&e;")}', value(note="&e;")),
    case("a billion laughs", f'<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c "&b;">]>{good(note="&c;")}',
         value(note="&c;")),
    case("a file from outside", f'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>{good(note="&e;")}',
         value(note="&e;")),
    case("a thousand tags deep", "<answer>" + "<legs><item>" * 1000, "holds no answer", TRIP),
    case("a thousand lists deep", f"<answer>{'[' * 5000}</answer>", "holds no answer", TRIP),
    case("a thousand objects deep", "<answer>" + '{"legs":[' * 5000 + "</answer>", "is no JSON", ROUTE),
    case("comments without an end", "<!--" * 16_000, "holds no answer"),
    case("quotes without an end", "<answer " + "a='" * 20_000, "holds no answer"),
    case("answers without an end", "<answer>" * 8_000, "holds no answer"),
    case("thoughts without an end", "<think>" * 9_000, "holds no answer"),
]  # fmt: skip

CASES = [*AROUND, *TAGS, *TEXTS, *VALUES, *LISTS, *COPIES, *HOSTILE]
