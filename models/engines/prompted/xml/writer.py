"""XmlWriter: JSON written piece by piece, none of it without the grammar's leave. Knows grammars; knows no XML."""

from __future__ import annotations

from models.grammar.grammar import Grammar
from models.grammar.matchers import BY_BYTES

_AFTER = tuple([byte] for byte in b",}]:")


class XmlWriter:
    """A text that is at every moment the beginning of one that `grammar` admits."""

    def __init__(self, grammar: Grammar) -> None:
        self._matcher = BY_BYTES.start(grammar)
        self._written = bytearray()

    @property
    def length(self) -> int:
        """Bytes written."""
        return len(self._written)

    def put(self, text: str) -> bool:
        """Append `text`, or nothing and False where the grammar does not admit it."""
        try:
            data = list(text.encode())
        except UnicodeEncodeError:  # half a surrogate pair
            return False
        taken = self._matcher.try_consume_tokens(data)
        if taken < len(data):
            self._matcher.rollback(taken)
            return False
        self._written += bytes(data)
        return True

    def put_value(self, text: str) -> bool:
        """Append `text` if it is a whole value here, one that a comma or a bracket may follow."""
        before = self.length
        if not self.put(text):
            return False
        if any(self._matcher.validate_tokens(after) for after in _AFTER) or self._matcher.is_accepting():
            return True
        self.back(before)
        return False

    def back(self, length: int) -> None:
        """Take back everything after the first `length` bytes."""
        self._matcher.rollback(self.length - length)
        del self._written[length:]

    def finished(self) -> str | None:
        """The text, if it is a whole one of the grammar."""
        return self._written.decode() if self._matcher.is_accepting() else None
