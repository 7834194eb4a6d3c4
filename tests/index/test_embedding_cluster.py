"""Embedding on a local Ray: a worker is killed, and every passage has its vector all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index import Embedder, EncoderError, Index, build_index

pytest.importorskip("ray")

PROGRAM = """
import os, signal, sys
from pathlib import Path
from index import build_index
from index.cluster import spread

with spread(cpus=2) as embedder:
    def kill(done, total):
        print(done, total, file=sys.__stdout__, flush=True)
        if done == 0:
            os.kill(embedder.processes[0], signal.SIGKILL)
    build_index([Path(sys.argv[1])], Path(sys.argv[2]), embedder, kill).close()
"""
COUNT = 600


def test_an_index_built_on_a_cluster_is_the_one_built_here(embedder: Embedder, tmp_path: Path) -> None:
    rows = (f'{{"_id": "{n}", "text": "Rule {n} says that a bag of {n * 7} kg is refused."}}\n' for n in range(COUNT))
    (tmp_path / "corpus.jsonl").write_text("".join(rows))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "corpus.jsonl"), str(tmp_path / "there")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "600", "600", "600"]
    with (
        Index.open(tmp_path / "there") as there,
        build_index([tmp_path / "corpus.jsonl"], tmp_path / "here", embedder) as here,
    ):
        every = np.arange(COUNT)
        assert there.passages(every) == here.passages(every)
        assert np.allclose(there.vectors(every), here.vectors(every), atol=1e-5)
        assert there.manifest.fingerprint == here.manifest.fingerprint


def test_a_cluster_that_does_not_answer_is_one_sentence() -> None:
    from index.cluster import spread

    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(EncoderError, match=r"cannot be (reached|used)"), spread(address=address):
            pass
