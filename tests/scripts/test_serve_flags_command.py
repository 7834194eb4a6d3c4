from __future__ import annotations

import json
import subprocess

import pytest
from command import ROOT, interlock


@pytest.mark.parametrize(
    ("options", "jumps", "told"),
    [
        (["--version", "0.32.0"], True, "must be able to import Interlock"),
        (["--version", "v0.32.0"], True, "must be able to import Interlock"),
        (
            ["--version", "9.9.9", "--closing"],
            False,
            "Closing was tested with vLLM 0.24.x and 0.32.x, and this is 9.9.9",
        ),
        (["--version", "9.9.9"], False, "Jump-forward is off: it was tested with vLLM 0.24.x and 0.32.x, and this is"),
        (["--version", "9.9.9", "--jump-forward"], True, "and this is 9.9.9: a server starts if it has all it takes."),
        (["--version", "0.32.0", "--no-jump-forward"], False, ""),
        (["--version", "0.32.0", "--no-jump-forward", "--closing"], False, "must be able to import Interlock"),
    ],
)
def test_jump_forward_is_printed_where_it_was_tested_or_is_asked_for(
    options: list[str], jumps: bool, told: str
) -> None:
    done = interlock("serve-flags", *options)
    assert done.returncode == 0, done.stderr
    flags, row = done.stdout.splitlines()
    assert json.loads(row)["jump_forward"] is jumps
    assert ("JumpForwardScheduler" in flags) is jumps
    assert ("ClosingScheduler" in flags) is ("--closing" in options)
    assert json.loads(row)["closing"] is (jumps or "--closing" in options)
    assert '"backend":"guidance"' in flags
    assert told in " ".join(done.stderr.split())


def test_what_is_no_version_is_refused() -> None:
    done = interlock("serve-flags", "--version", "newest")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--version newest is no version" in done.stderr


def test_the_flags_reach_a_program_as_docs_gpu_md_has_a_shell_read_them() -> None:
    flags, row = interlock("serve-flags", "--version", "0.32.0").stdout.splitlines()
    shown = ["bash", "-c", "eval \"printf '%s\\n' $(cat)\""]
    done = subprocess.run(shown, input=flags, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == json.loads(row)["flags"]
    assert '$(interlock serve-flags --quiet | head -1)"' in (ROOT / "docs/gpu.md").read_text(encoding="utf-8")
