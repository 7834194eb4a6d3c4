"""Each probe passes here, and fires where a release would have taken away what it looks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from models import interfaces
from models.engines.open_engine import open_engine
from models.errors import UnfitPackage
from models.interfaces import EMBEDDED, SERVED, Interface, check_all, versions
from pipeline.service.connection import patient

ROOT = Path(__file__).parents[2]
ALL = {name: one for name, one in vars(interfaces).items() if isinstance(one, Interface)}
HERE = {name: one for name, one in ALL.items() if name != "VLLM" or find_spec("vllm")}
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # vLLM and torch give many when they are imported


@quiet
@pytest.mark.parametrize("one", HERE.values(), ids=HERE)
def test_what_is_installed_has_what_is_needed(one: Interface) -> None:
    assert one.fault() == ""
    one.check()


def without(path: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A release without "module:attribute"."""
    module, _, names = path.partition(":")

    def take_away(monkeypatch: pytest.MonkeyPatch) -> None:
        *owners, name = names.split(".")
        owner: Any = import_module(module)
        for each in owners:
            owner = getattr(owner, each)
        monkeypatch.delattr(owner, name)

    return take_away


def otherwise(path: str, value: object) -> Callable[[pytest.MonkeyPatch], None]:
    """A release where "module:attribute" does something else."""
    module, _, names = path.partition(":")

    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        *owners, name = names.split(".")
        owner: Any = import_module(module)
        for each in owners:
            owner = getattr(owner, each)
        monkeypatch.setattr(owner, name, value)

    return change


def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("transformers.DynamicCache", raising=False)  # a lazy module finds it again …
    monkeypatch.delattr("transformers.cache_utils.DynamicCache")  # … here


CACHE = "transformers.cache_utils:DynamicCache"
SCHEDULER = "vllm.v1.core.sched.scheduler:Scheduler"
MANAGER = "vllm.v1.structured_output:StructuredOutputManager"
RELEASES = [
    ("TRANSFORMERS", no_cache, "Could not import module 'DynamicCache'"),
    ("TRANSFORMERS", otherwise(f"{CACHE}.is_sliding", [True]), "DynamicCache takes every layer for a sliding window"),
    ("TRANSFORMERS", without("transformers.cache_utils:Cache.batch_select_indices"), "batch_select_indices"),
    ("TRANSFORMERS", otherwise(f"{CACHE}.batch_select_indices", lambda *_: None), "RuntimeError: Sizes of tensors"),
    ("OUTLINES", without("outlines:Generator"), "ImportError: cannot import name 'Generator'"),
    (
        "OUTLINES",
        otherwise("outlines.generator:SteerableGenerator.batch", lambda _, given: [given, None]),
        "does not hand prompts",
    ),
    ("OUTLINES", without("outlines.processors:OutlinesLogitsProcessor"), "OutlinesLogitsProcessor"),
    ("OUTLINES_CLIENT", without("outlines.models.vllm:AsyncVLLM"), "ImportError: cannot import name 'AsyncVLLM'"),
    (
        "OUTLINES_CLIENT",
        otherwise("outlines.models.vllm:VLLMTypeAdapter.format_output_type", lambda *_: {"guided_grammar": ""}),
        "grammars are written otherwise",
    ),
    ("LLGUIDANCE", without("llguidance:LLParserLimits"), "ImportError: cannot import name 'LLParserLimits'"),
    ("PYDANTIC", otherwise("pydantic:BaseModel.model_rebuild", lambda **options: None), "no __pydantic_core_schema__"),
    ("UVICORN", without("uvicorn.protocols.http.httptools_impl:HttpToolsProtocol"), "HttpToolsProtocol"),
    ("UVICORN", otherwise("uvicorn:Server.shutdown", lambda self: None), "takes self"),
    ("VLLM", otherwise(f"{SCHEDULER}.update_draft_token_ids", lambda self: None), "takes self"),
    ("VLLM", otherwise(f"{MANAGER}.grammar_bitmask", lambda self, output: None), "takes self, output"),
    ("VLLM", without("vllm.v1.request:Request.num_output_tokens"), "no Request.num_output_tokens"),
    (
        "VLLM",
        otherwise("vllm.v1.structured_output.request:get_structured_output_key", lambda asked: ("grammar",)),
        "what constrains a request is told otherwise",
    ),
    ("VLLM", without("llguidance:LLExecutor"), "ImportError: cannot import name 'LLExecutor'"),
]


@quiet
@pytest.mark.parametrize(("name", "release", "missing"), RELEASES, ids=[f"{name}-{why}" for name, _, why in RELEASES])
def test_a_release_without_it_is_told_in_one_sentence_with_the_command_that_mends_it(
    name: str, release: Callable[[pytest.MonkeyPatch], None], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in HERE:
        pytest.skip("vLLM is not installed")
    one = ALL[name]
    release(monkeypatch)
    with pytest.raises(UnfitPackage) as caught:
        one.check()
    found, message = one.version(), str(caught.value)
    assert found
    assert message.startswith(f"{one.package} {found} lacks what Interlock needs to {one.purpose} (")
    assert missing in message
    assert f"; it was tested with {one.series}. Run `" in message
    assert "\n" not in message


def test_every_interface_has_a_release_that_it_is_tried_against() -> None:
    assert {name for name, *_ in RELEASES} == set(ALL)


def test_a_version_that_nobody_tried_but_that_has_all_is_used_with_a_word_about_it() -> None:
    told: list[str] = []
    later = replace(interfaces.LLGUIDANCE, found=lambda: "9.8.7")
    check_all([interfaces.LLGUIDANCE, later], told.append)
    assert told == ["llguidance 9.8.7 has what is needed to keep a text to its grammar; it was tested with 1.7.x."]


def test_a_package_that_is_missing_is_told_as_such() -> None:
    missing = replace(interfaces.LLGUIDANCE, package="no-such-package", probe=lambda: import_module("no_such_package"))
    assert missing.fault().startswith("no-such-package is not installed, or lacks what Interlock needs to keep")
    assert missing.note() == ""


def test_a_report_names_what_was_found() -> None:
    assert re.fullmatch(r"transformers 5\S+, outlines 1\S+, llguidance 1\S+", versions(EMBEDDED))


@pytest.mark.parametrize(("model", "stands_on"), [("models/tiny", EMBEDDED), ("http://127.0.0.1:9", SERVED)])
async def test_an_engine_is_not_opened_on_a_release_that_lacks_something(
    model: str, stands_on: tuple[Interface, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if stands_on is SERVED:
        monkeypatch.delattr("outlines.models.vllm.AsyncVLLM")
    else:
        no_cache(monkeypatch)
    with pytest.raises(UnfitPackage, match=f"^{stands_on[0].package} .* lacks what Interlock needs"):
        async with open_engine(model):
            pytest.fail("the engine was handed out")


def test_the_service_does_not_start_on_another_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("uvicorn.protocols.http.httptools_impl.HttpToolsProtocol")
    with pytest.raises(UnfitPackage, match=r"^uvicorn .* lacks what Interlock needs to cut off connections"):
        patient(1.0, 10)


def test_the_table_for_people_is_the_same() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| `")]
    table = {(row[1].strip("`"), row[4]) for row in rows}
    assert table == {(name, one.series) for name, one in ALL.items()}
