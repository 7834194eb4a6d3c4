"""Embedding spread over a Ray cluster, on this machine or on several. The only file of this package that imports Ray.

Looks to a build like an `Embedder`; batches of texts go out and vectors come back, in order. Every worker loads the
encoder itself, under the same name, and is refused if it turns out to be another one.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from index.embedding import Embedder, Vectors
from index.errors import EncoderError
from index.weights import DEFAULT_ENCODER

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported
try:
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util import ActorPool
except ModuleNotFoundError as error:
    raise EncoderError(
        f"Embedding is spread by Ray, of which {error.name} is missing", "`pip install interlock[ray]`"
    ) from error

LOCAL = "local"
"""The address that starts Ray on this machine, for the length of the build."""
OBJECTS = 100_000_000
"""Bytes of Ray's object store here: batches only. Ray's least is 78,643,200."""
TEXTS = 256
"""How many texts go to a worker at once: about a second's work for a core."""
RESTARTS = 3
PATIENCE = 5.0
"""Seconds for the head of a cluster to answer."""


class _Worker:
    """One process of the cluster with an encoder of its own."""

    def __init__(self, name: str, device: str) -> None:
        self._embedder = Embedder(name, threads=1, device=device)

    def about(self) -> tuple[str, str, str, int]:
        """Fingerprint, device, precision, process id."""
        return self._embedder.fingerprint, self._embedder.device, self._embedder.precision, os.getpid()

    def encode(self, texts: list[str]) -> Vectors:
        return self._embedder.encode(texts)


class ClusterEmbedder:
    """As an `Embedder`, for a build: `encode` has the workers encode. Made by `spread`."""

    def __init__(self, name: str, workers: int, gpu: bool) -> None:
        self._local = Embedder(name)
        self.name, self.fingerprint = self._local.name, self._local.fingerprint
        self.dimensions, self.max_tokens = self._local.dimensions, self._local.max_tokens
        self.tokenizer = self._local.tokenizer
        self.step = workers * TEXTS * 4
        options = {"num_cpus": 1, "num_gpus": 1 if gpu else 0, "max_restarts": RESTARTS, "max_task_retries": RESTARTS}
        actor = ray.remote(_Worker).options(scheduling_strategy="SPREAD", **options)
        self._workers = [actor.remote(self.name, "cuda" if gpu else "cpu") for _ in range(workers)]
        about = _asked(lambda: ray.get([worker.about.remote() for worker in self._workers]))
        if {fingerprint for fingerprint, *_ in about} != {self.fingerprint}:
            raise EncoderError(f"A worker's {name} is not the encoder of that name here", "install the same everywhere")
        self.device = f"{workers} × {about[0][1]}"
        self.precision = str(about[0][2])
        self.processes = [int(process) for *_, process in about]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text: float32, shape (len(texts), dimensions). Raises EncoderError."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        # Dealt out evenly, of like length together: the last batches are the shortest.
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        batches = [order[start : start + TEXTS] for start in range(0, len(order), TEXTS)]
        pool = ActorPool(self._workers)
        found = _asked(
            lambda: list(
                pool.map(lambda worker, batch: worker.encode.remote([texts[place] for place in batch]), batches)
            )
        )
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for batch, part in zip(batches, found, strict=True):
            vectors[batch] = part
        return vectors


@contextmanager
def spread(name: str = DEFAULT_ENCODER, address: str = LOCAL, *, cpus: int | None = None) -> Iterator[ClusterEmbedder]:
    """An embedder over a cluster, for the length of a block: a worker a GPU, or a worker a core where there is none.

    `address`: "local", or that of a cluster's head, "host:port". `cpus`: of this machine, for "local".
    Raises EncoderError.
    """
    Embedder(name)  # a name that can be none is refused before anything is started
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"num_cpus": cpus, "object_store_memory": OBJECTS, "include_dashboard": False}
    elif "://" in address:
        raise EncoderError(f"{address} cannot be used", "run this on a machine of the cluster, with --ray HOST:PORT")
    try:
        if ":" in address:  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise EncoderError(f"Ray cannot be reached at {address} ({first})", "`ray start --head` starts it") from error
    try:
        with redirect_stdout(sys.stderr):  # where Ray would tell of lost workers, among the results
            room = ray.cluster_resources()
            gpus = int(room.get("GPU", 0))
            yield ClusterEmbedder(name, gpus or max(1, int(room.get("CPU", 1))), gpu=gpus > 0)
    finally:
        ray.shutdown()


def _asked(call: Any) -> Any:
    try:
        return call()
    except RayTaskError as error:
        if isinstance(error.cause, EncoderError):
            raise error.cause from None
        raise
    except RayError as error:
        first = " ".join(str(error).split("\n")[0].split())[:200].rstrip(".")
        raise EncoderError(f"A worker of the cluster is lost for good ({first})", "look at its machine") from None
