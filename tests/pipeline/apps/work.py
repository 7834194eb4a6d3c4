"""Runs a batch of the shop in a process of its own, to be killed: `python work.py REQUESTS OUT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pipeline import Launch, load_app, read_requests, run_batch

if __name__ == "__main__":
    app = load_app(str(Path(__file__).with_name("shop.py")))
    asyncio.run(run_batch(app, read_requests(Path(sys.argv[1])), Path(sys.argv[2]), launch=Launch(concurrency=8)))
