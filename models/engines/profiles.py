"""Profile: what a model is trusted with and how it wants to be addressed. Knows names only; loads nothing."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.errors import ModelNotFound, reason_of


def _nothing() -> Mapping[str, object]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Profile:
    """`decides`: may weigh evidence and fill what needs judgement; a model that does not is only asked to copy. Whether
    it may choose, among intents first of all, is another matter: that is earned, app by app (`interlock calibrate`).

    `layout`: how its prompts are laid out (pipeline/prompts): "instruct", or "copier" for what the shipped one learned.
    `spaced`: writes JSON with a blank behind each comma and colon, so that its grammars admit that form only.
    `sure`: how likely a value in the customer's own words has to begin as something does that was said, 0 to 1, for its
    field not to stay empty (models/engines/mentions.py); 0: the model tells by itself what was not said.
    `calibrates`: has favourites among a field's choices, so that they are held against those it has where nothing is
    said (models/engines/preferences.py); and answers a yes or no that nobody said, so that one which may be null stands
    only where it is all but certain (models/engines/answers.py).
    `likelihood`: with that, how much it counts how likely what was said is behind a choice, 0 to 1; 0: not asked for.
    `quotes`: finds the sentence that answers a question better than the encoder does; one that does not is given the
    encoder's.
    `context`: tokens that prompt and answer may take together; 0 until an engine has read it from the model.
    `dtype`: what it computes in where it is loaded or started here: "auto", "float32", "bfloat16" or "float16"; in an
    opened embedded engine's profile, what it does compute in (models/engines/precision.py).
    `template`: extra variables of the chat template; they switch native thinking off where that can be done.

    `thinks`: thinks natively before every answer, so that a Scratchpad would be thinking twice. In an opened engine's
    profile this says what the engine does; in profiles.toml, what it does unless it is asked for something else.
    `thinking_budget`: tokens that one thought may take. `thinking_tags`: what a thought stands between.
    `thinking_on`: variables of the chat template that switch thinking on, over those of `template`.
    """

    name: str
    decides: bool = True
    layout: str = "instruct"
    spaced: bool = True
    sure: float = 0.0
    calibrates: bool = False
    likelihood: float = 0.0
    quotes: bool = True
    context: int = 0
    dtype: str = "auto"
    template: Mapping[str, object] = field(default_factory=_nothing)
    thinks: bool = False
    thinking_budget: int = 2048
    thinking_tags: tuple[str, str] = ("<think>", "</think>")
    thinking_on: Mapping[str, object] = field(default_factory=_nothing)


VARIABLE = "INTERLOCK_PROFILES"
"""Environment variable that names a file of a user's own profiles, written as profiles.toml; they go over these."""

_LAYOUTS = ("instruct", "copier")
_DTYPES = ("auto", "float32", "bfloat16", "float16")


@cache
def _known(file: str) -> dict[str, dict[str, Any]]:
    """The profiles of a file by pattern. ModelNotFound for one that is none."""
    try:
        known = tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"The profiles in {file} cannot be read ({reason_of(error)}).", f"Mend it, or unset {VARIABLE}."
        ) from None
    keys = [key.name for key in fields(Profile) if key.name != "name"]
    for pattern, values in known.items():
        wrong = [key for key in values if key not in keys] if isinstance(values, dict) else [pattern]
        if wrong:
            told = f"{file} says {wrong[0]} of {pattern}, which no profile has."
            raise ModelNotFound(told, f"A profile has: {', '.join(keys)}.")
        if values.get("layout", "instruct") not in _LAYOUTS:
            told = f"{file} says layout = {values['layout']!r} of {pattern}, which there is not."
            raise ModelNotFound(told, f"The layouts are {' and '.join(_LAYOUTS)}.")
        if values.get("dtype", "auto") not in _DTYPES:
            told = f"{file} says dtype = {values['dtype']!r} of {pattern}, which there is not."
            raise ModelNotFound(told, f"A dtype is one of {', '.join(_DTYPES)}.")
        for name in ("sure", "likelihood"):
            part = values.get(name, 0)
            if isinstance(part, bool) or not isinstance(part, int | float) or not 0 <= part <= 1:
                told = f"{file} says {name} = {part!r} of {pattern}, which is no number from 0 to 1."
                raise ModelNotFound(told, "Mend it there.")
    return known


def profile_of(model: str, also: Sequence[str] = ()) -> Profile:
    """The profile for a served name, a Hugging Face name or a folder, by its last part; where a file of profiles has
    nothing for that, by the first of `also` that it has something for (`names_of` in models/engines/model_folder.py).

    What a user's own file says of it goes over what is shipped. ModelNotFound for own profiles that cannot be read.
    """
    names = [name.rstrip("/").rsplit("/", 1)[-1] for name in (model, *also)]
    values: dict[str, Any] = {}
    for file in filter(None, (str(Path(__file__).with_name("profiles.toml")), os.environ.get(VARIABLE))):
        matches = (
            known
            for name in names
            for pattern, known in _known(file).items()
            if fnmatchcase(name.lower(), pattern.lower())
        )
        values |= next(matches, {})
    return Profile(names[0], **{key: _frozen(value) for key, value in values.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType(dict(value))
    return tuple(value) if isinstance(value, list) else value
