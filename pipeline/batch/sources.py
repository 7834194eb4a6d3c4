"""Sources: what a user names as input, opened to be read from its beginning to its end, once.

Knows paths, patterns, compression and fsspec's addresses; knows nothing of what is in a file.
"""

from __future__ import annotations

import contextlib
import glob
import io
import lzma
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import fsspec

from pipeline.errors import UsageError

STDIN = "/dev/stdin"
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def named(inputs: Sequence[str]) -> list[str]:
    """The sources that some words of a command line name: "-", a path, a pattern, or an address. UsageError."""
    found: list[str] = []
    for one in inputs:
        if one == "-":
            found.append(STDIN)
        elif any(mark in one for mark in "*?[") and not Path(one).exists():
            matched = _matched(one)
            if not matched:
                raise UsageError(f"No file matches {one}: check the pattern.")
            found += matched
        else:
            found.append(one)
    for one in found:
        if found.count(one) > 1:
            raise UsageError(f"{one} is given twice: give it once.")
    return found


@contextlib.contextmanager
def opened(source: Path | str) -> Iterator[BinaryIO]:
    """The bytes of a source, unpacked if its name ends like a compressed file's. UsageError where it cannot be read."""
    address = str(source)
    try:
        if address.endswith(".zst"):
            import pyarrow as pa

            with fsspec.open(address, "rb") as raw, io.BufferedReader(pa.CompressedInputStream(raw, "zstd")) as stream:
                yield stream
        elif "://" in address or address.endswith(COMPRESSED):
            with fsspec.open(address, "rb", compression="infer") as stream:
                yield cast(BinaryIO, stream)
        else:
            with Path(address).open("rb") as stream:
                yield stream
    except UsageError:
        raise
    except ImportError as error:
        raise UsageError(f"{address} needs a package that is not installed ({error}): install it.") from error
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200].rstrip(".")
        there = not isinstance(error, FileNotFoundError) and getattr(error, "errno", None) is None
        damaged = there and address.endswith(COMPRESSED)
        mend = "it is damaged, or not what its name says" if damaged else "check the path"
        raise UsageError(f"{address} cannot be read ({reason}): {mend}.") from error


def _matched(pattern: str) -> list[str]:
    if "://" not in pattern:
        return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (a pattern may begin at the root)
    try:
        files = fsspec.core.url_to_fs(pattern)
        return sorted(files[0].unstrip_protocol(name) for name in files[0].glob(files[1]))
    except (ImportError, OSError, ValueError) as error:
        raise UsageError(f"{pattern} cannot be searched ({error}): check the address.") from error
