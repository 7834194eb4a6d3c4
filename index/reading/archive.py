"""Zip files that are documents (DOCX, EPUB, PPTX, workbooks): whether they are what they say, and no bombs."""

from __future__ import annotations

import zipfile
from io import BytesIO

from index.reading.reading import Unreadable

MOST_UNPACKED = 268_435_456
_MOST_MEMBERS = 10_000
_STEP = 1_048_576


def check_archive(content: bytes, noun: str) -> None:
    """Unpack everything once, keeping nothing: what a zip file says of its sizes need not be so. Raises Unreadable."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > MOST_UNPACKED:
                raise Unreadable(f"unpacks to more than {MOST_UNPACKED:,} bytes or {_MOST_MEMBERS:,} files")
            unpacked = 0
            for member in members:
                with archive.open(member) as stream:
                    while step := stream.read(_STEP):
                        unpacked += len(step)
                        if unpacked > MOST_UNPACKED:
                            raise Unreadable(f"unpacks to more than {MOST_UNPACKED:,} bytes")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Unreadable(f"is no readable {noun} ({str(error)[:120].rstrip('.')})") from None
