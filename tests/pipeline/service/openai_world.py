"""What the tests of OpenAI's batch API share by name: its own client, and a server of the shipped model."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

from openai import AsyncOpenAI
from openai.types import Batch
from pydantic import BaseModel
from service_world import HALL, QUICK

from models.engines.engine import Engine
from models.engines.open_engine import open_engine
from models.engines.vllm.engine import VllmEngine
from pipeline import Equipment, Launch, load_app
from pipeline.service import Limits, Tokens
from pipeline.service.server import listen, serve
from pipeline.service.service import Service, serving

MODEL = "models/tiny"
CHAT: Any = "/v1/chat/completions"
SCHEMA = {"type": "object", "properties": {"stars": {"enum": [1, 2, 3]}}, "required": ["stars"]}
ENDED = ("completed", "failed", "expired", "cancelled")
ROOT = Path(__file__).parents[3]


FUNCTION: Any = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
"""A function, as chats have it below "function", and responses beside their "type"."""


class Review(BaseModel):
    name: str
    mood: Literal["good", "bad"]


def line(id: str, url: str = CHAT, **body: Any) -> str:
    """A line of a batch: a review to be read under a schema, at the worst temperature."""
    format = {"type": "json_schema", "json_schema": {"name": "Stars", "schema": SCHEMA}}
    chat = {"model": MODEL, "messages": [{"role": "user", "content": f"Review {id}"}], "temperature": 1.5}
    return json.dumps(
        {"custom_id": id, "method": "POST", "url": url, "body": {**chat, "response_format": format} | body}
    )


def file_of(*lines: str) -> tuple[str, bytes]:
    """A file to upload."""
    return "in.jsonl", "".join(one + "\n" for one in lines).encode()


@asynccontextmanager
async def clients(
    folder: Path, *tokens: str, limits: Limits = QUICK, model: str = MODEL, wait: float = 180.0
) -> AsyncIterator[tuple[list[AsyncOpenAI], Service]]:
    """A client for each token ("user:alice-token") of a server in this process; one without where there is none."""
    bound = listen("127.0.0.1", 0)
    async with _opened(model) as engine:
        known = Tokens("\n".join(tokens))
        async with serving(
            load_app(str(HALL)), folder / "out", Equipment(engine), Launch(wait=wait), limits=limits, tokens=known
        ) as service:
            listening = asyncio.Event()
            server = asyncio.create_task(serve(service, bound, listening.set))
            await listening.wait()
            url = f"http://localhost:{bound.getsockname()[1]}/v1"
            keys = [token.partition(":")[2] for token in tokens] or ["none"]
            made = [AsyncOpenAI(base_url=url, api_key=key, max_retries=0) for key in keys]
            try:
                yield made, service
            finally:
                for client in made:
                    await client.close()
                service.stopping.set()
                await server


@asynccontextmanager
async def _opened(model: str) -> AsyncIterator[Engine]:
    """An engine; one behind an address is not put to the proof, which a script has no answer for."""
    if not model.startswith("http"):
        async with open_engine(model) as engine:
            yield engine
        return
    served = await VllmEngine.open(model)
    yield served
    await served.close()


@contextmanager
def command(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`interlock serve` as a user runs it, on the shipped model; killed at the end, if it still runs."""
    program = [sys.executable, "-c", "from scripts.main import main; main()", "serve", "-o", str(folder), "--port", "0"]
    started = subprocess.Popen(
        [*program, "--app", str(HALL), *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert started.stdout is not None
        yield started, json.loads(started.stdout.readline())["url"]
    finally:
        started.kill()
        started.wait(timeout=30)
        if started.stdout is not None:
            started.stdout.close()


async def ended(client: AsyncOpenAI, id: str) -> Batch:
    """A batch once it has come to its end."""
    while (batch := await client.batches.retrieve(id)).status not in ENDED:
        await asyncio.sleep(0.05)
    return batch


async def rows(client: AsyncOpenAI, id: str | None) -> list[dict[str, Any]]:
    """The lines of a file of answers or errors."""
    assert id is not None
    return [json.loads(one) for one in (await client.files.content(id)).text.splitlines()]
