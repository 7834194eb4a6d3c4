"""From bytes to text: byte order marks, UTF-8, or the encoding that fits best. Knows nothing of formats."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from index.reading.reading import Unreadable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What text files without a mark are found to be in; of two that fit alike, the first. None has states, so that a
# stretch of text has the same bytes wherever it stands.
_LIKELY = [
    *("cp1252", "utf_16_le", "utf_16_be", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("koi8_r", "gb18030", "big5", "cp932", "euc_jp", "euc_kr", "cp949"),
]
_SAMPLE = 65_536
# No text file holds these, and almost every other file does.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


@dataclass(frozen=True)
class Decoded:
    """`text.encode(encoding)` is exactly the file without its byte order mark, if `encoding` is not empty."""

    text: str
    encoding: str
    byte_order_mark: int = 0


def decode(content: bytes) -> Decoded:
    """Raises Unreadable for what is no text."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return _text(Decoded(content[len(mark) :].decode(encoding), encoding, len(mark)))
            except UnicodeDecodeError:
                raise Unreadable(f"is no text (not the {encoding.upper()} that its first bytes promise)") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _guessed(content)
    return _guessed(content) if "\0" in text else Decoded(text, "utf-8")


def detect(sample: bytes) -> str:
    """The encoding of a file that begins like this, as a codec that drops a byte order mark. Raises Unreadable."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return "utf-8-sig" if encoding == "utf-8" else encoding.removesuffix("-le").removesuffix("-be")
    cut = sample.rfind(b"\n") + 1 or len(sample)  # a sample ends anywhere, and a line does not
    return decode(sample[:cut]).encoding or "cp1252"


def _guessed(content: bytes) -> Decoded:
    sample = content[:_SAMPLE]
    cut = sample.rfind(b"\n") + 1
    sample = sample[:cut] if cut and len(content) > _SAMPLE else sample
    found = from_bytes(sample, cp_isolation=_LIKELY, enable_fallback=False)
    likely = {match.encoding for match in found if match.chaos <= 0.1}
    best = found.best()
    for encoding in ([name for name in _LIKELY[:1] if name in likely]) + ([best.encoding] if best else []):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        exact = text.encode(encoding, "replace") == content
        return _text(Decoded(text, encoding if exact else ""))
    raise Unreadable("is no text in any known encoding")


def _text(decoded: Decoded) -> Decoded:
    if _CONTROL.search(decoded.text):
        raise Unreadable("is no text (it holds control characters)")
    return decoded
