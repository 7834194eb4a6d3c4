"""The parts of a search, which index/retriever.py puts in order: fusion, re-ranking, diversity, joining, narrowing."""

from index.retrieval.hits import Hits, Nothing
from index.retrieval.reranker import Reranker

__all__ = ["Hits", "Nothing", "Reranker"]
