"""Templates: a user's files take the place of the shipped ones, and a faulty one is refused with file and hole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import Field

from models import Contract, Said
from models.engines.profiles import Profile
from models.engines.wording import Wording
from pipeline import Turn, UsageError
from pipeline.prompts.prompts import Prompts
from pipeline.prompts.templates import KINDS, SHIPPED, read_templates, shipped

SAID = [Turn("customer", "To {conversation} for $5 and $form.")]
INSTRUCT = Profile("any")


class Trip(Contract):
    """A trip."""

    city: Said[str] | None = Field(None, description="Wohin?")


def folder(path: Path, **files: str) -> Path:
    """A folder of templates; `__` stands for the point in a name."""
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name.replace('__', '.')}.txt").write_text(text, encoding="utf-8")
    return path


def test_every_shipped_file_is_in_the_table_and_keeps_its_own_rules(tmp_path: Path) -> None:
    named = [file for name, kind in KINDS.items() for file in kind.files(name)]
    assert sorted(shipped().files) == sorted(named)
    assert read_templates(SHIPPED).files.keys() == shipped().files.keys()
    for name, text in vars(Wording()).items():  # which engines say
        assert read_templates(folder(tmp_path / name, **{name: text})).files.keys() == shipped().files.keys()


def test_every_word_around_the_matter_can_be_replaced(tmp_path: Path) -> None:
    own = folder(
        tmp_path / "prompts",
        fill__system="$instructions\nFÜLLE AUS: ${fields}",
        fill__user="GESPRÄCH\n$conversation\n$$",
        customer="Kunde> $text",
    )
    layout = Prompts(read_templates(own)).told("Knapp.").laid_out(INSTRUCT)
    system, asked = layout.fill(Trip, SAID)
    assert (system.role, system.content) == ("system", "Knapp.\nFÜLLE AUS: city: Wohin?")
    # What fills a hole is no template: a customer's dollars and braces stay what they are.
    assert asked.content == "GESPRÄCH\nKunde> To {conversation} for $5 and $form.\n$"


def test_an_empty_system_file_leaves_all_to_the_users_turn(tmp_path: Path) -> None:
    own = folder(tmp_path / "prompts", fill__system="", fill__user="$instructions\n\n$form\n\n$conversation")
    [only] = Prompts(read_templates(own)).told("Briefly.").laid_out(INSTRUCT).fill(Trip, SAID)
    assert only.role == "user"
    assert only.content.startswith("Briefly.\n\n// A trip.\n")


def test_nothing_is_left_of_a_line_for_instructions_that_nobody_gave() -> None:
    [system, _] = Prompts().laid_out(INSTRUCT).fill(Trip, SAID)
    assert system.content == system.content.strip()
    assert "\n\n\n" not in system.content


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"fil__system": "x"}, "fil.system.txt is no template"),
        ({"fill__user": "$conversion"}, "fill.user.txt has the hole $conversion, which is not filled here"),
        ({"fill__user": "no hole"}, "fill.user.txt lacks the hole $conversation"),
        ({"fill__system": "$form"}, "fill.system.txt lacks the hole $instructions"),
        ({"fill__system": "$instructions"}, r"fill.system.txt lacks the hole $form (or $schema or $fields)"),
        ({"fill__user": "a\n5 $ for $conversation"}, "fill.user.txt has a stray $ in line 2"),
        ({"fill__user": "${conversation"}, "fill.user.txt has a stray $ in line 1"),
        ({"fill__user": "{conversation}"}, 'fill.user.txt has "{conversation}" in line 1: write $conversation'),
        ({"fill__user": "$conversation {{ question }}"}, 'has "{{ question" in line 1: holes are written as $name'),
        ({"fill__user": "{% if x %}$conversation"}, 'has "{%" in line 1: holes are written as $name'),
        (
            {"fill__system": "", "fill__user": "$conversation $form"},
            "fill.user.txt has the hole $instructions: put it where this is to stand: those of the app, the workflow",
        ),
        ({"repair__user": "Again."}, "repair.user.txt lacks the hole $error"),
        ({"wish": "What about $question?"}, "wish.txt has the hole $question, which is not filled here: there is none"),
    ],
)
def test_a_fault_is_told_in_one_sentence_with_file_and_hole(tmp_path: Path, files: dict[str, str], told: str) -> None:
    own = folder(tmp_path / "prompts", **files)
    with pytest.raises(UsageError, match=re.escape(told)) as raised:
        read_templates(own)
    assert str(own) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    own = folder(tmp_path / "prompts")
    (own / "wish.txt").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        read_templates(own)
