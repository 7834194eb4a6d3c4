"""`interlock train-tiny`: train the shipped model from scratch, on the pipeline's own prompts."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from models.engines.engine import Message
from models.training import faq, sgd, utterances, values
from models.training.exercise import Exercise
from pipeline.prompts import copier
from pipeline.record import Turn
from scripts.console import console

TRAIN, DEV = Path("sgd/travel_train.jsonl"), Path("sgd/travel_dev.jsonl")
SHARES = {"sgd": 0.45, "generated": 0.5, "faq": 0.05}


def render(exercise: Exercise) -> Sequence[Message]:
    """Lay an exercise out exactly as a run lays out the same request."""
    if exercise.kind == "answer":
        return copier.evidence(exercise.fields, exercise.turns[-1][1], exercise.evidence)
    return copier.form(exercise.fields, [Turn(role, text) for role, text in exercise.turns])


def mixture(data: Path, seed: int) -> Iterator[Exercise]:
    """Exercises from all sources in the shares above, for ever."""
    r = random.Random(seed)
    schema = sgd.read_schema(data / "sgd" / "schema_train.json")
    sources = {
        "sgd": sgd.exercises(sgd.read_turns(data / TRAIN), schema, random.Random(seed + 1)),
        "generated": utterances.exercises(random.Random(seed + 2)),
        "faq": faq.exercises(faq.read_pairs(data / "dstc9_faq" / "knowledge.json"), random.Random(seed + 3)),
    }
    while True:
        yield next(sources[r.choices(list(SHARES), list(SHARES.values()))[0]])


def watched(data: Path) -> list[Exercise]:
    """Turns of dialogues that are not practised, as they stand, a few hundred at random."""
    schema = sgd.read_schema(data / "sgd" / "schema_dev.json")
    return [sgd.plain(turn, schema) for turn in random.Random(0).sample(sgd.read_turns(data / DEV), 512)]


def train_tiny(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the model to.")] = Path("build/tiny"),
    data: Annotated[Path, typer.Option(help="Folder with sgd/ and dstc9_faq/ (see the model card).")] = Path(
        "../shared/data"
    ),
    minutes: Annotated[
        float, typer.Option(min=0.01, help="Time budget in minutes; a GPU's compiler comes on top.")
    ] = 60,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the network.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that make exercises; with a GPU, all cores but two.")
    ] = None,
    start: Annotated[Path | None, typer.Option(help="Go on from the folder of an earlier training.")] = None,
    compile: Annotated[bool, typer.Option(help="Compile the network first.")] = True,
    seed: int = 0,
) -> None:
    """Train the shipped model from scratch."""
    values.numbers()  # before anything else: an installed Interlock cannot
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # each process has its own core
    import torch

    from models.training.network import Shape
    from models.training.recipe import Recipe, gpu_recipe
    from models.training.trainer import Progress, train

    torch.set_num_threads(threads)
    if not (data / TRAIN).is_file():
        console.print(
            f"No training data in {data}: give its folder with --data (models/tiny/README.md says what it holds)."
        )
        raise typer.Exit(2)

    def report(progress: Progress) -> None:
        beside = "" if progress.watched is None else f"  unseen dialogues {progress.watched:.4f}"
        console.print(
            f"{progress.share:6.1%}  step {progress.steps}  {progress.tokens / 1e6:.1f}M tokens"
            f"  loss {progress.loss:.4f}{beside}"
        )

    gpu = torch.cuda.is_available()
    if gpu:
        makers = max(1, (os.cpu_count() or 1) - 2) if workers is None else workers
        recipe = gpu_recipe(minutes, seed, makers, compile)
    else:
        recipe = Recipe(minutes=minutes, seed=seed, workers=workers or 0, compile=compile)
    shape = Shape(hidden=256, heads=4, feedforward=640, layers=4)
    end = train(partial(mixture, data), render, out, recipe, shape, report, start, watched(data) if gpu else ())
    summary = {
        "prompts": copier.TRAINED_HASH, "steps": end.steps, "tokens": end.tokens, "output_loss": end.loss,
        "unseen_output_loss": end.watched, **asdict(recipe), "threads": threads,
        "device": torch.cuda.get_device_name() if gpu else "cpu", "torch": torch.__version__,
    }  # fmt: skip
    (out / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary))
