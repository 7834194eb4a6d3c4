"""GateModel: a fitted gate: its intents, head and calibration, and how they are kept in files.

`NAME.json` holds everything a person may want to read, `NAME.safetensors` beside it the head's matrices; the first
names the second's SHA-256. Nothing in them is code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from index.weights import DEFAULT_ENCODER
from pipeline.errors import UsageError
from pipeline.files import write_bytes
from pipeline.intents import OUT_OF_SCOPE
from pipeline.routing.calibration import Calibration
from pipeline.routing.curve import Floats
from pipeline.routing.decision import Verdict, verdict
from pipeline.routing.head import Head, Matrix
from pipeline.routing.neighbours import Neighbours
from pipeline.routing.scope import Reading

VERSION = 1


@dataclass(frozen=True, eq=False)
class GateModel:
    """`encoder` (a fingerprint) and `examples` (a digest) tell what it was fitted with, `encoder_name` where that
    encoder is found: a name, or a folder's full path; `figures` are what its fitting measured.
    """

    intents: tuple[str, ...]
    head: Head
    calibration: Calibration
    encoder: str = ""
    examples: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    neighbours: Neighbours | None = None
    encoder_name: str = DEFAULT_ENCODER

    def __post_init__(self) -> None:
        if self.calibration.compares and self.neighbours is None:
            raise ValueError("its nearest examples are missing")

    def probabilities(self, vectors: Matrix, without: Collection[str] = ()) -> Floats:
        """(m, intents + 1), in the order of `intents` and then out of scope. `without`: intents that are ruled out."""
        scores = self.head.scores(vectors)
        likeness = None
        if self.neighbours is not None:
            likeness = self.neighbours.likeness(vectors, scores[:, : len(self.intents)].argmax(axis=1))
        probabilities = self.calibration.probabilities(Reading(scores, likeness), len(self.intents))
        if without:
            probabilities[:, :-1] *= [name not in without for name in self.intents]
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

    def verdicts(self, vectors: Matrix, without: Collection[str] = ()) -> list[Verdict]:
        """One a row of vectors (m, d); `without`: intents that are ruled out."""
        return [
            verdict(dict(zip(self.names, row.tolist(), strict=True)), self.calibration)
            for row in self.probabilities(vectors, without)
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of `probabilities`."""
        return (*self.intents, OUT_OF_SCOPE)

    def save(self, path: Path) -> None:
        """Write `path` (a .json) and the matrices beside it, each whole or not at all."""
        from safetensors.numpy import save

        parts = {"weights": np.ascontiguousarray(self.head.weights), "bias": self.head.bias}
        if self.neighbours is not None:
            parts |= {name: np.ascontiguousarray(part) for name, part in vars(self.neighbours).items()}
        matrices = save(parts)
        facts = {
            "version": VERSION,
            "intents": list(self.intents),
            "method": self.head.method,
            "calibration": asdict(self.calibration),
            "encoder": self.encoder,
            "encoder_name": _within(self.encoder_name, path),
            "examples": self.examples,
            "figures": self.figures,
            "sha256": hashlib.sha256(matrices).hexdigest(),
        }
        write_bytes(_matrices(path), matrices)
        write_bytes(path, json.dumps(facts, ensure_ascii=False, indent=1).encode() + b"\n")

    @classmethod
    def load(cls, path: Path) -> GateModel:
        """Read what `save` wrote. UsageError for anything else."""
        from safetensors.numpy import load

        try:
            facts = json.loads(path.read_bytes())
            matrices = _matrices(path).read_bytes()
            if facts["version"] != VERSION or hashlib.sha256(matrices).hexdigest() != facts["sha256"]:
                raise ValueError("its parts do not belong together")
            parts = load(matrices)
            kept = facts["calibration"]  # without `doubt`, `aim` and `apart` where an earlier release wrote it
            pairs = {name: tuple(kept[name]) for name in ("scope", "doubt", "apart") if kept.get(name) is not None}
            calibration = Calibration(**kept | pairs)
            head = Head(parts["weights"], parts["bias"], facts["method"])
            intents = tuple(str(name) for name in facts["intents"])
            if head.weights.shape[1] != len(head.bias) or len(head.bias) - len(intents) not in (0, 1):
                raise ValueError("its matrices do not fit its intents")
            neighbours = None
            if calibration.compares:
                neighbours = Neighbours(parts["directions"], parts["examples"], parts["numbers"])
            # Without a name where an earlier release wrote it, which had one encoder for all gates.
            named = _from(facts.get("encoder_name", DEFAULT_ENCODER), path)
            fitted_with = (facts["encoder"], facts["examples"], facts["figures"])
            return cls(intents, head, calibration, *fitted_with, neighbours, named)
        except Exception as error:  # a file anybody may have touched: whatever is wrong with it, it is no gate
            raise UsageError(
                f"{path} is no calibrated gate ({' '.join(str(error).split())[:120]}): run interlock calibrate again."
            ) from error


def _within(encoder: str, path: Path) -> str:
    """An encoder's folder inside of the gate's as "./…", so that both can be moved together; any other as it is."""
    home = path.parent.resolve()
    return f"./{Path(encoder).relative_to(home)}" if Path(encoder).is_relative_to(home) else encoder


def _from(encoder: str, path: Path) -> str:
    return str(path.parent.resolve() / encoder) if encoder.startswith("./") else encoder


def _matrices(path: Path) -> Path:
    return path.with_suffix(".safetensors")
