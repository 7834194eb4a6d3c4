"""Record: a contract as a fragment, a JSON object, and its fields: which annotation becomes which fragment, and
what to advise where none does.

Knows keys, order, nesting and annotations; does not know how any single kind is written (the neighbouring files do).
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import is_dataclass, replace
from enum import Enum
from inspect import isabstract
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import MISSING, RootModel
from typing_extensions import is_typeddict

from models.errors import ContractError
from models.grammar.fragments import address, choice, collection, text
from models.grammar.fragments.advice import unsupported
from models.grammar.fragments.annotation import is_alias, named, plainer
from models.grammar.fragments.builder import Bound, GrammarBuilder, NoJson, NoText, closed
from models.grammar.fragments.copied import quote_fragment, said_fragment
from models.grammar.fragments.fragment import Fragment, either, sequence, text_fragment
from models.grammar.fragments.kinds import COLLECTIONS, SCALARS, own_type
from models.grammar.fragments.limits import both, limits_of
from models.grammar.fragments.members import class_of, config_of, has_members, marked, places, text_limits
from models.grammar.fragments.members import members as read_members
from models.grammar.fragments.recursion import recursive
from models.said import QuoteMark, SaidMark, ScratchpadMark
from models.values.reading import readable


def contract_fragment(contract: type[Any], builder: GrammarBuilder) -> Fragment:
    """A JSON object with every field of a model, a dataclass or a TypedDict, in declared order; a whole rule, to be
    named. Fields that may be left out are a TypedDict's that are not required, and those with a default where the
    class or the builder says `omit`.

    A class that has no fields of its own to write, as one made of a JSON Schema, says so with a classmethod
    `__fragment__(builder)`. ContractError for all that cannot be enforced, a line each.
    """
    own: Callable[[GrammarBuilder], Fragment] | None = getattr(contract, "__fragment__", None)
    if own is not None:
        return own(builder)
    if isabstract(contract):
        raise NoText(
            f"{contract.__name__} is abstract, so that nothing can be read as one.", "Name a class that is not."
        )
    config = config_of(contract, builder.config)
    inside = replace(builder, config=config, texts=text_limits(config), tag="")
    return recursive(
        contract,
        contract.__name__,
        inside,
        lambda within: _record(contract, within, not builder.within, builder.tag),
        builder.tag,
    )


def _record(contract: type[Any], inside: GrammarBuilder, outermost: bool, tag: str) -> Fragment:
    pairs: list[tuple[Fragment, bool]] = []
    refused: list[ContractError] = []
    public = False
    for member in read_members(contract, inside.config):
        where = f"{contract.__name__}.{member.name}"
        private = marked(member.metadata, ScratchpadMark)
        if private and (public or not outermost):
            raise ContractError(
                f"{where} is a Scratchpad that would not be written first.",
                "Declare it before every other field of the outermost contract.",
            )
        public |= not private
        omits = is_typeddict(class_of(contract)) or inside.omit or getattr(contract, "__omit__", False)
        omit = member.optional and omits and member.name != tag
        try:
            value = field_fragment(member.annotation, limits_of(member.metadata, where), where, inside, private)
        except NoJson as error:
            if not member.optional:
                refused.append(error)
            continue
        except NoText:
            if not omit:
                raise
            continue
        except ContractError as error:
            refused.append(error)
            continue
        quoted = json.dumps(member.key, ensure_ascii=False)
        pairs.append((sequence([text_fragment(quoted), inside.colon, value]), omit))
        bound = Bound(where, value.bound, value.longest)
        if bound not in inside.bounds:
            inside.bounds.append(bound)
    if refused:
        raise all_of(refused)
    return replace(_object(pairs, inside), bound=contract.__name__)


def _object(pairs: list[tuple[Fragment, bool]], builder: GrammarBuilder) -> Fragment:
    """Key and value pairs in their order, with commas, in braces; those marked True may be left out."""
    if not any(omit for _, omit in pairs):
        parts = [text_fragment("{"), text_fragment("}")]
        for number, (pair, _) in enumerate(pairs):
            parts[-1:] = [*([builder.comma] if number else []), pair, parts[-1]]
        return sequence(parts)
    follows = {True: '"}"', False: '"}"'}  # what may stand here, where something was written before and where not
    for pair, omit in reversed(pairs):
        taken = f"{pair.rule} {follows[True]}"
        rows = {True: [f"{builder.comma.rule} {taken}"], False: [taken]}
        for some, row in rows.items():
            row += [follows[some]] if omit else []
        follows = {some: builder.rule("fields", Fragment(" | ".join(row), 0)).rule for some, row in rows.items()}
    return Fragment(f'"{{" {follows[False]}', sum(pair.longest + builder.comma.longest for pair, _ in pairs) + 2)


def nested(contract: type[Any], builder: GrammarBuilder) -> Fragment:
    """A contract inside another, under a name of its own."""
    return builder.rule(contract.__name__, contract_fragment(contract, builder))


def all_of(refused: list[ContractError]) -> ContractError:
    """What was refused as one error, a line for each."""
    if len(refused) == 1:
        return refused[0]
    kind = NoJson if any(isinstance(error, NoJson) for error in refused) else ContractError
    return kind("\n".join(dict.fromkeys(map(str, refused))), "")


def field_fragment(
    annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder, private: bool = False
) -> Fragment:
    """The fragment of a field. `limits`: its constraints by name; `private`: it may be a Scratchpad."""
    while not is_alias(annotation := plainer(annotation, builder.around)) and get_origin(annotation) is Annotated:
        limits = both(limits_of(annotation.__metadata__, where), limits, where)
        annotation = annotation.__origin__
    if is_alias(annotation):
        value, how = named(annotation), repr(limits) if limits else ""
        return recursive(
            annotation,
            str(annotation),
            builder,
            lambda within: field_fragment(value, dict(limits), where, within),
            how,
        )
    mark = limits.pop("mark", None)
    if isinstance(mark, SaidMark):
        return closed(said_fragment(mark, where, builder), limits, where)
    if isinstance(mark, QuoteMark):
        return closed(quote_fragment(where, builder), limits, where)
    if isinstance(mark, ScratchpadMark):
        if not private:
            raise ContractError(f"{where} hides a Scratchpad inside another type.", "Declare it as plain Scratchpad.")
        return text.scratchpad(limits, where, builder)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _union(annotation, limits, where, builder)
    inner: collection.Inner = lambda kind, at: field_fragment(kind, {}, at, builder)  # noqa: E731
    if origin in COLLECTIONS:
        return COLLECTIONS[origin](annotation, limits, where, builder, inner)
    if origin is Literal:
        return closed(choice.options(annotation, where, builder), limits, where)
    if has_members(annotation) and not (is_dataclass(annotation) and readable(annotation)):
        return closed(nested(annotation, builder), limits, where)
    if isinstance(annotation, type) and annotation not in SCALARS:
        if issubclass(annotation, Enum):
            return closed(choice.options(annotation, where, builder), limits, where)
        if issubclass(annotation, RootModel):
            return root_fragment(annotation, limits, where, builder)
        if (kinds := places(annotation)) is not None:
            row = recursive(annotation, annotation.__name__, builder, lambda within: _row(kinds, where, within))
            return closed(row, limits, where)
    if annotation not in SCALARS and (asked := address.url_of(annotation)) is not None:
        return closed(address.own_url(asked, limits, where, builder), limits, where)
    if annotation not in SCALARS and (plain := own_type(annotation)) is not None:
        return field_fragment(plain[0], both(plain[1], limits, where), where, builder)
    if annotation not in SCALARS:
        raise unsupported(annotation, where)
    return closed(SCALARS[annotation](limits, where, builder), limits, where)


def _row(kinds: list[tuple[Any, str]], where: str, builder: GrammarBuilder) -> Fragment:
    """A NamedTuple: one kind a place."""
    parts = [text_fragment("[")]
    for place, (kind, name) in enumerate(kinds):
        value = field_fragment(kind, {}, f"{where}.{name}", builder)
        parts += [*([builder.comma] if place else []), value]
    whole = sequence([*parts, text_fragment("]")])
    return replace(whole, rule=f"({whole.rule})", bound=f"{len(kinds)} items")


def root_fragment(model: type[RootModel[Any]], limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """The value of a model that is nothing but its root."""
    root = model.model_fields["root"]
    limits = both(limits_of(root.metadata, where), limits, where)
    inside = replace(builder, config=model.model_config, texts=text_limits(model.model_config))
    return recursive(
        model,
        model.__name__,
        inside,
        lambda within: field_fragment(root.annotation, dict(limits), where, within),
        repr(limits) if limits else "",
    )


def _union(annotation: Any, limits: dict[str, Any], where: str, builder: GrammarBuilder) -> Fragment:
    """Any one of several kinds, each within the limits. Which of them a text is read as, is up to Pydantic."""
    if "tag" in limits:
        builder = replace(builder, tag=limits.pop("tag"))
    kinds = get_args(annotation)
    rest = [kind for kind in kinds if kind is not types.NoneType and kind is not MISSING]
    found, missing = [], None
    for kind in rest:
        try:
            found.append(field_fragment(kind, dict(limits), where, builder))
        except NoText as error:
            missing = error
    options = [*found, *([text_fragment("null")] if types.NoneType in kinds else [])]
    if not options:
        raise missing or unsupported(annotation, where)
    return either(options)
