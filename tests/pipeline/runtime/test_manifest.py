"""A folder says how it was started, also one that an earlier version made; a program that goes on leaves that alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from models.engines.profiles import Profile
from pipeline import App, Equipment, Launch, UsageError
from pipeline.runtime.manifest import FILENAME, manifest_of, read_launch, read_manifest

TODAY = date(2026, 11, 22)
EARLIER = {"app": "shop.py", "model": "models/tiny", "second": "", "index": None, "enforcement": "grammar", "seed": 7}
"""What versions without --gate, --thinking and --wait in the manifest wrote, for example of `interlock serve`."""


def settled(shop: App, folder: Path, launch: Launch) -> None:
    manifest_of(shop, Equipment(), launch, TODAY).settle(folder, TODAY)


def test_a_launch_with_fewer_options_is_read(shop: App, tmp_path: Path) -> None:
    settled(shop, tmp_path, Launch(app="shop.py", seed=7))
    path = tmp_path / FILENAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "launch": EARLIER}))
    assert read_launch(tmp_path) == Launch(app="shop.py", model="models/tiny", seed=7)


def test_a_folder_that_no_command_has_started_says_so(shop: App, tmp_path: Path) -> None:
    settled(shop, tmp_path, Launch(seed=7))
    path = tmp_path / FILENAME
    for launch in ({}, json.loads(path.read_text())["launch"]):  # as earlier versions wrote it, and as this one does
        path.write_text(json.dumps({**json.loads(path.read_text()), "launch": launch}))
        with pytest.raises(UsageError, match="does not say how it was run: run it again with `interlock run`"):
            read_launch(tmp_path)


def test_a_program_goes_on_with_what_a_command_has_started(shop: App, tmp_path: Path) -> None:
    started = Launch(app="shop.py", model="models/tiny", concurrency=4, wait=5.0)
    settled(shop, tmp_path, started)
    settled(shop, tmp_path, Launch(concurrency=1))
    assert read_manifest(tmp_path).launch == started
    settled(shop, tmp_path, Launch(app="shop.py", model="http://box:8000"))
    assert read_launch(tmp_path).model == "http://box:8000"


def test_an_option_that_is_not_known_is_one_sentence(shop: App, tmp_path: Path) -> None:
    settled(shop, tmp_path, Launch(app="shop.py"))
    path = tmp_path / FILENAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "launch": {"app": "shop.py", "speed": 9}}))
    with pytest.raises(UsageError, match="cannot be read as a manifest"):
        read_launch(tmp_path)


@pytest.mark.parametrize(("was", "now", "told"), [("float32", "bfloat16", True), ("", "bfloat16", False)])
def test_another_dtype_is_a_change_where_the_folder_says_one(
    shop: App, tmp_path: Path, was: str, now: str, told: bool
) -> None:
    manifest = manifest_of(shop, Equipment(), Launch(), TODAY)
    replace(manifest, dtype=was).settle(tmp_path, TODAY)
    if told:
        with pytest.raises(UsageError, match=f"the dtype: {was} → {now}"):
            replace(manifest, dtype=now).settle(tmp_path, TODAY)
    else:
        replace(manifest, dtype=now).settle(tmp_path, TODAY)
        assert read_manifest(tmp_path).dtype == now


def test_a_folder_in_which_a_weak_model_quoted_by_itself_goes_on_so(shop: App, tmp_path: Path) -> None:
    weak = Profile("weak", quotes=False)
    manifest = manifest_of(shop, Equipment(), Launch(), TODAY)
    assert manifest.settle(tmp_path, TODAY).fitted(weak) == weak
    path = tmp_path / FILENAME
    earlier = json.loads(path.read_text())
    del earlier["nearest"]
    path.write_text(json.dumps(earlier))
    assert manifest.settle(tmp_path, TODAY).fitted(weak) == Profile("weak")
