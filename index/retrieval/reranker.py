"""Re-ranking with a cross-encoder, which reads query and passage together. Knows nothing of how passages were found.

None comes with the project: name one of sentence-transformers' cross-encoders, or its folder.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.errors import EncoderError
from index.weights import hub_answers

_BATCH = 32
# A cross-encoder cuts at its token limit anyway.
_LONGEST = 32_768


class Reranker:
    """`name`: a sentence-transformers CrossEncoder with one output, by name or folder. Loaded at first use.

    Safe to use from several threads; calls take turns. Raises EncoderError when the model cannot be loaded.
    """

    def __init__(self, name: str, *, device: str = "cpu") -> None:
        path = Path(name).expanduser()
        if not name or (name.startswith((".", "/", "~")) and not path.is_dir()):
            raise EncoderError(f"There is no cross-encoder folder {name!r}", "name a cross-encoder or its folder")
        self.name = name
        self._source = str(path) if path.is_dir() else name
        self._device = device
        self._model: Any = None
        self._lock = threading.Lock()

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, higher is better; comparable for one query."""
        pairs = [(_clean(query), _clean(text)) for text in texts]
        if not pairs:
            return []
        with self._lock:
            if self._model is None:
                self._model = self._open()
            scores = self._model.predict(pairs, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True)
        return [float(score) for score in scores]

    def _open(self) -> Any:
        try:
            try:
                model = self._read(local=True)
            except OSError:
                if Path(self._source).is_dir():
                    raise
                if not hub_answers():
                    raise EncoderError(
                        f"The cross-encoder {self.name} is not on this machine, and the model hub does not answer",
                        "name its folder, or download it first",
                    ) from None
                model = self._read(local=False)
        except EncoderError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[0][:200].rstrip(".")
            raise EncoderError(
                f"The cross-encoder {self.name} cannot be loaded ({reason})", "name a cross-encoder or its folder"
            ) from error
        if model.num_labels != 1:
            raise EncoderError(
                f"{self.name} gives {model.num_labels} values for a pair of texts",
                "name a cross-encoder for re-ranking, which gives one",
            )
        return model

    def _read(self, *, local: bool) -> Any:
        from sentence_transformers import CrossEncoder

        # Weights in pickle form can run code when loaded: safetensors only.
        kwargs = {"use_safetensors": True}
        return CrossEncoder(self._source, device=self._device, local_files_only=local, model_kwargs=kwargs)


def _clean(text: str) -> str:
    return text[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
