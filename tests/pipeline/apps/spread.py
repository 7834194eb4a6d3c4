"""Runs a batch of the shop in shards, in a process of its own: `python spread.py REQUESTS OUT SHARDS`.

Prints how many records it served.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from datetime import date
from pathlib import Path

from pipeline import Equipment, Launch, load_app, read_requests
from pipeline.batch.cluster import run_shards

SHOP = str(Path(__file__).with_name("shop.py"))


async def main(source: Path, out: Path, number: int) -> None:
    summary = await run_shards(
        load_app(SHOP),
        read_requests(source),
        out,
        Launch(app=SHOP, concurrency=4, ray="local", shards=number),
        cpus=number,
        equip=lambda app, launch, home: nullcontext(Equipment()),
        today=date(2026, 11, 22),
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(summary.finished)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
