"""Templates: every text that an instruct model is given by this project, as files; a user's own take their place.

Knows which there are and what may stand in each; reads them, and refuses a folder in which anything is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from models.engines.wording import Wording
from models.errors import reason_of
from pipeline.errors import UsageError
from pipeline.prompts.template import Template

SHIPPED = Path(__file__).with_name("instruct")
SUFFIX = ".txt"


@dataclass(frozen=True)
class Kind:
    """What a model is asked, in one file or in two. `holes` to what fills them; each stands in one of the files.

    `either`: holes of which one is enough. `parts`: the messages, one file for each; () for a text inside another.
    """

    use: str
    holes: Mapping[str, str]
    either: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("system", "user")

    def files(self, name: str) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(f"{name}.{part}{SUFFIX}" for part in self.parts) or (f"{name}{SUFFIX}",)


_INSTRUCTIONS = {"instructions": "those of the app, the workflow and the call, a paragraph each"}
_FORM = {
    "form": "the contract, a line for each key, with types, choices, limits and descriptions",
    "schema": "the same as JSON Schema",
    "fields": "only each key and its description",
}
_CONVERSATION = {"conversation": "what was said, a line for each turn"}
_QUESTION = {"question": "what the workflow, or the gate, asks"}
_OPTIONS = {"options": "what there is to choose from, a line each"}
_ANY_FORM = tuple(_FORM)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "fill": Kind("`run.collect`: a form, from what was said", _INSTRUCTIONS | _FORM | _CONVERSATION, _ANY_FORM),
        "answer": Kind(
            "`run.generate` with evidence",
            _INSTRUCTIONS | _FORM | {"evidence": "the passages, numbered"} | _QUESTION,
            _ANY_FORM,
        ),
        "write": Kind("`run.generate` without evidence", _INSTRUCTIONS | _FORM | _QUESTION, _ANY_FORM),
        "choose": Kind("`run.choose`", _INSTRUCTIONS | _OPTIONS | _CONVERSATION | _QUESTION),
        "weigh": Kind("the gate: a letter", _INSTRUCTIONS | _OPTIONS | _CONVERSATION | _QUESTION),
        "fuse": Kind(
            "the gate: a letter, and the form of the intent that it stands for",
            _INSTRUCTIONS
            | {"options": "intents by letter, each with its form, if it has one"}
            | _CONVERSATION
            | _QUESTION,
        ),
        "repair": Kind("a second try, behind the refused answer", {"error": "why it was refused"}, parts=("user",)),
        "xml": Kind(
            "behind the system text, where no grammar is enforced",
            {"form": "the contract, a line for each key, with types, choices, limits and descriptions"},
            parts=(),
        ),
        "xml_refused": Kind(
            "a second try there", {"error": "why it was refused", "tag": "that around the whole answer"}, parts=()
        ),
        "notes": Kind("behind the request, for a model that thought first", {"thought": "what it thought"}, parts=()),
        "customer": Kind(
            "a customer's turn in `$conversation`", {"text": "what was said, or the passage, in one line"}, parts=()
        ),
        "assistant": Kind(
            "the assistant's turn there", {"text": "what was said, or the passage, in one line"}, parts=()
        ),
        "passage": Kind(
            "a passage in `$evidence`",
            {"number": "from 1 on", "text": "what was said, or the passage, in one line"},
            parts=(),
        ),
        "wish": Kind("the gate's `$question`", {}, parts=()),
        "ambiguous": Kind("its option for two intents that fit", {}, parts=()),
        "out_of_scope": Kind("its option for none that fits", {}, parts=()),
    }
)


ENGINES = tuple(vars(Wording()))
"""Those that engines fill themselves; the shipped ones are in models/engines/wording.py."""


@dataclass(frozen=True)
class Templates:
    """By file name, all of them."""

    files: Mapping[str, Template]

    def fill(self, file: str, holes: Mapping[str, str]) -> str:
        """One of them, with its holes filled."""
        return self.files[f"{file}{SUFFIX}"].fill(holes)


@cache
def shipped() -> Templates:
    """Those of this project."""
    spoken = {f"{name}{SUFFIX}": Template(f"{name}{SUFFIX}", text) for name, text in vars(Wording()).items()}
    return Templates(MappingProxyType({**_read(SHIPPED), **spoken}))


def read_templates(folder: Path) -> Templates:
    """Those of a folder, and the shipped ones for what it leaves out.

    UsageError, with file and hole, for an unknown file, an unknown or missing hole, or a stray sign.
    """
    try:
        own = _read(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The prompts in {folder} cannot be read ({reason_of(error)}): mend them, or name another folder."
        ) from error
    known = {file: name for name, kind in KINDS.items() for file in kind.files(name)}
    for file in own:
        if file not in known:
            raise UsageError(
                f"{folder / file} is no template: the files are {', '.join(known)}; or name another folder with"
                " App(prompts=…)."
            )
    templates = Templates(MappingProxyType({**shipped().files, **own}))
    for name in dict.fromkeys(known[file] for file in own):
        _check(templates, name, [file for file in KINDS[name].files(name) if file in own])
    return templates


def _read(folder: Path) -> dict[str, Template]:
    return {
        path.name: Template(str(path), path.read_text(encoding="utf-8-sig").rstrip("\n"))
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
    }


def _check(templates: Templates, name: str, own: list[str]) -> None:
    kind = KINDS[name]
    files = [templates.files[file] for file in kind.files(name)]
    for template in files:
        template.check(kind.holes)
    there = frozenset().union(*(template.holes for template in files))
    missing = [hole for hole in kind.holes if hole not in there and hole not in kind.either]
    if kind.either and not there & set(kind.either):
        missing.append(kind.either[0])
    if missing:
        *before, last = (str(templates.files[file].name) for file in own)
        where = f"Neither {' nor '.join([*before, last])} has" if before else f"{last} lacks"
        others = [file for file in kind.files(name) if file not in own]
        beside = f", and neither has the shipped {others[0]}" if others else ""
        other = f" (or ${' or $'.join(kind.either[1:])})" if missing[0] in kind.either else ""
        raise UsageError(
            f"{where} the hole ${missing[0]}{other}{beside}: put it where this is to stand: {kind.holes[missing[0]]}."
        )
