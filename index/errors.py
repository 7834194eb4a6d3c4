"""What can go wrong between a folder of text and an answer from it, as one sentence each.

    KnowledgeError
    ├── SourceError          a file or folder to be indexed is missing, unreadable, not text, or holds no text
    ├── EncoderError         the sentence encoder is missing, altered, or not a sentence-transformers model
    │   └── EncoderMismatch  the index was built with another encoder than the one given
    ├── WhereError           a condition on metadata cannot be read
    ├── JudgementsError      queries or judgements for an evaluation cannot be used
    └── IndexFolderError     something is wrong with the folder that should hold an index
        ├── NotAnIndex       there is no index there
        ├── DamagedIndex     a file of the index is missing, torn or altered
        ├── NewerIndex       written by a later release
        ├── OlderIndex       written by an earlier release, in a format that is no longer read
        └── IndexBusy        another process is building it

Knows nothing of exit codes or terminals: who catches an error decides how to show it.
"""

from __future__ import annotations

from typing import ClassVar


class KnowledgeError(Exception):
    """Root of the tree. `str(error)` is one sentence: what happened, then what to do."""

    hint: ClassVar[str] = ""

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.advice = self.hint if hint is None else hint

    def __str__(self) -> str:
        return f"{self.what}; {self.advice}." if self.advice else f"{self.what}."


class SourceError(KnowledgeError):
    """A file or folder to be indexed cannot be used."""

    hint = "give folders or files of Markdown, text, HTML, PDF, DOCX, EPUB, EML, CSV or JSONL"


class EncoderError(KnowledgeError):
    """The sentence encoder cannot be used."""

    hint = "name a sentence-transformers model or its folder"


class EncoderMismatch(EncoderError):
    """The index was built with another encoder, so its vectors mean nothing to this one."""

    hint = "use that encoder, or build the index again with this one"


class WhereError(KnowledgeError):
    """A condition on metadata cannot be read."""

    hint = """write it like lang = "en" and year >= 2024"""


class JudgementsError(KnowledgeError):
    """Queries or judgements for an evaluation cannot be used."""

    hint = "give queries.jsonl (_id, text) and qrels.tsv (query-id, corpus-id, score) as BEIR has them"


class IndexFolderError(KnowledgeError):
    """The folder that should hold an index does not hold a usable one."""

    hint = "build it again with `interlock index build`"


class NotAnIndex(IndexFolderError):
    """There is no index at this path."""

    hint = "build one with `interlock index build DIR -o INDEX`"


class DamagedIndex(IndexFolderError):
    """A file of the index is missing, torn or altered."""


class NewerIndex(IndexFolderError):
    """The index was written by a later release."""

    hint = "upgrade interlock, or build the index again with this release"


class OlderIndex(IndexFolderError):
    """The index was written by an earlier release, in a format that this one does not read."""


class IndexBusy(IndexFolderError):
    """Another process is building this index."""

    hint = "wait for it to finish, then try again"
