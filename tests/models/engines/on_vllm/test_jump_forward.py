from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Literal

import httpx
import pytest
from drafted import counted
from pydantic import Field
from real_model import Ticket
from soak import repeats, soak

from models.bench.proof.specimens import random_specimen
from models.bench.throughput.traffic import Call, Traffic
from models.contract import Contract
from models.engines.engine import Completion, Message, Sampling
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.jump_forward import refusal, serve_flags
from models.engines.vllm.server import VllmServer
from models.errors import ModelNotFound, UnfitPackage
from models.grammar.grammar import Grammar, compile_grammar
from models.interfaces import VLLM
from models.said import Said

needs_vllm = pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # vLLM and torch give many when they are imported


class Note(Contract):
    destination: Said[str] = Field(description="Where to?")
    priority_level: int = Field(ge=1, le=5)
    remark: str = Field(max_length=24)


class Choice(Contract):
    """Two fair coins and a long key between them."""

    first_coin: Literal["heads", "tails"]
    the_second_coin_of_the_two: Literal["heads", "tails"]


class Fixed(Contract):
    the_only_possible_answer: Literal["forty-two"]


GRAMMARS = {
    "ticket": compile_grammar(Ticket),
    "note": compile_grammar(Note, ["Take me to Bali, please, or to Lisbon."]),
    "choice": compile_grammar(Choice),
    "fixed": compile_grammar(Fixed),
}
PROMPTS = [f"Case {number}: my bag came {number} hours late." for number in range(16)]
ROOT = Path(__file__).parents[4]
LATER_VLLM = """
import importlib.abc, sys

class Later(importlib.abc.MetaPathFinder):
    # A release that calls the drafts of a request by another name.
    def find_spec(self, name, path, target=None):
        if name != "vllm.v1.request":
            return None
        sys.meta_path.remove(self)
        import importlib.util
        spec = importlib.util.find_spec(name)
        get_data = spec.loader.get_data
        spec.loader.get_code = lambda name: compile(
            get_data(spec.origin).replace(b"spec_token_ids", b"draft_token_ids"), spec.origin, "exec"
        )
        return spec

sys.meta_path.insert(0, Later())
"""
MANY = repeats(20, 200)
"""Prompts for each of twenty contracts."""


def small_grammars(number: int) -> dict[str, Grammar]:
    """Grammars of random contracts of every type, none longer than 160 tokens."""
    random, found = Random(7), dict[str, Grammar]()
    while len(found) < number:
        one = random_specimen(random, fields=4, depth=1)
        grammar = compile_grammar(one.contract, one.said, one.evidence)
        if grammar.max_tokens <= 160:
            found[f"{len(found)}: {', '.join(one.kinds)}"] = grammar
    return found


@pytest.mark.parametrize("version", ["0.32.0", "0.32.1.dev3+cpu", "0.24.0", "0.24"])
def test_versions_of_a_tested_series_are_tested(version: str) -> None:
    assert VLLM.is_tested(version)


@pytest.mark.parametrize("version", ["0.3", "0.33.0", "0.2.4", "0.240.0", "1.32.0", "dev", ""])
def test_other_versions_are_not(version: str) -> None:
    assert not VLLM.is_tested(version)
    assert version in refusal(version)
    assert all(series in refusal(version) for series in VLLM.tested)


@quiet
def test_the_flags_name_classes_that_the_server_can_import() -> None:
    flags = dict(zip(*[iter(serve_flags())] * 2, strict=True))
    speculative = json.loads(flags["--speculative-config"])
    assert speculative["num_speculative_tokens"] == 8
    pytest.importorskip("vllm", reason="vLLM is not installed")
    for path in (flags["--scheduler-cls"], flags["--middleware"], speculative["model"]):
        module, name = path.rsplit(".", 1)
        assert isinstance(getattr(importlib.import_module(module), name), type)


def test_ngram_flags_keep_the_scheduler_and_change_the_proposer() -> None:
    assert serve_flags(ngram=True)[:2] == serve_flags()[:2]
    assert json.loads(serve_flags(drafts=3, ngram=True)[3]) == {
        "method": "ngram",
        "prompt_lookup_min": 2,
        "prompt_lookup_max": 3,
        "num_speculative_tokens": 3,
    }


