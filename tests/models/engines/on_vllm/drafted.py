"""What a server counts of drafts: how many were made, and how many accepted."""

from __future__ import annotations

import asyncio

from models.bench.throughput.counters import Counters
from models.bench.throughput.traffic import Traffic
from models.engines.vllm.server import VllmServer


async def counted(server: VllmServer) -> Counters:
    """Its counters once the last answer is in them."""
    traffic = Traffic(server.url, server.model)
    await asyncio.sleep(0.3)
    found = Counters.read(await traffic.metrics())
    await traffic.close()
    return found
