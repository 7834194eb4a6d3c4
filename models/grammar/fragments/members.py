"""Members: the fields of a class whose values are written as a JSON object: models, dataclasses and TypedDicts.

Knows where Python and Pydantic keep them; knows no grammar.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NotRequired, Required, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Discriminator, RootModel
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly

from models.errors import ContractError
from models.grammar.fragments.annotation import substituted

_TEXT_OPTIONS = {
    "str_strip_whitespace": "strip_whitespace",
    "str_to_lower": "to_lower",
    "str_to_upper": "to_upper",
    "str_min_length": "min_length",
    "str_max_length": "max_length",
}
"""Options of a configuration that hold for each text of a class, and the constraints that say the same of one text."""


@dataclass(frozen=True)
class Member:
    """One field. `metadata` is what stands beside its annotation; `optional`: its class can be read without it."""

    name: str
    key: str
    annotation: Any
    metadata: tuple[Any, ...]
    optional: bool


def class_of(kind: Any) -> Any:
    """The class itself of one that was given its type parameters: `Page` of `Page[int]`."""
    return get_origin(kind) or kind


def has_members(kind: Any) -> bool:
    """Whether the values of `kind` are objects with known keys."""
    plain = class_of(kind)
    return isinstance(plain, type) and (
        (issubclass(plain, BaseModel) and not issubclass(plain, RootModel))
        or dataclasses.is_dataclass(plain)
        or hasattr(plain, "__required_keys__")
    )


def members(kind: Any, config: ConfigDict | None = None) -> Iterator[Member]:
    """The fields of `kind` in declared order. `config`: what holds there, its own configuration where nobody says.

    ContractError for one that is read from nowhere in particular.
    """
    config = config_of(kind) if config is None else config
    fields: dict[str, FieldInfo] = getattr(kind, "__pydantic_fields__", {})
    if fields or issubclass(class_of(kind), BaseModel):
        for name, info in fields.items():
            if info.init is not False:
                key = _key(name, info, f"{kind.__name__}.{name}", config)
                told = () if info.discriminator is None else (_as_mark(info.discriminator),)
                yield Member(name, key, info.annotation, (*info.metadata, *told), not info.is_required())
        return
    for name, hint in _hints(kind).items():
        plain = class_of(kind)
        metadata: tuple[Any, ...] = ()
        default: tuple[Any, ...] = ()
        if hasattr(plain, "__required_keys__"):
            optional = name not in plain.__required_keys__
        else:
            field = plain.__dataclass_fields__[name]
            given = field.default if isinstance(field.default, FieldInfo) else None
            default = () if given is None else (given,)  # which Pydantic heeds first
            without = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            optional = not (without if given is None else given.is_required())
        # Annotations that are text (`from __future__ import annotations`) are no part of `__required_keys__`.
        while (origin := get_origin(hint)) in (Required, NotRequired, ReadOnly, Annotated):
            optional = origin is NotRequired or (optional and origin is not Required)
            metadata = (*getattr(hint, "__metadata__", ()), *metadata) if origin is Annotated else metadata
            hint = get_args(hint)[0]
        info = next((item for item in (*metadata, *default) if isinstance(item, FieldInfo)), FieldInfo())
        key = _key(name, info, f"{kind.__name__}.{name}", config)
        yield Member(name, key, hint, (*default, *metadata), optional)


def _as_mark(discriminator: str | Discriminator) -> Discriminator:
    return Discriminator(discriminator) if isinstance(discriminator, str) else discriminator


def _hints(kind: Any) -> dict[str, Any]:
    """The annotations of the fields of a dataclass or a TypedDict, with its type parameters put in their places."""
    plain = class_of(kind)
    types = dict(zip(getattr(plain, "__parameters__", ()), get_args(kind), strict=False))
    hints = {name: substituted(hint, types) for name, hint in get_type_hints(plain, include_extras=True).items()}
    if not dataclasses.is_dataclass(plain):
        return hints
    found = {}
    for name, field in plain.__dataclass_fields__.items():
        given = hints.get(name, field.type)
        if isinstance(given, dataclasses.InitVar):  # is asked for, and no field
            found[name] = given.type
        elif field.init and ClassVar not in (given, get_origin(given)):
            found[name] = given
    return found


def places(kind: Any) -> list[tuple[Any, str]] | None:
    """The annotations and names of a NamedTuple's places, None for any other class."""
    if not isinstance(kind, type) or not issubclass(kind, tuple) or not hasattr(kind, "_fields"):
        return None
    hints = get_type_hints(kind, include_extras=True)
    return [(hints.get(name, Any), name) for name in kind._fields]


def config_of(kind: Any, around: ConfigDict | None = None) -> ConfigDict:
    """The configuration that holds in a class: its own, else that of what is `around` it, as Pydantic hands it on to
    dataclasses and TypedDicts; empty where there is none."""
    plain = class_of(kind)
    own: ConfigDict | None = getattr(plain, "model_config", None)
    own = getattr(plain, "__pydantic_config__", None) if own is None else own
    if own is not None:
        return own
    return ConfigDict() if around is None else around


def text_limits(config: ConfigDict) -> dict[str, Any]:
    """What a configuration asks of each text, as constraints by name; `python`: patterns are read by Python's re."""
    limits = {name: config.get(option) for option, name in _TEXT_OPTIONS.items() if config.get(option)}
    return limits | ({"python": True} if config.get("regex_engine") == "python-re" else {})


def marked(metadata: Iterable[object], mark: type[Any]) -> bool:
    """Whether one of the things beside an annotation is a `mark`."""
    return any(isinstance(item, mark) for item in metadata)


def _key(name: str, info: FieldInfo, where: str, config: ConfigDict) -> str:
    """The JSON key of a field: its alias where it has one, which for a Contract is the same for reading and writing."""
    reads, writes = info.validation_alias, info.serialization_alias
    reads, writes = info.alias if reads is None else reads, info.alias if writes is None else writes
    if reads is None and writes is None:  # pydantic has asked the generator already where it makes a class of its own
        reads, writes = _generated(name, config)
    if isinstance(reads, AliasChoices):
        texts = [choice for choice in reads.choices if isinstance(choice, str)]
        reads = texts[0] if texts else reads.choices[0]
    if config.get("validate_by_alias") is False:
        reads = None
    if reads is not None and not isinstance(reads, str):
        raise ContractError(f"{where} is read from a path inside other keys.", "Give it an alias that is one text.")
    key, written = (name if alias is None else alias for alias in (reads, writes))
    # A Contract is written to be read again, which its configuration says; texts of other classes are kept as they are.
    if config.get("serialize_by_alias") and written != key:
        raise ContractError(
            f'{where} is read from "{key}" but written as "{written}".',
            "Use alias=… alone, so that what was written can be read again.",
        )
    return key


def _generated(name: str, config: ConfigDict) -> tuple[Any, str | None]:
    """What the configuration's alias generator makes of a name, for reading and for writing."""
    generator = config.get("alias_generator")
    if isinstance(generator, AliasGenerator):
        alias, reads, writes = generator.generate_aliases(name)
        return (alias if reads is None else reads), (alias if writes is None else writes)
    return (None, None) if generator is None else (generator(name),) * 2