@needs_vllm
async def test_on_an_untested_version_it_stays_off_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.engines.vllm.server.VLLM", replace(VLLM, tested=("0.1",)))
    monkeypatch.setattr("models.engines.vllm.jump_forward.VLLM", replace(VLLM, tested=("0.1",)))
    for asked, told in ((None, "Jump-forward is off: it was tested with vLLM 0.1.x"), (True, "and this is 0.")):
        said: list[str] = []
        with pytest.raises(ModelNotFound):  # what comes next, and ends it early
            async with VllmServer.start("./no-such-model", said.append, jump_forward=asked):
                pass
        assert told in said[0]


@needs_vllm
async def test_a_version_that_lacks_what_it_needs_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, random_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATER_VLLM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("models.engines.vllm.server.VLLM", replace(VLLM, tested=("0.1",)))
    with pytest.raises(UnfitPackage) as caught:
        async with VllmServer.start(str(random_model), jump_forward=True):
            pass
    message = str(caught.value)
    assert re.match(r"vllm 0\S+ lacks what Interlock needs to jump forward inside a server \(no Request\.", message)
    assert "it was tested with 0.24.x and 0.32.x." in message
    assert message.endswith("or do without jump-forward.")
    assert "\n" not in message


@needs_vllm
def test_a_server_that_lacks_it_says_so_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATER_VLLM)
    done = subprocess.run(
        [sys.executable, "-c", "import models.engines.vllm.jump_forward_scheduler"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("models.errors.UnfitPackage: vllm 0.")
    assert "(no Request.spec_token_ids)" in last


@needs_vllm
@quiet
@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_the_temperature_of_a_request_reaches_all_its_drafts(kind: str) -> None:
    import torch

    from models.engines.vllm.drafted_sampling import expand_batch_to_tokens

    values, ends = torch.tensor([3, 7, 0], dtype=getattr(torch, kind)), torch.tensor([2, 2, 5], dtype=torch.int32)
    expanded = expand_batch_to_tokens(values, ends, 5, replace_from=0, replace_to=1)
    assert expanded.tolist() == [3, 3, 1, 1, 1]
    assert expanded.dtype == values.dtype


async def ask(url: str, grammar: Grammar | None, prompts: Sequence[str], temperature: float = 0.0) -> list[Completion]:
    engine = await VllmEngine.open(url)
    try:
        return await asyncio.gather(
            *(
                engine.generate(
                    [Message("user", prompt)], grammar, Sampling(temperature, seed=seed), None if grammar else 40
                )
                for seed, prompt in enumerate(prompts)
            )
        )
    finally:
        await engine.close()


@soak
@pytest.mark.asyncio(loop_scope="session")
async def test_texts_at_temperature_0_are_those_of_a_server_without_it(vllm_url: str, jump_server: VllmServer) -> None:
    before = await counted(jump_server)
    prompts = [f"Case {number}: my bag came {number} hours late." for number in range(MANY)]
    tokens = 0
    for name, grammar in (GRAMMARS | small_grammars(16)).items():
        plain = await ask(vllm_url, grammar, prompts)
        jumped = await ask(jump_server.url, grammar, prompts)
        assert [c.text for c in jumped] == [c.text for c in plain], name
        assert [c.usage for c in jumped] == [c.usage for c in plain], name
        tokens += sum(c.usage.completion_tokens for c in jumped)
    found = await counted(jump_server) - before
    assert found.accepted == found.drafted > tokens / 3


@pytest.mark.asyncio(loop_scope="session")
async def test_free_and_constrained_requests_of_one_batch_do_not_disturb_each_other(
    vllm_url: str, jump_server: VllmServer
) -> None:
    before = await counted(jump_server)
    alone = [await ask(vllm_url, grammar, PROMPTS) for grammar in (None, GRAMMARS["ticket"])]
    mixed = await asyncio.gather(*(ask(jump_server.url, grammar, PROMPTS) for grammar in (None, GRAMMARS["ticket"])))
    assert [[c.text for c in each] for each in mixed] == [[c.text for c in each] for each in alone]
    found = await counted(jump_server) - before
    assert found.accepted == found.drafted > 0


@pytest.mark.asyncio(loop_scope="session")
async def test_coins_fall_as_often_at_temperature_1_as_without_it(vllm_url: str, jump_server: VllmServer) -> None:
    prompts = ["Toss two coins."] * 400
    counts = [
        Counter(c.text for c in await ask(url, GRAMMARS["choice"], prompts, 1.0)) for url in (vllm_url, jump_server.url)
    ]
    outcomes = set(counts[0]) | set(counts[1])
    assert len(outcomes) > 1
    # Two samples of the same distribution: chi-squared over at most four outcomes exceeds 21.1 once in 10,000 times.
    expected = {one: (counts[0][one] + counts[1][one]) / 2 for one in outcomes}
    assert sum((c[one] - expected[one]) ** 2 / expected[one] for one in outcomes for c in counts) < 21.1


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("budget", [1, 2, 3, 7, 8, 9, 10, 11, 17, 18])
async def test_a_budget_ends_the_text_in_the_middle_of_a_jump(jump_server: VllmServer, budget: int) -> None:
    whole, cut = GRAMMARS["fixed"], Grammar(GRAMMARS["fixed"].lark, budget)
    text = (await ask(jump_server.url, whole, PROMPTS[:1]))[0].text
    traffic = Traffic(jump_server.url, jump_server.model)
    replies, _ = await traffic.send(
        [Call([{"role": "user", "content": "Go."}], budget, {"grammar": cut.lark})], 1, False
    )
    await traffic.close()
    assert text.startswith(replies[0].text)
    assert replies[0].tokens <= budget
    assert replies[0].finish_reason == ("stop" if replies[0].text == text else "length")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_call_cancelled_in_mid_jump_leaves_the_others_alone(vllm_url: str, jump_server: VllmServer) -> None:
    plain = [c.text for c in await ask(vllm_url, GRAMMARS["ticket"], PROMPTS)]
    doomed = [asyncio.create_task(ask(jump_server.url, GRAMMARS["note"], PROMPTS)) for _ in range(3)]
    kept = asyncio.create_task(ask(jump_server.url, GRAMMARS["ticket"], PROMPTS))
    await asyncio.sleep(0.2)
    for task in doomed:
        task.cancel()
    await asyncio.gather(*doomed, return_exceptions=True)
    assert [c.text for c in await kept] == plain


@pytest.mark.asyncio(loop_scope="session")
async def test_how_likely_each_token_was_is_told_of_forced_ones_as_well(vllm_url: str, jump_server: VllmServer) -> None:
    body = {
        "messages": [{"role": "user", "content": PROMPTS[0]}],
        "temperature": 0,
        "max_completion_tokens": 200,
        "structured_outputs": {"grammar": GRAMMARS["ticket"].lark},
    }

    async def told(url: str, model: str, **more: Any) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=120) as client:
            answer = await client.post(f"{url}/v1/chat/completions", json=body | {"model": model} | more)
        return answer.json()["choices"][0]  # type: ignore[no-any-return]

    before = await counted(jump_server)
    plain, jumped, other = await asyncio.gather(
        told(vllm_url, jump_server.model, logprobs=True),
        told(jump_server.url, jump_server.model, logprobs=True),
        told(jump_server.url, jump_server.model),  # in the same steps, without them
    )
    found = await counted(jump_server) - before
    assert found.accepted == found.drafted > 0
    assert jumped["message"]["content"] == plain["message"]["content"] == other["message"]["content"]
    tokens = [[one["token"] for one in each["logprobs"]["content"]] for each in (plain, jumped)]
    assert tokens[0] == tokens[1]
    likely = [[one["logprob"] for one in each["logprobs"]["content"]] for each in (plain, jumped)]
    assert likely[1] == pytest.approx(likely[0], abs=0.05)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_was_likely_for_a_choice_is_the_same_beside_forms_whose_tokens_are_forced(
    vllm_url: str, jump_server: VllmServer
) -> None:
    async def first(url: str, client: httpx.AsyncClient, prompt: str) -> dict[str, float]:
        body = {
            "model": jump_server.model,
            "messages": [{"role": "user", "content": f"{prompt} Is that A or B?"}],
            "temperature": 0,
            "max_completion_tokens": 2,
            "structured_outputs": {"grammar": 'start: "A" | "B"'},
            "logprobs": True,
            "top_logprobs": 4,
        }
        answer = (await client.post(f"{url}/v1/chat/completions", json=body)).json()["choices"][0]
        return {one["token"]: one["logprob"] for one in answer["logprobs"]["content"][0]["top_logprobs"]}

    forms = asyncio.create_task(ask(jump_server.url, GRAMMARS["ticket"], PROMPTS))
    async with httpx.AsyncClient(timeout=120) as client:
        for prompt in PROMPTS:  # one after the other, so that each begins between steps of the forms
            told, alone = await first(jump_server.url, client, prompt), await first(vllm_url, client, prompt)
            assert {"A", "B"} <= told.keys()
            for letter in "AB":
                assert told[letter] == pytest.approx(alone[letter], abs=0.05)
    assert [c.text for c in await forms] == [c.text for c in await ask(vllm_url, GRAMMARS["ticket"], PROMPTS)]
