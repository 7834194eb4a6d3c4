from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_server import Body, Reply, ScriptedServer, says

from models.engines.embedded import EmbeddedEngine
from models.engines.engine import Message, Sampling
from models.engines.model_folder import find_model_folder, names_of
from models.engines.open_engine import open_engine
from models.engines.open_templating import open_templating
from models.engines.profiles import VARIABLE, profile_of
from models.engines.vllm.engine import VllmEngine
from models.engines.vllm.server import launch_command
from models.errors import EngineError, ModelNotFound
from models.grammar.grammar import Grammar

ROOT = Path(__file__).parents[3]
WORD = Grammar("start: /[a-z]{3,5}/", 6)


async def fails(model: str) -> str:
    with pytest.raises(EngineError) as caught:
        async with open_engine(model):
            pass
    assert "\n" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


async def test_a_folder_becomes_an_engine_that_answers(random_model: Path, ask: list[Message], trip: Grammar) -> None:
    said: list[str] = []
    async with open_engine(str(random_model), said.append) as engine:
        assert engine.name == f"embedded:{random_model}"
        assert (await engine.generate(ask, trip, Sampling())).finish_reason == "stop"
    assert said == [f"Loading {random_model}…"]


async def test_a_folder_without_a_model_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    message = await fails(str(tmp_path))
    assert message == (
        f"ModelNotFound: {tmp_path} is not a model folder: config.json is missing."
        " Give a Hugging Face folder, a Hugging Face name, or an http://… address."
    )


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"There is no model folder {tmp_path}/none." in await fails(f"{tmp_path}/none")


