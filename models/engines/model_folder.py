"""Where a model's files are, what they call it, and what exactly they are.

Loads no model; asks the network only for a Hugging Face name that is new to it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import yaml

from models.errors import ModelNotFound
from models.fetching.catalogue import CATALOGUE
from models.fetching.fetch import fetch_file, fetched
from models.grammar.control_tokens import marks

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILES = ["*.json", "*.jinja", "*.safetensors", "*.txt", "*.model"]  # no pickles: weights must not be able to run code


def find_model_folder(model: str, progress: Callable[[str], None]) -> Path:
    """The folder that holds `model`: a path, a path inside this installation ("models/tiny"), a GGUF file, a name of
    `interlock fetch`, or a Hugging Face name.

    A GGUF file is converted once, into the user's cache. A Hugging Face name is looked up in its local cache first and
    downloaded otherwise. Raises ModelNotFound, or NotFetched where a file cannot be converted for want of room.
    """
    for folder in (Path(model).expanduser(), Path(__file__).parents[2] / model):
        if folder.is_dir():
            if not (folder / "config.json").is_file():
                raise ModelNotFound(
                    f"{model} is not a model folder: config.json is missing.",
                    "Give a Hugging Face folder, a Hugging Face name, or an http://… address.",
                )
            return folder.resolve()
    if model in CATALOGUE:
        return fetched(model)
    if (file := Path(model).expanduser()).is_file():
        return fetch_file(file, progress).folder
    if not _HUB_NAME.fullmatch(model):
        raise ModelNotFound(
            f"There is no model folder {model}.",
            "Give a Hugging Face folder, a Hugging Face name, or an http://… address.",
        )
    return _from_hub(model, progress)


def _from_hub(name: str, progress: Callable[[str], None]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        progress(f"Downloading {name}…")
    except HFValidationError as error:
        raise ModelNotFound(f"{name} is neither a folder nor a Hugging Face name.") from error
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFound(
            f"{name} is neither a folder nor in the local Hugging Face cache, and it could not be downloaded"
            f" ({type(error).__name__}).",
            "Check the name and the network, or give a folder with a model.",
        ) from error


def names_of(folder: Path) -> list[str]:
    """What a model's own files call it, the surest first: where it comes from, what it was made of, its architecture.

    Blanks and underscores are written as hyphens, as in names. Nothing for a folder that is not there.
    """
    names: list[object] = []
    if folder.parent.name == "snapshots":  # Hugging Face's cache: models--Qwen--Qwen3-8B/snapshots/1a2b…
        names.append(folder.parent.parent.name.rsplit("--", 1)[-1])
    config = _config(folder)
    # A GGUF file's own name for it comes here, too; transformers 5 writes another key than releases before it.
    names += [config.get("_name_or_path"), config.get("_model_name_or_path"), *_bases(folder), config.get("model_type")]
    return [re.sub(r"[ _]+", "-", name) for name in names if isinstance(name, str) and name]


def _config(folder: Path) -> dict[str, object]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # which whoever loads the folder tells
    return config if isinstance(config, dict) else {}


def _bases(folder: Path) -> list[object]:
    """The models that a folder's card says it was made from."""
    card = folder / "README.md"
    if not card.is_file():
        return []
    from huggingface_hub import metadata_load

    try:
        told = (metadata_load(card) or {}).get("base_model")
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return told if isinstance(told, list) else [told]


def weights_identity(folder: Path) -> str:
    """The SHA-256 over the folder's safetensors files in name order, "sha256:…". Raises ModelNotFound without any."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelNotFound(f"{folder} holds no weights in safetensors format.", "Convert the model to safetensors.")
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def control_tokens(folder: Path) -> list[str]:
    """What the folder's tokenizer reads as one token wherever it stands, if written as a mark; none where it is not in
    tokenizer.json."""
    file = folder / "tokenizer.json"
    added = json.loads(file.read_text(encoding="utf-8")).get("added_tokens", []) if file.is_file() else []
    return marks(token["content"] for token in added)
