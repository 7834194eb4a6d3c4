"""`interlock train-tiny`: train the shipped model from scratch, on the pipeline's own prompts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.engine import Message
from models.training import faq, sgd, utterances
from models.training.exercise import Exercise
from pipeline import prompts
from pipeline.conversation import Turn

SHARES = {"sgd": 0.45, "generated": 0.5, "faq": 0.05}


def render(exercise: Exercise) -> Sequence[Message]:
    """Lay an exercise out exactly as a run lays out the same request."""
    if exercise.kind == "answer":
        return prompts.evidence(exercise.fields, exercise.turns[-1][1], exercise.evidence)
    return prompts.form(exercise.fields, [Turn(role, text) for role, text in exercise.turns])


def mixture(data: Path, seed: int) -> Iterator[Exercise]:
    """Exercises from all sources in the shares above, for ever."""
    r = random.Random(seed)
    schema = sgd.read_schema(data / "sgd" / "schema_train.json")
    sources = {
        "sgd": sgd.exercises(sgd.read_turns(data / "sgd" / "travel_train.jsonl"), schema, random.Random(seed + 1)),
        "generated": utterances.exercises(random.Random(seed + 2)),
        "faq": faq.exercises(faq.read_pairs(data / "dstc9_faq" / "knowledge.json"), random.Random(seed + 3)),
    }
    while True:
        yield next(sources[r.choices(list(SHARES), list(SHARES.values()))[0]])


def train_tiny(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the model to.")] = Path("build/tiny"),
    data: Annotated[Path, typer.Option(help="Folder with sgd/ and dstc9_faq/ (see the model card).")] = Path(
        "../shared/data"
    ),
    minutes: Annotated[float, typer.Option(help="Time budget in minutes.")] = 60,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    start: Annotated[Path | None, typer.Option(help="Go on from the folder of an earlier training.")] = None,
    seed: int = 0,
) -> None:
    """Train the shipped model from scratch."""
    import torch

    from models.training.network import Shape
    from models.training.trainer import Progress, Recipe, train

    console = Console(stderr=True)
    torch.set_num_threads(threads)
    if not (data / "sgd" / "travel_train.jsonl").is_file():
        console.print(
            f"No training data in {data}: give its folder with --data (models/tiny/README.md says what it holds)."
        )
        raise typer.Exit(2)

    def report(progress: Progress) -> None:
        console.print(
            f"{progress.share:6.1%}  step {progress.steps}  {progress.tokens / 1e6:.1f}M tokens"
            f"  loss {progress.loss:.4f}"
        )

    shape = Shape(hidden=256, heads=4, feedforward=640, layers=4)
    end = train(
        mixture(data, seed),
        mixture(data, seed + 10),
        render,
        out,
        Recipe(minutes=minutes, seed=seed),
        shape,
        report,
        start,
    )
    summary = {
        "steps": end.steps, "tokens": end.tokens, "output_loss": round(end.loss, 4), "prompts": prompts.TRAINED_HASH,
        "minutes": minutes, "seed": seed, "threads": threads,
    }  # fmt: skip
    (out / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
