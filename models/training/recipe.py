"""How long and how hard to train, on a CPU and on a GPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Rates are peaks; `batch` is in tokens; `warmup` and `decay` are shares of the time; `every` is
    the steps between two reports.

    The defaults are what one CPU core can afford: as many steps as possible.
    """

    minutes: float = 60.0
    batch: int = 4096
    matrix_rate: float = 0.01
    other_rate: float = 3e-3
    prompt_share: float = 0.06
    warmup: float = 0.01
    decay: float = 0.5
    seed: int = 0
    workers: int = 0
    compile: bool = True
    every: int = 50


def gpu_recipe(minutes: float, seed: int, workers: int, compile: bool = True) -> Recipe:
    """Sixteen times the CPU's batch, which a GPU reads in about the time that the optimizers take.

    Rates grow by less than the square root of that (4, by which Adam's may: Malladi et al. 2022), since there are
    several times as many steps in which to move.
    """
    return Recipe(
        minutes, 65_536, matrix_rate=0.02, other_rate=5e-3, decay=0.6, seed=seed, workers=workers, compile=compile,
        every=500,
    )  # fmt: skip
