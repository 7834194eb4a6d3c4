"""How knowledge is found: Markdown and text files → passages → vectors and full text → search.

Importing it is cheap: faiss and the encoder are loaded when first used.
"""

from index.documents import Document, Hit, Passage
from index.embedding import DEFAULT_ENCODER, Embedder
from index.errors import (
    DamagedIndex,
    EncoderError,
    EncoderMismatch,
    IndexBusy,
    IndexFolderError,
    KnowledgeError,
    NewerIndex,
    NotAnIndex,
    SourceError,
)
from index.reader import read_documents
from index.retriever import Retriever
from index.sentences import split_sentences
from index.store import Index

__all__ = [
    "DEFAULT_ENCODER",
    "DamagedIndex",
    "Document",
    "Embedder",
    "EncoderError",
    "EncoderMismatch",
    "Hit",
    "Index",
    "IndexBusy",
    "IndexFolderError",
    "KnowledgeError",
    "NewerIndex",
    "NotAnIndex",
    "Passage",
    "Retriever",
    "SourceError",
    "read_documents",
    "split_sentences",
]
