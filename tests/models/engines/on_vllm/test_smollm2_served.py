"""A real open model on a real vLLM server with jump-forward, and the same model in this process.

In float32, where a text is the model's alone: in bfloat16 it depends on how many tokens and neighbours share a forward
pass, on either engine and with or without jump-forward, since sums are rounded in another order (docs/gpu.md).
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from drafted import counted
from real_model import INJECTIONS, SYSTEM, complaint, faults, forms, written
from scripted_server import ScriptedServer, says
from soak import SOAK, repeats, soak

from models.contract import Contract
from models.engines.answers import answers
from models.engines.claims import share_said
from models.engines.engine import Engine, Message, Sampling
from models.engines.mentions import mentions
from models.engines.model_folder import control_tokens, find_model_folder
from models.engines.open_engine import open_engine
from models.engines.preferences import NEUTRAL, Matter, Preferences
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.server import VllmServer
from models.errors import PromptTooLong
from models.grammar.grammar import Grammar, compile_grammar
from models.said import Said
from pipeline.prompts.prompts import Prompts
from pipeline.record import Turn
from scripts.evaluate.model_figures import Review

EXACT = ("--dtype", "float32")
MANY = repeats(4, 32)
"""Messages, each under three contracts."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def smollm2_server(smollm2: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmServer]:
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    log = tmp_path_factory.mktemp("vllm") / "smollm2.log"
    async with VllmServer.start(smollm2, log=log, jump_forward=True, flags=EXACT) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def engine(smollm2_server: VllmServer) -> AsyncIterator[Engine]:
    async with open_engine(smollm2_server.url) as engine:
        yield engine


@pytest.mark.asyncio(loop_scope="session")
async def test_a_server_for_it_passes_its_canary_and_knows_its_context(engine: Engine) -> None:
    assert engine.name == "vllm:smollm2"
    assert engine.profile.context == 8192
    assert engine.canary is not None
    assert engine.canary.passed


@soak
@pytest.mark.asyncio(loop_scope="session")
async def test_everything_it_writes_is_valid(engine: Engine) -> None:
    count, wrong = await faults(engine, contracts=repeats(3, 100), schemas=repeats(3, 100), repeats=repeats(1, 6))
    assert wrong == []
    assert count >= repeats(18, 2000)


@soak
@pytest.mark.asyncio(loop_scope="session")
async def test_both_engines_write_the_same_and_forced_tokens_are_drafts_that_are_accepted(
    engine: Engine, exact_smollm2: Engine, smollm2_server: VllmServer
) -> None:
    before = await counted(smollm2_server)
    asks = forms(engine, MANY)
    served = await written(engine, asks)
    found = await counted(smollm2_server) - before
    assert found.accepted == found.drafted > sum(done.usage.completion_tokens for done in served) / 4
    ours = await written(exact_smollm2, asks)
    same = sum(one.text == other.text for one, other in zip(served, ours, strict=True))
    assert same >= 0.95 * len(asks), [(a.text, b.text) for a, b in zip(served, ours, strict=True) if a.text != b.text]
    assert [one.usage.prompt_tokens for one in served] == [one.usage.prompt_tokens for one in ours]


@soak
@pytest.mark.skipif(not SOAK, reason="starts one more server: under `make soak`")
@pytest.mark.asyncio(loop_scope="session")
async def test_texts_are_those_of_a_server_without_jump_forward(engine: Engine, smollm2: str, tmp_path: Path) -> None:
    jumped = await written(engine, forms(engine, MANY))
    async with (
        VllmServer.start(smollm2, log=tmp_path / "plain.log", jump_forward=False, flags=EXACT) as server,
        open_engine(server.url) as plain,
    ):
        stepped = await written(plain, forms(plain, MANY))
    assert [done.text for done in jumped] == [done.text for done in stepped]
    assert [done.usage for done in jumped] == [done.usage for done in stepped]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_message_is_read_as_the_same_tokens_in_both_engines(
    smollm2_server: VllmServer, exact_smollm2: Engine
) -> None:
    word = Grammar('start: "a"', 2)
    engine = await VllmEngine.open(smollm2_server.url, control=control_tokens(smollm2_server.folder))
    for message in (*INJECTIONS, complaint(1)):
        asked = [SYSTEM, Message("user", message)]
        served, ours = [await one.generate(asked, word, Sampling()) for one in (engine, exact_smollm2)]
        assert served.usage == ours.usage, message
    await engine.close()


