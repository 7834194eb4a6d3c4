"""Trial: a model measured against the encoder on an app's own labelled messages, and the verdict kept beside the app.

A model chooses at the gate only after it has won its trial; what it won for one app, or what another model won, is
nothing to it. Knows decisions and files; asks no model itself (opinion.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.files import write_bytes
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.decision import Decision

LUCK = 0.05
"""Most likely that a model which is no better than the encoder comes out as far ahead: a one-sided sign test."""
QUESTION = 0.5
"""What a question between two intents is worth, of which one is right: the customer gets there, but was asked."""


@dataclass(frozen=True)
class Trial:
    """`identity`: what exactly was measured (`Engine.identity`); `app`: a digest of the examples and prompts that it
    was measured with.

    Of `messages`, each decided by an encoder that had not seen it, the encoder was not sure of `asked`. `encoder`,
    `cascade` and `alone` are what its decisions, both together, and the model's alone were worth on those, 0 to 1;
    `better` and `worse`: how many of them both together decided better or worse than the encoder.
    """

    model: str
    identity: str
    app: str
    messages: int
    asked: int
    encoder: float
    cascade: float
    alone: float
    better: int
    worse: int

    @property
    def luck(self) -> float:
        """How likely so many better ones, or more, would be if better and worse were equally likely."""
        ties = self.better + self.worse
        return float(sum(comb(ties, wins) for wins in range(self.better, ties + 1)) / 2**ties)

    @property
    def won(self) -> bool:
        """Whether the model has earned its say: with it more is decided right, and hardly by luck."""
        return self.cascade > self.encoder and self.luck <= LUCK

    def __str__(self) -> str:
        verdict = "decides where the encoder is not sure" if self.won else "does not decide"
        return (
            f"{self.model} {verdict}: of {self.asked} messages of which the encoder was not sure it decided"
            f" {self.better} better and {self.worse} worse ({self.encoder:.0%} right without it, {self.cascade:.0%}"
            f" with it, {self.alone:.0%} by it alone)."
        )


def tried(
    model: str, identity: str, app: str, messages: int, decided: Sequence[tuple[str, Decision, Decision, Decision]]
) -> Trial:
    """The trial that came of decisions on messages: for each its label, the encoder's decision, both's, the model's."""
    worths = [tuple(worth(label, decision) for decision in decisions) for label, *decisions in decided]
    encoder, cascade, alone = (
        round(sum(row[place] for row in worths) / len(worths), 4) if worths else 0.0 for place in range(3)
    )
    better, worse = sum(row[1] > row[0] for row in worths), sum(row[1] < row[0] for row in worths)
    return Trial(model, identity, app, messages, len(worths), encoder, cascade, alone, better, worse)


def worth(label: str, decision: Decision) -> float:
    """1 for a right decision, 0 for a wrong one, between them for a question whose answer leads there."""
    if decision.label is not None:
        return float(decision.label == label)
    asked = [name for name, _ in decision.candidates if name != OUT_OF_SCOPE][:2]
    return QUESTION * (label in asked)


def read_trials(path: Path | None) -> Mapping[str, Trial]:
    """Trials by the model's identity; none where no file is. UsageError for a file that is something else."""
    if path is None or not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_bytes())["trials"]
        return {row["identity"]: Trial(**row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{path} holds no trials of models ({' '.join(str(error).split())[:120]}): remove it, and run interlock"
            " calibrate --model again."
        ) from error


def keep(trial: Trial, path: Path) -> None:
    """Put a trial beside the others in `path`, in the place of an earlier one of the same model."""
    trials = {**read_trials(path), trial.identity: trial}
    body = {"trials": [asdict(one) for one in trials.values()]}
    write_bytes(path, json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n")
