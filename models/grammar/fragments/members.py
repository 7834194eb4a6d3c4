"""Members: the fields of a class whose values are written as a JSON object: models, dataclasses and TypedDicts.

Knows where Python and Pydantic keep them; knows no grammar.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel, ConfigDict, RootModel
from pydantic.fields import FieldInfo
from typing_extensions import ReadOnly

from models.errors import ContractError

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


def has_members(kind: Any) -> bool:
    """Whether the values of `kind` are objects with known keys."""
    return isinstance(kind, type) and (
        (issubclass(kind, BaseModel) and not issubclass(kind, RootModel))
        or dataclasses.is_dataclass(kind)
        or hasattr(kind, "__required_keys__")
    )


def members(kind: Any) -> Iterator[Member]:
    """The fields of `kind` in declared order. ContractError for one that is read from nowhere in particular."""
    if hasattr(kind, "__required_keys__"):
        for name, hint in get_type_hints(kind, include_extras=True).items():
            # Annotations that are text (`from __future__ import annotations`) are no part of `__required_keys__`.
            metadata: tuple[Any, ...] = ()
            optional = name not in kind.__required_keys__
            while (origin := get_origin(hint)) in (Required, NotRequired, ReadOnly, Annotated):
                optional = origin is NotRequired or (optional and origin is not Required)
                metadata = (*getattr(hint, "__metadata__", ()), *metadata) if origin is Annotated else metadata
                hint = get_args(hint)[0]
            given = next((item for item in metadata if isinstance(item, FieldInfo)), None)
            key = _key(name, given, f"{kind.__name__}.{name}", config_of(kind)) if given else name
            yield Member(name, key, hint, metadata, optional)
        return
    fields: dict[str, FieldInfo] = getattr(kind, "__pydantic_fields__", {})
    if issubclass(kind, BaseModel) or fields:
        for name, info in fields.items():
            if info.init is not False:
                key = _key(name, info, f"{kind.__name__}.{name}", config_of(kind))
                yield Member(name, key, info.annotation, tuple(info.metadata), not info.is_required())
        return
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        if field.init:
            given = field.default if isinstance(field.default, FieldInfo) else None
            key = _key(field.name, given, f"{kind.__name__}.{field.name}", ConfigDict()) if given else field.name
            plain = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            required = given.is_required() if given else plain
            yield Member(field.name, key, hints[field.name], tuple(given.metadata) if given else (), not required)


def config_of(kind: Any) -> ConfigDict:
    """The configuration of a class, empty where it has none."""
    config: ConfigDict | None = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None)
    return config or ConfigDict()


def text_limits(kind: Any) -> dict[str, Any]:
    """What the configuration of a class asks of each of its texts, as constraints by name; `python`: patterns are read
    by Python's re."""
    config = config_of(kind)
    limits = {name: config.get(option) for option, name in _TEXT_OPTIONS.items() if config.get(option)}
    return limits | ({"python": True} if config.get("regex_engine") == "python-re" else {})


def marked(metadata: Iterable[object], mark: type[Any]) -> bool:
    """Whether one of the things beside an annotation is a `mark`."""
    return any(isinstance(item, mark) for item in metadata)


def _key(name: str, info: FieldInfo, where: str, config: ConfigDict) -> str:
    """The JSON key of a field: its alias where it has one, which for a Contract is the same for reading and writing."""
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    if config.get("validate_by_alias") is False:
        alias = None
    if alias is not None and not isinstance(alias, str):
        raise ContractError(f"{where} is read from a path inside other keys.", "Give it an alias that is one text.")
    written = info.serialization_alias or info.alias
    # A Contract is written to be read again, which its configuration says; texts of other classes are kept as they are.
    if config.get("serialize_by_alias") and (alias or written) and (written or name) != (alias or name):
        raise ContractError(
            f'{where} is read from "{alias or name}" but written as "{written or name}".',
            "Use alias=… alone, so that what was written can be read again.",
        )
    return alias or name
