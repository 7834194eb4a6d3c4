"""Pictures of pages made text by ocrmypdf, a program of its own that is used only where somebody asks for it.

Knows how it is called, how long it may take, and that each file is read once: what came of it is kept, by content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from index.errors import SourceError
from index.reading.extraction import MOST_BYTES
from index.reading.opening import opened, whole
from index.reading.reading import Unreadable

PROGRAM = "ocrmypdf"
READER = "tesseract"
"""What it reads letters with; knows the languages."""
SECONDS = 1800.0
"""For a file. A page of print takes one to three seconds of a core."""


@dataclass(frozen=True)
class Ocr:
    """`language`: Tesseract's names, "eng" or "deu+eng". `folder`: where PDFs with text are kept, for the next build.

    Raises SourceError where a program or a language is missing, so that it is known before anything is read, and also
    where no PDF turns out to be a picture.
    """

    language: str
    folder: Path
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        for program in (PROGRAM, READER):
            if shutil.which(program) is None:
                raise SourceError(
                    f"Pictures of pages cannot be read, since {program} is not installed",
                    f"install it with Tesseract and its languages (apt install {PROGRAM}), or leave --ocr out",
                )
        there = _languages()
        missing = [name for name in self.language.split("+") if name not in there]
        if missing:
            raise SourceError(
                f"Tesseract has no language {' and no '.join(map(repr, missing))} on this machine",
                f"it has {', '.join(there) or 'none'}: name such as eng or deu+eng, or install it"
                " (apt install tesseract-ocr-deu)",
            )

    def with_text(self, path: Path) -> Path:
        """A PDF of the same pages of which each has text; pages that had some are as they were. Raises Unreadable."""
        with opened(path) as stream:
            content = whole(stream, MOST_BYTES)
        kept = self.folder / f"{hashlib.sha256(content).hexdigest()}-{self.language.replace('/', '_')}.pdf"
        if kept.is_file():
            return kept
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unfinished-", dir=self.folder) as room:
            scan, made = Path(room, "scan.pdf"), Path(room, "text.pdf")
            scan.write_bytes(content)
            self._run(["--skip-text", "--output-type", "pdf", "--optimize", "0", "-l", self.language, scan, made])
            made.replace(kept)
        return kept

    def _run(self, arguments: list[str | Path]) -> None:
        process = subprocess.Popen(
            [PROGRAM, "--quiet", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # with the programs that it starts it is ended as one
        )
        try:
            _, said = process.communicate(timeout=self.seconds)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Unreadable(f"takes {PROGRAM} more than {self.seconds:g} seconds") from None
            raise
        if process.returncode:
            last = (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise Unreadable(f"is not made text by {PROGRAM} ({' '.join(last.split())[:120].rstrip('.')})")


def _languages() -> list[str]:
    """What Tesseract can read here; "osd" is none, it tells which way up a page is."""
    told = subprocess.run(
        [READER, "--list-langs"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    # Older releases write to stderr. The first line is a heading.
    lines = (told.stdout or told.stderr).splitlines()[1:]
    return sorted(name for line in lines if (name := line.strip()) and name != "osd")
