"""Annotations as people write them, in models that were written for something else."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, MutableMapping, MutableSequence, MutableSet, Sequence
from dataclasses import InitVar, dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from pathlib import Path
from random import Random
from typing import Annotated, Any, Generic, List, Literal, NamedTuple, NewType, NotRequired, Optional, Self, TypeVar  # noqa: UP035

import pytest
from annotated_types import Ge, Predicate, Unit
from llguidance import LLTokenizer
from pydantic import (
    AnyWebsocketUrl,
    BaseModel,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    FileUrl,
    GetCoreSchemaHandler,
    InstanceOf,
    JsonValue,
    MongoDsn,
    PastDate,
    PlainSerializer,
    PostgresDsn,
    RootModel,
    SkipValidation,
    Tag,
    WithJsonSchema,
    create_model,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema
from random_walk import admits
from typing_extensions import TypeAliasType, TypedDict

from models import Contract, ContractError
from models.bench.proof.attack import attack
from models.grammar.grammar import compile_grammar

BYTES = LLTokenizer("byte")
T = TypeVar("T")
B = TypeVar("B", bound=int)

Number = TypeAliasType("Number", Annotated[int, Field(ge=1, le=5)])
Pairs = TypeAliasType("Pairs", list[tuple[T, T]], type_params=(T,))
Nest = TypeAliasType("Nest", "list[Nest] | dict[str, Nest] | int")
Key = NewType("Key", str)


class Place(NamedTuple):
    row: int
    name: str = "a"


class Line(NamedTuple):
    number: int
    after: Optional[Line] = None  # noqa: UP045


class Link(RootModel["list[Link] | int"]):
    pass


class Cat(BaseModel):
    kind: str = "cat"


class Dog(BaseModel):
    kind: str = "dog"
    size: int


class Node(BaseModel, Generic[T]):
    value: T
    more: list[Node[T]] = []


class Chain(BaseModel):
    then: Optional[Self] = None  # noqa: UP045


@dataclass
class Boxed(Generic[T]):
    item: T


class Told(TypedDict, Generic[T]):
    item: NotRequired[T]


class Code(str):
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(max_length=3))


class Share(float):
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        plain = core_schema.union_schema([core_schema.is_instance_schema(cls), core_schema.float_schema(ge=0, le=1)])
        return core_schema.no_info_before_validator_function(lambda value: value, plain)


PROVEN: list[tuple[Any, str]] = [
    (Number, "5"),
    (Pairs[bool], "[[true,false]]"),
    (Nest, '[{"a":[[4]]},5]'),
    (Nest | None, "null"),
    (list[Number], "[1]"),
    (JsonValue, '{"a":[1.5,null]}'),
    (Key, '"a"'),
    (B, "7"),
    (T, '{"a":1}'),
    (list, '[1,"a",{"b":[]}]'),
    (List, "[null]"),  # noqa: UP006
    (tuple, "[1,true]"),
    (deque[int], "[1,2]"),
    (MutableSequence[int], "[1]"),
    (Sequence, "[[]]"),
    (Place, '[3,"b"]'),
    (Line, "[1,[2,null]]"),
    (list[Annotated[int, "a note"]], "[4]"),
    (Link, "[[],[[4]]]"),
    (Node[int], '{"value":1,"more":[{"value":2,"more":[]}]}'),
    (Chain, '{"then":{"then":null}}'),
    (Boxed[int], '{"item":1}'),
    (Told[bool], "{}"),
    (Annotated[int, "a note", {"of": "no weight"}, Unit("m"), WithJsonSchema({"type": "string"})], "4"),
    (Annotated[int, PlainSerializer(str)], "4"),
    (InstanceOf[int], "4"),
    (SkipValidation[int], "4"),
    (Annotated[int | float, Ge(2)], "2.5"),
    (Annotated[str | list[str], Field(min_length=1)], '["a"]'),
    (Annotated[int | str, Field(union_mode="left_to_right")], '"a"'),
    (bytes, '"a b"'),
    (Annotated[bytes, Field(max_length=3)], '"abc"'),
    (Path, '"a/b.txt"'),
    (ByteSize, "512"),
    (IPv4Network, '"10.0.0.0/8"'),
    (IPv6Network, '"2001:db8::/32"'),
    (IPv4Interface, '"10.1.2.3/9"'),
    (IPv6Interface, '"1:2:3:4:5:6:7:8/64"'),
    (FileUrl, '"file:///tmp/a"'),
    (AnyWebsocketUrl, '"wss://a.b/c"'),
    (PostgresDsn, '"postgresql://a/b"'),
    (MongoDsn, '"mongodb+srv://a.b/c"'),
]
CHECKED: list[tuple[Any, str, str]] = [
    (set, '[1,"a",null]', "repeated items are dropped"),
    (frozenset[Any], "[true]", "repeated items are dropped"),
    (MutableSet[int], "[1]", "repeated items are dropped"),
    (dict, '{"a":1}', "the last of repeated keys counts"),
    (dict[Any, int], '{"a":1}', "the last of repeated keys counts"),
    (dict[str | None, int], '{"a":1}', "the last of repeated keys counts"),
    (dict[float, int], '{"1.5":1}', "the last of repeated keys counts"),
    (dict[Key, int], '{"a":1}', "the last of repeated keys counts"),
    (Counter[str], '{"a":1}', "the last of repeated keys counts"),
    (defaultdict[str, int], '{"a":1}', "the last of repeated keys counts"),
    (OrderedDict[str, int], '{"a":1}', "the last of repeated keys counts"),
    (MutableMapping[str, int], '{"a":1}', "the last of repeated keys counts"),
    (re.Pattern, '"a+"', "that it is a regular expression"),
    (re.Pattern[str], '"a+"', "that it is a regular expression"),
    (PastDate, '"2020-02-29"', "that it has passed"),
    (Code, '"abc"', "what Code checks"),
    (Share, "0.5", "what Share checks"),
    (list[Code], '["abc"]', "what Code checks"),
    (Annotated[str, Predicate(str.islower)], '"a"', "islower"),
    (
        Annotated[
            Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")],
            Discriminator(lambda value: value["kind"] if value["kind"] in ("cat", "dog") else "cat"),
        ],
        '{"kind":"dog","size":2}',
        "which kind it is read as",
    ),
]


def written(contract: type[Contract], text: str) -> bool:
    return admits(compile_grammar(contract).opened(), BYTES, text)


def called(part: object) -> str:
    """The same in every process: without where in memory a function is."""
    return re.sub(" at 0x[0-9a-f]+", "", str(part))


@pytest.mark.parametrize(("annotation", "text"), PROVEN, ids=called)
def test_what_an_annotation_means_to_pydantic_is_what_is_written(annotation: Any, text: str) -> None:
    contract = Contract.of(create_model("One", it=(annotation, ...)))
    grammar = compile_grammar(contract)
    assert [after for after in contract.checked_after() if "repeated keys" not in after] == []
    assert written(contract, f'{{"it":{text}}}')
    contract.model_validate_json(f'{{"it":{text}}}')
    for form in (grammar, grammar.opened()):
        tally = attack(contract, form, BYTES, Random(2), 12, within=300)
        assert tally.outcomes["valid"] == tally.attacks, tally.wrong


@pytest.mark.parametrize(("annotation", "text", "after"), CHECKED, ids=called)
def test_what_only_code_can_say_of_it_is_listed(annotation: Any, text: str, after: str) -> None:
    contract = Contract.of(create_model("One", it=(annotation, ...)))
    assert contract.checked_after() == (f"it: {after}",)
    assert written(contract, f'{{"it":{text}}}')
    contract.model_validate_json(f'{{"it":{text}}}')


def test_classes_that_lead_into_each_other_in_many_ways_are_written_once() -> None:
    names = [f"N{number}" for number in range(9)]
    optional = {name.lower(): (f"{name} | None", None) for name in names}
    kinds: Any = [create_model(name, __module__=__name__, **optional) for name in names]  # type: ignore[call-overload]
    for kind in kinds:
        kind.model_rebuild(_types_namespace=dict(zip(names, kinds, strict=True)))
    contract = Contract.of(kinds[0])
    assert len(compile_grammar(contract).open) < 20_000
    assert attack(contract, compile_grammar(contract), BYTES, Random(1), 5, within=400).outcomes["valid"] == 5


def test_what_tells_the_kinds_of_a_union_apart_is_written_though_it_has_a_default() -> None:
    class Leaf(BaseModel):
        kind: Literal["leaf"] = "leaf"
        size: int = 1

    class Branch(BaseModel):
        kind: Literal["branch"] = "branch"
        parts: list[Annotated[Leaf | Branch, Field(discriminator="kind")]] = []

    contract = Contract.of(Branch, omit=True)
    assert written(contract, '{"parts":[{"kind":"leaf"},{"kind":"branch"}]}')
    assert not written(contract, '{"parts":[{"size":1}]}')
    for form in (compile_grammar(contract), compile_grammar(contract).opened()):
        tally = attack(contract, form, BYTES, Random(1), 30, within=200)
        assert tally.outcomes["valid"] == 30, tally.wrong


def test_what_is_read_from_no_json_is_left_out_where_something_else_may_stand() -> None:
    class Engine:
        pass

    class Hooked(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        name: str
        call: Callable[[int], int] | None = None
        kind: type[int] = int
        engine: Engine | int
        engines: list[Engine]

    contract = Contract.of(Hooked)
    assert contract.checked_after() == ()
    assert written(contract, '{"name":"a","call":null,"engine":1,"engines":[]}')
    assert attack(contract, compile_grammar(contract), BYTES, Random(1), 20).outcomes["valid"] == 20
    with pytest.raises(ContractError, match=r"Made\.engine is Engine, which no grammar can enforce"):
        Contract.of(create_model("Made", engine=(Engine, ...), __config__=ConfigDict(arbitrary_types_allowed=True)))


def test_a_set_of_anything_holds_nothing_without_a_hash() -> None:
    contract = Contract.of(create_model("Bag", it=(set[Any], ...)))
    assert not written(contract, '{"it":[[1]]}')
    with pytest.raises(ContractError, match="a list has no hash"):
        Contract.of(create_model("Bag", it=(set[tuple[Any, ...]], ...)))


def test_a_configuration_holds_in_the_dataclasses_and_typeddicts_inside_as_pydantic_has_it() -> None:
    class Part(TypedDict):
        first_name: str

    class Whole(BaseModel):
        model_config = ConfigDict(alias_generator=to_camel, str_max_length=2, extra="forbid")
        the_part: Part

    contract = Contract.of(Whole)
    assert written(contract, '{"thePart":{"firstName":"ab"}}')
    assert attack(contract, compile_grammar(contract), BYTES, Random(1), 20).outcomes["valid"] == 20


def test_a_dataclass_is_written_with_what_it_is_made_of() -> None:
    @dataclass
    class Made:
        size: InitVar[int]
        name: Annotated[str, Field(alias="its name", max_length=3)] = "a"

        def __post_init__(self, size: int) -> None:
            if size < 0:
                raise ValueError("too small")

    contract = Contract.of(Made)
    assert written(contract, '{"size":1,"its name":"abc"}')
    assert contract.checked_after() == ("__post_init__",)
    assert attack(contract, compile_grammar(contract), BYTES, Random(1), 20).broken == 0


def test_code_that_a_class_runs_when_it_is_read_is_listed() -> None:
    class Positive(RootModel[int]):
        @field_validator("root")
        @classmethod
        def above(cls, root: int) -> int:
            return root

    class Late(BaseModel):
        number: Positive
        _seen: int = 0

        def model_post_init(self, context: Any) -> None: ...

    class Own(BaseModel):
        late: Late
        _seen: int = 0

        def __init__(self, **values: Any) -> None:
            super().__init__(**values)

    assert Contract.of(Own).checked_after() == ("__init__", "Late.model_post_init", "Positive.above")
    assert Contract.of(Positive).checked_after() == ("above",)


def test_a_root_model_and_an_empty_one_are_contracts() -> None:
    class Rows(RootModel[list[int]]):
        pass

    class Nothing(BaseModel):
        pass

    assert Contract.of(Rows).model_validate_json("[1,2]").value == Rows([1, 2])  # type: ignore[attr-defined]
    assert written(Contract.of(Rows), "[1,2]")
    assert compile_grammar(Contract.of(Nothing)).constant == "{}"


@pytest.mark.parametrize("annotation", [Hashable, type[int], "Missing"])
def test_what_no_json_is_read_as_is_still_refused(annotation: Any) -> None:
    with pytest.raises(ContractError):
        Contract.of(create_model("One", it=(annotation, ...)))