async def test_damaged_or_missing_weights_are_no_model(random_model: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(random_model, tmp_path / "damaged")
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot be loaded" in await fails(str(damaged))
    weights.unlink()
    assert "holds no weights in safetensors format" in await fails(str(damaged))


async def test_a_model_without_a_chat_template_is_refused(random_model: Path, tmp_path: Path) -> None:
    plain = shutil.copytree(random_model, tmp_path / "plain")
    (plain / "chat_template.jinja").unlink()
    assert "has no chat template" in await fails(str(plain))


def test_a_name_not_cached_and_no_network_is_one_sentence(tmp_path: Path) -> None:
    code = (
        "from models.engines.model_folder import find_model_folder\n"
        "from models.errors import ModelNotFound\n"
        "try: find_model_folder('interlock/none', print)\n"
        "except ModelNotFound as error: print(error)"
    )
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **closed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    first, last = run.stdout.splitlines()
    assert first == "Downloading interlock/none…"
    assert "neither a folder nor in the local Hugging Face cache, and it could not be downloaded" in last
    assert last.endswith("Check the name and the network, or give a folder with a model.")


async def test_an_address_where_nothing_answers_is_unavailable() -> None:
    message = await fails("http://127.0.0.1:9")
    assert message.startswith("EngineUnavailable: The server at http://127.0.0.1:9 does not answer")


async def test_another_kind_of_server_is_recognised(tmp_path: Path) -> None:
    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    (tmp_path / "v1").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert "ModelNotFound" in await fails(url)
        (tmp_path / "v1" / "models").write_text(json.dumps(["no", "models"]))
        assert f"What answers at {url} is not an OpenAI-compatible server." in await fails(url)
        (tmp_path / "v1" / "models").write_text("plain text")
        assert f"What answers at {url} is not an OpenAI-compatible server." in await fails(url)
        server.shutdown()


def test_the_shipped_model_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model_folder("models/tiny", print) == ROOT / "models/tiny"


@pytest.mark.parametrize("name", ["tiny", "models/tiny", "/opt/x/models/tiny/"])
def test_the_shipped_model_does_not_decide(name: str) -> None:
    assert not profile_of(name).decides


def test_profiles_match_names_whatever_their_case_and_owner() -> None:
    assert profile_of("Qwen/Qwen3-4B-Instruct").template == {"enable_thinking": False}
    assert profile_of("someone/unheard-of").decides
    assert profile_of("someone/unheard-of").template == {}


@pytest.mark.parametrize(
    ("folder", "config", "card"),
    [
        ("chosen", {"_name_or_path": "Qwen/Qwen3-4B-Instruct", "model_type": "other"}, ""),
        ("chosen", {"_model_name_or_path": "Qwen3 4B Instruct Q4"}, ""),
        ("chosen", {"model_type": "qwen3_moe"}, ""),
        ("chosen", {"model_type": "other"}, "---\nbase_model:\n- Qwen/Qwen3-4B-Base\n---\n# Mine\n"),
        ("models--Qwen--Qwen3-4B/snapshots/1a2b3c", {}, ""),
    ],
)
def test_a_folder_of_any_name_has_the_profile_of_what_its_files_call_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, config: dict[str, str], card: str
) -> None:
    where = tmp_path / folder
    where.mkdir(parents=True)
    (where / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (where / "README.md").write_text(card, encoding="utf-8")
    assert profile_of(str(where), names_of(where)).template == {"enable_thinking": False}
    own = tmp_path / "own.toml"
    own.write_text(f'["{where.name}"]\ntemplate = {{}}\n', encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(own))
    assert profile_of(str(where), names_of(where)).template == {}


@pytest.mark.parametrize("config", ["", "[]", '{"model_type": 3}'])
def test_a_folder_that_says_nothing_of_its_model_has_the_profile_of_its_name(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    (tmp_path / "README.md").write_text("---\nbase_model: [\n---\n", encoding="utf-8")
    assert names_of(tmp_path) == []
    assert names_of(tmp_path / "nowhere") == []
    assert profile_of("Qwen/Qwen3-4B", names_of(tmp_path)).template == {"enable_thinking": False}


async def test_every_way_to_a_folder_finds_its_profile(
    random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "chosen"
    shutil.copytree(random_model, where)
    config = json.loads((where / "config.json").read_text(encoding="utf-8"))
    (where / "config.json").write_text(json.dumps({**config, "_name_or_path": "me/tiny"}), encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text("[tiny]\ndtype = 'float16'\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(own))
    engine = await EmbeddedEngine.open(where, str(where))
    await engine.close()
    async with open_templating(str(where), print) as templating:
        assert engine.profile.layout == templating.profile.layout == "copier"
    with ScriptedServer(lambda _: says("x"), root=str(where)) as server:
        served = await VllmEngine.open(server.url)
        await served.close()
    assert served.profile.layout == "copier"
    command = launch_command(str(where), where, "http://127.0.0.1:1", ())
    assert command[command.index("--dtype") + 1] == "float16"


def test_a_users_own_profiles_go_over_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "profiles.toml"
    monkeypatch.setenv(VARIABLE, str(own))
    own.write_text(
        '["My-Copier*"]\nlayout = "copier"\ndecides = false\n[smollm2]\ndtype = "float32"\n', encoding="utf-8"
    )
    assert profile_of("someone/my-copier-2").layout == "copier"
    assert profile_of("smollm2").dtype == "float32"
    assert profile_of("smollm2").sure > 0
    assert profile_of("someone/unheard-of").layout == "instruct"
    assert profile_of("Qwen/Qwen3-4B").template == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[x]\nlayuot = 'copier'", "says layuot of x, which no profile has"),
        ("[x]\nlayout = 'chat'", "says layout = 'chat' of x, which there is not"),
        ("[x]\ndtype = 'int8'", "says dtype = 'int8' of x, which there is not"),
        ("[x]\nsure = 50", "says sure = 50 of x, which is no number from 0 to 1"),
        ("[x]\nlikelihood = -1", "says likelihood = -1 of x, which is no number"),
        ("layout = 'copier'", "says layout of layout"),
        ("[x", "cannot be read"),
    ],
)
def test_faulty_profiles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    own = tmp_path / "profiles.toml"
    own.write_text(text, encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(own))
    with pytest.raises(ModelNotFound, match=told):
        profile_of("any")


def test_a_path_that_is_no_name_is_not_asked_of_the_network() -> None:
    with pytest.raises(ModelNotFound, match="There is no model folder"):
        find_model_folder("./a/b/c", print)


def words(replies: Sequence[Reply], model: str) -> ScriptedServer:
    """A server that proves its enforcement and then says what is written."""
    rest = iter(replies)

    def script(body: Body) -> Reply:
        grammar = body.get("structured_outputs", {}).get("grammar", "")
        if "alive" not in grammar:
            return next(rest)
        code = re.findall(r"[0-9a-f]{16}", grammar)[0]
        return says(f'{{"code": "{code}", "count": 42, "alive": true}}')

    return ScriptedServer(script, model=model)


@pytest.mark.parametrize(
    ("model", "asked", "budget"),
    [
        ("Qwen3-4B", None, 0),
        ("Qwen3-4B", 300, 300),
        ("DeepSeek-R1-Distill-Qwen-7B", None, 2048),
        ("DeepSeek-R1-Distill-Qwen-7B", 300, 300),
        ("DeepSeek-R1-Distill-Qwen-7B", 0, 0),
        ("Qwen3-4B-Thinking-2507", None, 2048),
        ("QwQ-32B", None, 2048),
        ("gpt-oss-20b", None, 2048),
        ("Magistral-Small-2509", None, 0),
        ("unheard-of", None, 0),
        ("unheard-of", 300, 300),
    ],
)
async def test_a_model_thinks_as_its_profile_says_unless_it_is_asked_otherwise(
    ask: list[Message], model: str, asked: int | None, budget: int
) -> None:
    with words([says("A bird."), says("wren")] if budget else [says("wren")], model) as server:
        async with open_engine(server.url, thinking=asked) as engine:
            completion = await engine.generate(ask, WORD, Sampling())
            assert engine.profile.thinks is bool(budget)
            assert engine.canary is not None
            assert engine.canary.passed
            assert engine.name == f"vllm:{model}"
            assert engine.enforcement == "grammar"
            assert engine.identity
        asks = server.requests[1:]
    assert completion.text == "wren"
    assert completion.thinking == ("A bird." if budget else "")
    assert [body["max_completion_tokens"] for body in asks] == ([budget] if budget else []) + [WORD.max_tokens]
