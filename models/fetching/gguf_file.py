"""GgufFile: what a GGUF file says of itself. Reads its metadata; neither weights nor transformers."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from models.errors import ModelNotFound

_MAGIC = b"GGUF"
_FIELDS = ("general.architecture", "general.license", "split.count", "tokenizer.chat_template")


@dataclass(frozen=True)
class GgufFile:
    """`license` as the file names it, "" where it names none."""

    path: Path
    architecture: str
    license: str

    @classmethod
    def read(cls, path: Path) -> GgufFile:
        """Raises ModelNotFound for what is no GGUF file, is damaged, is a part of one, or cannot take messages."""
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise ModelNotFound(f"{path} is not a GGUF file.", "Give a GGUF file, or a Hugging Face folder.")

        from gguf import GGUFReader

        try:
            fields = GGUFReader(path).fields
            found = {name: str(fields[name].contents()) if name in fields else "" for name in _FIELDS}
        except (ValueError, IndexError, KeyError, OverflowError, TypeError) as error:
            reason = (str(error).splitlines() or [""])[0].rstrip(".")
            raise ModelNotFound(f"{path} is damaged or cut off ({reason}).", "Download it again.") from error
        if not found["general.architecture"]:
            raise ModelNotFound(f"{path} does not say what kind of model it is.", "Give another GGUF file.")
        if found["split.count"] not in ("", "0", "1"):
            raise ModelNotFound(
                f"{path} is one of {found['split.count']} parts.", "Merge them first: `llama-gguf-split --merge`."
            )
        if not found["tokenizer.chat_template"]:
            raise ModelNotFound(
                f"{path} has no chat template, so it cannot take messages.", "Give a model that is tuned for chat."
            )
        return cls(path, found["general.architecture"], found["general.license"])


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
