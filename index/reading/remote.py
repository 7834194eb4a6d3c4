"""Sources that lie elsewhere ("s3://bucket/docs", "hf://datasets/owner/name"): fetched, then read as a folder.

fsspec knows the stores. Only files that some format reads are fetched, and the rules on what to ignore beside them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import fsspec

from index.errors import SourceError
from index.reading.files import IGNORE_FILES
from index.reading.formats import CONVERTED, SUFFIXES


@contextmanager
def local(source: Path | str) -> Iterator[Path]:
    """`source` as a path: itself, or a copy of what the address names, which is gone afterwards. Raises SourceError."""
    address = str(source)
    if "://" not in address:
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="interlock-") as folder:
        try:
            files, root = fsspec.url_to_fs(address)
            root = str(root).rstrip("/")
            top = Path(folder, PurePosixPath(root).name or "source")
            if files.isfile(root):
                files.get_file(root, str(top))
            elif not files.exists(root):
                raise FileNotFoundError("nothing is there")
            else:
                top.mkdir()
            for name in sorted(files.find(root)) if top.is_dir() else ():
                below = PurePosixPath(name.removeprefix(root).lstrip("/"))
                suffix = below.suffix.lower()
                if suffix not in SUFFIXES and suffix not in CONVERTED and below.name not in IGNORE_FILES:
                    continue
                to = top.joinpath(*(part for part in below.parts if part != ".."))
                to.parent.mkdir(parents=True, exist_ok=True)
                if suffix in CONVERTED:  # only listed, and so not fetched
                    to.touch()
                else:
                    files.get_file(name, str(to))
        except ImportError as error:
            why = f"{address} needs a package that is not installed ({error})"
            raise SourceError(why, "install it") from None
        except Exception as error:  # every kind of store has errors of its own
            reason = " ".join(f"{error or type(error).__name__}".split())[:200].rstrip(".")
            raise SourceError(f"{address} cannot be read ({reason})", "check the address and your access") from None
        yield top
