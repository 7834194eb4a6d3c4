"""The floor under answers: fitted to questions with and without an answer, proved on others, kept in the index."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from index import Embedder, Index, Retriever, build_index
from index.errors import JudgementsError
from index.evaluation.answers import Asked, Nearest, fit_floor, look_up, read_answers
from index.retrieval.fusion import Floor


def mixed(right: float, none: float, seed: int = 0) -> list[Nearest]:
    """100 questions with an answer whose sentences have cosines around `right`, 100 without around `none`."""
    chance = random.Random(seed)
    return [
        *(Nearest(chance.gauss(right, 0.05), True, True) for _ in range(100)),
        *(Nearest(chance.gauss(none, 0.05), False, False) for _ in range(100)),
    ]


def test_the_floor_lies_between_what_answers_and_what_does_not() -> None:
    fitted = fit_floor(mixed(0.8, 0.55), Floor())
    assert 0.62 < fitted.floor.asked <= fitted.floor.quoted < 0.74
    assert fitted.before.none_quoted > 0.7
    assert fitted.after.none_quoted < 0.05 < 0.95 < fitted.after.right_quoted
    near = [fit_floor(mixed(0.62, 0.55), Floor(), wrong).floor for wrong in (50, 0.5)]
    assert near[0].quoted > near[1].quoted + 0.03  # the dearer a wrong quote, the nearer a sentence has to be
    assert near[0].quoted - near[0].asked > 0.1  # and the more is asked about
    assert near[1].quoted == near[1].asked  # never where a question costs more than what it prevents


def test_a_floor_that_is_not_surely_better_is_not_taken_and_too_few_questions_are_refused() -> None:
    present = Floor(0.5, 0.5)
    assert fit_floor(mixed(0.8, 0.2), present).floor == present
    with pytest.raises(JudgementsError, match=r"3 of the questions have none, .* 20 of each kind .*; write more"):
        fit_floor(mixed(0.8, 0.2)[:103], present)


def test_a_question_is_right_where_the_nearest_sentence_holds_its_answer(retriever: Retriever) -> None:
    found = look_up(
        retriever,
        [Asked("What is the fee for another name?", "Rs. 500"), Asked("May surfboards come?", "stay at home"),
         Asked("Do you rent cars?", None), Asked("dogs", "nobody says so")],
    )  # fmt: skip
    assert [(one.right, one.answerable) for one in found] == [(True, True), (True, True), (False, False), (False, True)]


@pytest.mark.parametrize("line", ['{"text": "a"}', '{"text": " ", "answer": "b"}', '{"text": "a", "answer": ""}', "["])
def test_a_line_that_is_no_question_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a", "answer": null}\n' + line)
    with pytest.raises(JudgementsError, match=r"Line 2 of .* needs `text`, and `answer`"):
        read_answers(tmp_path / "a.jsonl")


def test_the_command_keeps_the_floor_in_a_version_that_builds_keep_and_that_can_be_taken_back(
    tmp_path: Path, embedder: Embedder
) -> None:
    docs, kb = tmp_path / "docs", tmp_path / "kb"
    docs.mkdir()
    names = [f"{first}{second}" for first in ("Al", "Bo", "Ce", "Da", "El") for second in ("mar", "nik", "rud", "tos")]
    (docs / "a.md").write_text("\n\n".join(f"The office in {name} opens at nine." for name in names))
    build_index([docs], kb, embedder, tokens=16).close()
    asked = [{"text": f"When does the office in {name} open?", "answer": f"{name} opens"} for name in names]
    asked += [{"text": f"How many people work in the office in {name}?", "answer": None} for name in names]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, asked)))

    def run(*arguments: object) -> dict[str, Any]:
        program = "import sys; from scripts.main import main; main(sys.argv[1:])"
        command = [sys.executable, "-c", program, "index", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    told = run("tune", kb, "--answers", tmp_path / "answers.jsonl")
    assert told["floor"]["quoted"] > Floor().quoted + 0.05
    assert told["held_out"]["none_quoted"] < told["before"]["none_quoted"] == 1.0
    run("use", kb, told["version"] - 1)
    with Index.open(kb) as index:
        assert Retriever(index, embedder).floor == Floor()
    run("use", kb, told["version"])
    with build_index([docs], kb, embedder, tokens=16) as index:
        assert index.version > told["version"]
        assert Retriever(index, embedder).floor == Floor(**told["floor"])
