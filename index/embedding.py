"""From texts to unit vectors, with a sentence-transformers model in this process. Knows nothing of passages or storage.

One worker thread does all encoding: calls from any thread are safe and take turns, and torch's thread count is set for
that thread alone. By default it takes half of the cores, because the model that generates runs beside it and OpenMP
threads that outnumber the cores wait for each other (2 cores, another job on both: 56 texts/s on 1 thread, 14 on 2;
alone: 206 and 330). A build runs alone, and takes all: `Embedder.for_build`.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from index.errors import EncoderError
from index.weights import DEFAULT_ENCODER, Weights

# An encoder cuts at its token limit anyway; this only keeps a text of a megabyte from being tokenised first.
_CHARACTERS_PER_TOKEN = 64
# Texts that go through the model together. On a CPU 16 to 32 are best and 128 cost 15 %; a GPU wants to be filled.
_BATCH = 32
_GPU_BATCH = 256
_PROMPTS = {"encode_query": ("query",), "encode_document": ("document", "passage", "corpus")}

Vectors = npt.NDArray[np.float32]
Precision = Literal["auto", "float32", "float16", "bfloat16"]
T = TypeVar("T")


class Embedder:
    """A sentence encoder. `name`: "all-MiniLM-L6-v2" (comes with the project), a model's folder, or a name on the hub.

    The constructor only checks that the model can be there (raises EncoderError); weights are loaded at first use or by
    `load()`, which takes seconds. `threads`: torch threads, by default half of the cores. `device`: a torch device, or
    "auto" for the GPU if there is one. `precision`: "auto" is 32 bits on a CPU and 16 on a GPU: float16, and bfloat16
    for a model whose numbers float16 cannot hold. Vectors are float32 in any case, and the fingerprint is the same.
    """

    step: int = 512
    """How many texts to hand to `encode` at once where there are many: enough to fill batches, few to interrupt."""

    def __init__(
        self,
        name: str = DEFAULT_ENCODER,
        *,
        threads: int | None = None,
        device: str = "cpu",
        precision: Precision = "auto",
    ) -> None:
        self.weights = Weights(name)
        self.name = self.weights.name
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) // 2)
        self._device = device
        self._precision = precision
        self._model: Any = None
        self._fingerprint = ""
        self._loading = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")

    @classmethod
    def for_build(cls, name: str = DEFAULT_ENCODER, *, threads: int | None = None, device: str = "auto") -> Embedder:
        """An encoder that has the machine to itself: all cores, and the GPU if there is one."""
        return cls(name, threads=threads or len(os.sched_getaffinity(0)), device=device)

    def load(self) -> None:
        """Load the weights now. Raises EncoderError when these are altered, missing or no sentence encoder's."""
        with self._loading:
            if self._model is None:
                self._model, self._fingerprint = self._worker.submit(self._open).result()

    @property
    def fingerprint(self) -> str:
        """Names everything that shapes a vector: weights, name, vocabulary, pooling, length, normalisation."""
        self.load()
        return self._fingerprint

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0"."""
        self.load()
        return str(self._model.device)

    @property
    def precision(self) -> str:
        """What it computes in: "float32", "float16" or "bfloat16"."""
        self.load()
        return str(next(self._model.parameters()).dtype).removeprefix("torch.")

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        self.load()
        return int(self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that are read; the rest is cut."""
        self.load()
        length = self._model.max_seq_length
        # A static encoder (a table of words' vectors) has no limit; then as for one that does not say.
        return int(length) if length and math.isfinite(length) else 512

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer as JSON, truncation and padding off; None when it has no such form."""
        self.load()
        tokenizer = self._model.tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", tokenizer)  # a static encoder's has no wrapper
        if not hasattr(backend, "to_str"):
            return None
        return json.dumps(self._run(lambda: json.loads(backend.to_str())) | {"truncation": None, "padding": None})

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, with those that the encoder puts around it."""
        self.load()
        return self._run(
            lambda: [
                len(ids) for ids in self._model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
            ]
        )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text: float32, shape (len(texts), dimensions). From an event loop, call it in a thread.

        Texts of like length go through the model together, each under the model's prompt for passages if it has one.
        """
        return self._encode(texts, "encode_document")

    def encode_query(self, query: str) -> Vectors:
        """The unit vector of a search query, shape (dimensions,). Differs from `encode` if the encoder has prompts."""
        vector: Vectors = self.encode_queries([query])[0]
        return vector

    def encode_queries(self, queries: Sequence[str]) -> Vectors:
        """As `encode_query`, many at once: shape (len(queries), dimensions)."""
        return self._encode(queries, "encode_query")

    def _encode(self, texts: Sequence[str], method: str) -> Vectors:
        self.load()
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        longest = self.max_tokens * _CHARACTERS_PER_TOKEN
        # A lone surrogate (JSON's "\ud800") is a str to Python, and no text to a tokenizer.
        clean = [text[:longest].encode("utf-8", "replace").decode("utf-8") for text in texts]
        return self._run(lambda: self._unit_vectors(clean, method))

    def _unit_vectors(self, texts: list[str], method: str) -> Vectors:
        """In the worker thread only. That float16 overflows is found here; the model is then loaded as bfloat16."""
        batch = _BATCH if self._model.device.type == "cpu" else _GPU_BATCH
        # By name, because the model's method takes "document" even where that is empty and "passage" is not.
        prompt = next((name for name in _PROMPTS[method] if self._model.prompts.get(name)), None)
        options = {"prompt_name": prompt, "batch_size": batch, "show_progress_bar": False, "convert_to_tensor": True}
        raw = getattr(self._model, method)(texts, convert_to_numpy=False, **options)
        vectors = raw.float().cpu().numpy()
        if not np.isfinite(vectors).all():
            if self.precision != "float16":
                raise EncoderError(f"The encoder {self.name} gave a vector that is not finite")
            self._model = self.weights.load(str(self._model.device))[0].to(_dtype("bfloat16"))
            return self._unit_vectors(texts, method)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.ascontiguousarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)

    def _run(self, call: Callable[[], T]) -> T:
        return self._worker.submit(call).result()

    def _open(self) -> tuple[Any, str]:
        import torch

        from index.linear import swap_linear

        torch.set_num_threads(self.threads)
        device = self._device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        model, fingerprint = self.weights.load(device)
        half = "float16" if model.device.type == "cuda" else "float32"
        model.to(_dtype(half if self._precision == "auto" else self._precision))
        swap_linear(model)
        return model, fingerprint


def _dtype(name: str) -> Any:
    import torch

    return getattr(torch, name)
