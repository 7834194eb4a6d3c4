"""`interlock calibrate` and `interlock evaluate gate` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import interlock

from index import Embedder
from index.intent_features import IntentFeatures
from pipeline import load_app
from pipeline.routing import Calibration, GateModel, Head
from pipeline.routing.evaluation import Judged
from pipeline.routing.neighbours import Neighbours
from pipeline.routing.router import open_router
from scripts.evaluate.gate_head import tell_near
from scripts.evaluate.gate_report import report
from scripts.main import main

SHOP = '''
from pipeline import App, Run, workflow

@workflow(intent="buy", examples=["I want to buy a lamp", "two desk lamps please", "order a light", "sell me a lamp"])
async def buy(run: Run) -> str:
    """Buy a lamp."""
    return "bought"

@workflow(intent="give_back", examples=["take my lamp back", "return my order", "it is broken, refund me"])
async def give_back(run: Run) -> str:
    """Return a lamp."""
    return "returned"

app = App("lamps", [buy, give_back], out_of_scope_examples=["tell me a joke", "who won?", "is it going to rain?"])
'''
LABELLED = {
    "buy": ["one lamp for my desk please", "I need a floor lamp", "can I order two bulbs", "get me a reading lamp"],
    "give_back": [
        "this lamp is faulty, money back",
        "send it back",
        "I do not want the lamp any more",
        "a refund please",
    ],
    "out_of_scope": ["how old is the king?", "play some music", "what is nine times nine?", "book a flight to Rome"],
}


Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: object) -> tuple[object, str, str]:
    """Exit code, stdout and stderr of the command in this process: starting one takes seconds."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code, *capsys.readouterr()


