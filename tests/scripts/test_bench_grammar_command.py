from __future__ import annotations

import json
from pathlib import Path
from random import Random

from command import interlock

from models import Contract
from models.bench.proof.mask_times import measure, quantile
from models.bench.proof.plausible import plausible_text
from models.bench.proof.specimens import random_specimen
from models.engines.tokenizers import load_tokenizer
from models.grammar.grammar import compile_grammar
from models.grammar.membership import admits


def test_the_bench_counts_every_compile_and_every_mask() -> None:
    done = interlock("bench", "grammar", "--generated", 3, "--single", 2, "--walks", 2, "--tokenizer", "tiny")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["generated"] == 3
    assert "app: Trip" in found["rows"]
    assert any(name.startswith("one field: ") for name in found["rows"])
    for row in (found, *found["rows"].values()):
        assert 0 < row["compile_p50"] <= row["compile_p99"]
        assert row["plausible_masks"] > 0
        assert 0 < row["plausible_p50"] <= row["plausible_p90"] <= row["plausible_p99"]
        assert 0 < row["random_p50"] <= row["random_p90"] <= row["random_p99"]
    of_app = sum(row["random_masks"] for name, row in found["rows"].items() if not name.startswith("one field: "))
    assert found["random_masks"] == of_app
    assert "compile" in done.stderr


def test_a_refused_contract_ends_the_bench_with_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("from models import Contract\nclass Bad(Contract):\n    anything: complex\n")
    done = interlock("bench", "grammar", tmp_path / "bad.py")
    assert done.returncode == 2
    assert "Bad.anything is complex" in done.stderr


def test_a_plausible_text_is_one_of_the_grammar_and_mostly_words() -> None:
    class Note(Contract):
        note: str

    for seed in range(20):
        specimen = random_specimen(Random(seed))
        grammar = compile_grammar(specimen.contract, specimen.said, specimen.evidence)
        text = plausible_text(grammar, Random(seed))
        assert admits(grammar, text)
        specimen.contract.model_validate_json(text)
    notes = [json.loads(plausible_text(compile_grammar(Note), Random(seed)))["note"].split() for seed in range(50)]
    assert 2 < sum(map(len, notes)) / len(notes) < 15


def test_every_token_of_a_text_costs_one_mask() -> None:
    class Answer(Contract):
        flag: bool

    times = measure(Answer, (), (), load_tokenizer("byte"), Random(0), walks=2)
    assert len(times.compile) == 2
    assert len(times.plausible) in range(2 * len('{"flag":true}'), 2 * len('{"flag":false}') + 1)
    assert len(times.random) in range(2 * len('{"flag":true}'), 2 * len('{"flag":false}') + 1)
    assert quantile([1, 2, 3, 4], 0.5) == 3
    assert quantile([], 0.5) == 0
