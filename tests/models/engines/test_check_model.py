"""What is no model is told before anything that takes seconds is opened for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.engines.open_engine import check_model
from models.errors import ModelNotFound


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("http://", "is not an address"),
        ("http://[", "is not an address"),
        ("http://box:99999", "is not an address"),
        ("http://a:8000,http://a:8000/v1", "is given twice"),
        ("{folder}", "is not a model folder: config.json is missing"),
        ("vllm:{folder}", "is not a model folder: config.json is missing"),
        ("no such model", "There is no model folder"),
    ],
)
def test_what_is_no_model_is_told(tmp_path: Path, model: str, told: str) -> None:
    with pytest.raises(ModelNotFound, match=told):
        check_model(model.format(folder=tmp_path))


def test_what_may_be_one_is_not_opened() -> None:
    check_model("models/tiny")
    check_model("http://127.0.0.1:1/v1,http://127.0.0.1:2")
