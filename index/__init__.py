"""How knowledge is found: files of many formats → documents → passages → vectors and full text → search.

Importing it is cheap: faiss and the encoder are loaded when first used.
"""

from index.build import build_index
from index.documents import Document, Hit, Passage
from index.embedding import Embedder
from index.errors import (
    DamagedIndex,
    EncoderError,
    EncoderMismatch,
    IndexBusy,
    IndexFolderError,
    JudgementsError,
    KnowledgeError,
    NewerIndex,
    NotAnIndex,
    OlderIndex,
    SourceError,
    WhereError,
)
from index.reading import Reading, Unread, iterate_documents, read_documents
from index.retrieval import Hits, Nothing, Reranker
from index.retriever import Retriever
from index.sentences import split_sentences
from index.storage.store import Index
from index.storage.where import Where
from index.weights import DEFAULT_ENCODER

__all__ = [
    "DEFAULT_ENCODER",
    "DamagedIndex",
    "Document",
    "Embedder",
    "EncoderError",
    "EncoderMismatch",
    "Hit",
    "Hits",
    "Index",
    "IndexBusy",
    "IndexFolderError",
    "JudgementsError",
    "KnowledgeError",
    "NewerIndex",
    "NotAnIndex",
    "Nothing",
    "OlderIndex",
    "Passage",
    "Reading",
    "Reranker",
    "Retriever",
    "SourceError",
    "Unread",
    "Where",
    "WhereError",
    "build_index",
    "iterate_documents",
    "read_documents",
    "split_sentences",
]
