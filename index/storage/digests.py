"""Hashes of documents and passages: whether one changed, and whether two mean the same to an encoder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields

from index.documents import Document, Passage


def document_hash(document: Document) -> str:
    """Changes when anything of the document does that its passages or its metadata depend on, its path apart."""
    others = {field.name: getattr(document, field.name) for field in fields(document) if field.name != "path"}
    text = others.pop("text").encode("utf-8", "surrogatepass")
    others["metadata"] = dict(others["metadata"])
    facts = json.dumps(others, default=repr).encode()
    return hashlib.sha256(hashlib.sha256(text).digest() + facts).hexdigest()


def meaning(passage: Passage, context: str = "") -> bytes:
    """Sixteen bytes that are equal for two passages that an encoder is shown alike."""
    return _digest(passage.in_context(context))


def passage_digest(passage: Passage) -> bytes:
    """Sixteen bytes that change when anything of the passage does."""
    return _digest(repr([getattr(passage, field.name) for field in fields(passage)]))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