def write(path: Path, rows: dict[str, list[str]]) -> Path:
    lines = [json.dumps({"text": text, "intent": intent}) for intent, texts in rows.items() for text in texts]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_calibrate_keeps_a_gate_beside_the_app_that_evaluate_takes_up(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    data = write(tmp_path / "labelled.jsonl", LABELLED)
    done = interlock("calibrate", "--app", tmp_path / "shop.py", "--data", data)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["rows"] == 24
    assert told["in_scope_accuracy"] > 0.5
    kept = json.loads((tmp_path / "shop.gate.json").read_text())
    assert kept["intents"] == ["buy", "give_back"]
    assert (tmp_path / "shop.gate.safetensors").is_file()
    assert (tmp_path / "shop.gate.png").read_bytes().startswith(b"\x89PNG")
    code, out, err = run(capsys, "evaluate", "gate", "--app", tmp_path / "shop.py", "--data", data)
    assert code == 0, err
    figures = json.loads(out.splitlines()[-1])
    assert (figures["in_scope_accuracy"], figures["out_of_scope_recall"], figures["shortlist_recall"]) == (1, 1, 1)
    assert "examples" not in err


def words_encoder(folder: Path) -> Path:
    """A sentence encoder that knows the shop's words, and nothing of what they mean."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    said = " ".join([SHOP, *(text for texts in LABELLED.values() for text in texts)])
    words = sorted({word for word in said.split() if word.isalpha()})
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(["[UNK]", *words])}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    table = np.eye(len(words) + 1, dtype=np.float32)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=table)]).save(str(folder))
    return folder


def test_a_gate_is_served_by_the_encoder_that_it_was_calibrated_with(tmp_path: Path, capsys: Capture) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "shop.py").write_text(SHOP)
    data, encoder = write(tmp_path / "labelled.jsonl", LABELLED), words_encoder(shop / "words")
    code, _, err = run(capsys, "calibrate", "--app", shop / "shop.py", "--data", data, "--encoder", encoder)
    assert code == 0, err
    assert json.loads((shop / "shop.gate.json").read_text())["encoder_name"] == "./words"
    moved = shop.rename(tmp_path / "moved")
    code, _, err = run(capsys, "evaluate", "gate", "--app", moved / "shop.py", "--data", data)
    assert code == 0, err
    assert "calibrate again" not in err
    router = open_router(load_app(str(moved / "shop.py")), Embedder(threads=1))
    assert router.calibrated
    assert isinstance(router.encoder, IntentFeatures)
    assert router.encoder.dimensions < 100  # not those of the encoder at hand
    code, _, err = run(capsys, "evaluate", "gate", "--data", data, "--encoder", encoder)
    assert code == 2
    assert "--encoder is for --fit" in err
    (moved / "words").rename(moved / "away")
    told: list[str] = []
    assert not open_router(load_app(str(moved / "shop.py")), Embedder(threads=1), told.append).calibrated
    assert "There is no encoder folder" in told[0]
    assert "run interlock calibrate again" in told[0]


def test_evaluate_fits_any_labels_and_ends_with_one_object(tmp_path: Path, capsys: Capture) -> None:
    colours = {"red": ["paint it red", "a red one", "crimson"], "blue": ["blue please", "sky blue", "navy"]}
    fit = write(tmp_path / "fit.jsonl", colours)
    data = write(tmp_path / "test.jsonl", {"red": ["red"], "blue": ["blue"], "green": ["a lawn"]})
    code, out, err = run(capsys, "evaluate", "gate", "--fit", fit, "--data", data, "--plot", tmp_path / "r.png")
    assert code == 0, err
    assert "an intent that this gate does not know counts as wrong (1): green." in " ".join(err.split())
    (line,) = out.splitlines()
    figures = json.loads(line)
    assert figures["in_scope_accuracy"] in (0, 0.3333, 0.6667)
    assert figures["unknown_intents"] == ["green"]
    assert figures["out_of_scope_recall"] is None
    assert {
        "shortlist_recall",
        "ece",
        "model_calls",
        "coverage",
        "decisions_per_core_second",
        "decisions_per_second",
        "p50_ms",
    } <= set(figures)
    assert (tmp_path / "r.png").is_file()


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a"}\n')
    only_out = write(tmp_path / "out.jsonl", {"out_of_scope": ["hm"]})
    strange = write(tmp_path / "other.jsonl", {"dance": ["a waltz"]})
    for arguments, told in [
        (["evaluate", "gate", "--data", bad], "line 1 is no labelled message"),
        (["evaluate", "gate", "--fit", only_out, "--data", only_out], "nothing to fit"),
        (["evaluate", "gate", "--gate", "model", "--data", only_out], "name one with --model"),
        (["calibrate", "--data", strange], "which is no intent of"),
    ]:
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert told in err.replace("\n", " ")


def test_how_near_misses_are_told_is_printed_with_its_margin(capsys: Capture) -> None:
    head = Head(np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32), "regression")
    for scope, how in [((0.0,) * 5, "scores and the nearest examples"), ((0.0,) * 4, "scores alone")]:
        near = Neighbours.of(np.eye(2, dtype=np.float32), np.arange(2), 2, np.eye(2, dtype=np.float32))
        calibration = Calibration(1.0, scope, 0.5, 0.9, 0.9, apart=(0.951, 0.934))
        assert tell_near(GateModel(("a", "b"), head, calibration, neighbours=near)) == {
            "near_misses_apart": [0.951, 0.934]
        }
        told = " ".join(capsys.readouterr().err.split())
        assert f"Chosen for near misses: {how} (" in told
        assert "with the nearest examples 95.1%" in told
        assert "by scores alone 93.4%" in told
    untried = GateModel(("a", "b"), head, Calibration(1.0, (0.0,) * 4, 0.5, 0.9, 0.9))
    assert tell_near(untried) == {"near_misses_apart": None}


def test_a_curve_of_few_messages_is_told_once_a_threshold(capsys: Capture) -> None:
    judged = [
        Judged("a", label, probability, ("a", "b"), True, False, "x", (("a", probability), ("b", 1 - probability)))
        for probability, label in ((0.99, "a"), (0.95, "a"), (0.9, "a"), (0.8, "b"), (0.7, "a"))
    ]
    told = report(judged, None, "few")
    rows = [line for line in capsys.readouterr().err.splitlines() if line.startswith("│ ") and "%–" in line]
    assert len(rows) == len({point["threshold"] for point in told["curve"]}) == 2
    assert len(told["curve"]) > 2
    assert rows[0].startswith("│ 99.0% ←")
