"""Where a model's files are, and what exactly they are. Loads no model; asks the network only for a Hugging Face name
that is new to it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

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
