"""The real encoder, a small library of travel policies, and an index of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Embedder, Index, Retriever, build_index

POLICIES = """---
title: Travel policies
licence: CC0
---
# Travel policies

These rules hold for every booking.

## Cancelling

### Trains

You get 80 % back until 24 hours before departure. After that nothing is paid back.

### Flights

Flights in economy are not refundable. A fee of Rs. 500 applies to a change of name.

## Luggage

```
# not a heading
```

- One cabin bag up to 7 kg is free.
- A bicycle costs 30 EUR. Surfboards stay at home.

Pets
----

Small dogs travel in the cabin. Guide dogs travel free of charge.
"""

VISAS = """Indian citizens get a visa on arrival in Bali for 30 days.

A passport must be valid for six months after the day of return. See e.g. the embassy's list.
"""


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    embedder = Embedder(threads=1)
    embedder.load()
    return embedder


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "knowledge"
    (folder / "visas").mkdir(parents=True)
    (folder / "policies.md").write_text(POLICIES)
    (folder / "visas" / "asia.txt").write_text(VISAS)
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture(scope="session")
def built(library: Path, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with build_index([library], tmp_path_factory.mktemp("built") / "index", embedder) as index:
        yield index


@pytest.fixture(scope="session")
def retriever(built: Index, embedder: Embedder) -> Retriever:
    return Retriever(built, embedder)