async def test_a_server_is_sent_no_control_token_of_its_model(smollm2: str) -> None:
    control = control_tokens(find_model_folder(smollm2, print))
    assert {"<|im_start|>", "<repo_name>", "<file_sep>"} <= set(control)
    with ScriptedServer([says("a")] * len(INJECTIONS)) as server:
        engine = await VllmEngine.open(server.url, control=control)
        for message in INJECTIONS:
            await engine.generate([Message("user", message)], Grammar('start: "a"', 2), Sampling())
        await engine.close()
    for body in server.requests:
        assert not [token for token in control if token in body["messages"][0]["content"]]


@soak
@pytest.mark.asyncio(loop_scope="session")
async def test_a_prompt_that_fills_the_context_is_answered(engine: Engine) -> None:
    word = Grammar("start: /[a-z]{3,5}/", 6)
    bare = (await engine.generate([Message("user", "")], word, Sampling())).usage.prompt_tokens
    room = engine.profile.context - word.max_tokens - bare
    with pytest.raises(PromptTooLong):
        await engine.generate([Message("user", " dog" * (room + 1))], word, Sampling())
    if SOAK:  # a minute on a CPU
        done = await engine.generate([Message("user", " dog" * room)], word, Sampling())
        assert done.usage.prompt_tokens + word.max_tokens == engine.profile.context
        assert done.finish_reason == "stop"


class Trip(Contract):
    city: Said[str] | None
    phone: Said[str] | None


@pytest.mark.asyncio(loop_scope="session")
async def test_both_engines_are_as_sure_of_what_was_said(engine: Engine, exact_smollm2: Engine) -> None:
    said = "I would like to travel to Lisbon, please."
    shares = []
    for one in (engine, exact_smollm2):
        messages = Prompts().laid_out(one.profile).fill(Trip, [Turn("customer", said)])
        begun = (await mentions(one.generate, messages, ["city", "phone"], True)).begun
        shares.append({field: share_said(found, [said]) for field, found in begun.items()})
    assert shares[0] == pytest.approx(shares[1], abs=0.02)
    assert shares[0]["city"] > engine.profile.sure > shares[0]["phone"]


class Ticket(Contract):
    """What somebody needs from the help desk."""

    device: Literal["laptop", "phone", "printer", "account"]


@pytest.mark.asyncio(loop_scope="session")
async def test_its_favourite_choice_is_got_over_on_a_server_as_well(engine: Engine, exact_smollm2: Engine) -> None:
    sure, read = list[float](), list[list[tuple[str, float]]]()
    favourite, said = '{"device": "laptop"}', {"My phone no longer charges.": "phone", "A paper jam!": "printer"}
    for one in (engine, exact_smollm2):
        assert one.profile.calibrates
        layout, preferences = Prompts().laid_out(one.profile), Preferences()
        neutral = [layout.answer(Ticket, text, []) for text in NEUTRAL]
        for text, device in said.items():
            asked = layout.answer(Ticket, f"What does this message say? {text}", [])
            assert (await one.generate(asked, compile_grammar(Ticket, spaced=True), Sampling())).text == favourite
            choices = {"device": ("laptop", "phone", "printer", "account")}
            matter = Matter(text, {"device": "What it is about"}, 0.1)
            found = await preferences.prefer(one.generate, asked, neutral, choices, True, matter=matter)
            assert found.texts["device"] == (device,)
            told = await answers(one.generate, layout.answer(Review, text, []), ["recommends"], True)
            sure.append(told.doubted["recommends"])
            # An engine that tells none is taken at its word.
            assert all(call.logprobs or call.prompt_logprobs for call in found.calls)
            read += [list(call.prompt_logprobs) for call in found.calls if call.prompt_logprobs]
    half = len(read) // 2
    assert half == 2 * 4
    for here, there in zip(read[:half], read[half:], strict=True):
        assert [token for token, _ in here] == [token for token, _ in there]
        assert [score for _, score in here] == pytest.approx([score for _, score in there], abs=0.05)
    assert sure[:2] == pytest.approx(sure[2:], abs=0.02)
