"""Public test sets for retrieval (BEIR's small ones): where each lies, what others published for it, how it is fetched.

BEIR: Thakur et al., "BEIR: A Heterogenous Benchmark for Zero-shot Evaluation of Information Retrieval Models", 2021.
Knows nothing of an index.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from index.errors import JudgementsError

ADDRESS = "https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets/{name}.zip"
CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels/test.tsv"

BM25 = "BM25 (Thakur et al. 2021, table 2)"
MINILM = "all-MiniLM-L6-v2 (Muennighoff et al. 2023, MTEB)"
MPNET = "all-mpnet-base-v2 (Muennighoff et al. 2023, MTEB)"


@dataclass(frozen=True)
class Benchmark:
    """A test set. `md5`: of its archive, as BEIR publishes it. `published`: system and its source → nDCG@10."""

    name: str
    md5: str
    published: Mapping[str, float]


BENCHMARKS = {
    one.name: one
    for one in (
        Benchmark("scifact", "5f7d1de60b170fc8027bb7898e2efca1", {BM25: 0.665, MINILM: 0.6451, MPNET: 0.6557}),
        Benchmark("nfcorpus", "a89dba18a62ef92f7d323ec890a0d38d", {BM25: 0.325, MINILM: 0.3159, MPNET: 0.3329}),
        Benchmark("fiqa", "17918ed23cd04fb15047f73e6c3bd9d9", {BM25: 0.236, MINILM: 0.3687, MPNET: 0.4996}),
        Benchmark("arguana", "8ad3e3c2a5867cdced806d6503f29b99", {BM25: 0.315, MINILM: 0.5017, MPNET: 0.4652}),
        Benchmark("scidocs", "38121350fc3a4d2f48850f6aff52e4a9", {BM25: 0.158, MINILM: 0.2164, MPNET: 0.2376}),
    )
}
"""By the name that BEIR gives it."""


def check_layout(folder: Path) -> Path:
    """`folder`, where it holds what a test set does. Raises JudgementsError, which names what is missing."""
    for name in (CORPUS, QUERIES, QRELS):
        if not (folder / name).is_file():
            raise JudgementsError(
                f"{folder} holds no {name}", f"a test set has {CORPUS}, {QUERIES} and {QRELS}, as BEIR's have"
            )
    return folder


def fetch(
    benchmark: Benchmark,
    cache: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    address: str = ADDRESS,
) -> Path:
    """The folder of a test set: from the folder `cache`, or downloaded into it. `progress(done, total)` counts bytes.

    The archive has to have the MD5 that was published. Raises JudgementsError.
    """
    folder = cache / benchmark.name
    if folder.is_dir():
        return check_layout(folder)
    url = address.format(name=benchmark.name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, so that the last step is one rename: a set is there whole or not at all.
        with tempfile.TemporaryDirectory(prefix=".part-", dir=folder.parent) as part:
            archive = Path(part, "archive.zip")
            _download(url, archive, benchmark.md5, progress)
            with zipfile.ZipFile(archive) as packed:
                unpacked = Path(part, benchmark.name)
                for name in (CORPUS, QUERIES, QRELS):
                    target = unpacked / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with packed.open(f"{benchmark.name}/{name}") as source, target.open("wb") as out:
                        shutil.copyfileobj(source, out)
            unpacked.rename(folder)
    except (OSError, KeyError, zipfile.BadZipFile, httpx.HTTPError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise JudgementsError(
            f"{benchmark.name} could not be fetched from {url} ({reason})",
            f"fetch it with another machine, unpack it, and name its folder instead of '{benchmark.name}'",
        ) from None
    return folder


def _download(url: str, file: Path, md5: str, progress: Callable[[int, int], None]) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    done = 0
    with httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer, file.open("wb") as out:
        answer.raise_for_status()
        total = int(answer.headers.get("content-length", 0))
        for piece in answer.iter_bytes():
            digest.update(piece)
            out.write(piece)
            done += len(piece)
            progress(done, total)
    if digest.hexdigest() != md5:
        raise zipfile.BadZipFile(f"its MD5 is {digest.hexdigest()}, and {md5} was published")
