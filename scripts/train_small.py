"""`interlock train-small`: train an adapter for a pretrained model on the pipeline's own prompts and grammars."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from models.engines.profiles import profile_of
from models.training import values
from scripts.console import console
from scripts.lessons import held_out, mixture


def train_small(
    base: Annotated[str, typer.Option(help="The model, as --model takes it.")] = "smollm2",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the adapter to.")] = Path("build/small"),
    data: Annotated[Path, typer.Option(help="Folder with sgd/, dstc9_faq/ and clinc150/.")] = Path("../shared/data"),
    minutes: Annotated[float, typer.Option(help="Time budget.")] = 60,
    rate: Annotated[float, typer.Option(help="Peak of the learning rate.")] = 1e-3,
    seed: int = 0,
) -> None:
    """Train an adapter for a pretrained model."""
    values.numbers()  # before anything else: an installed Interlock cannot
    import torch

    from models.engines.model_folder import find_model_folder
    from models.training.adapter import AdapterRecipe, Progress, prepare, train
    from models.training.lesson import Packer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(seed)
    recipe, profile = AdapterRecipe(minutes=minutes, rate=rate), profile_of(base)
    tokenizer, model = prepare(find_model_folder(base, console.print), recipe, device)
    packer = Packer(tokenizer, profile)
    out.mkdir(parents=True, exist_ok=True)
    curve = out / "curve.jsonl"

    def report(progress: Progress) -> None:
        row = json.dumps(asdict(progress))
        console.print(row)
        with curve.open("a") as file:
            file.write(row + "\n")

    end = train(model, mixture(data, profile, packer, seed), out, recipe, report, held_out(data, profile, packer))
    print(json.dumps({"base": base, **asdict(recipe), **asdict(end), "refused": packer.refused, "device": device}))
