from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import index


def test_the_public_names_are_sorted_documented_and_there() -> None:
    assert index.__all__ == sorted(index.__all__)
    assert all(getattr(index, name).__doc__ for name in index.__all__)


def test_importing_the_package_loads_no_model_library() -> None:
    program = "import sys, index; print({'torch', 'faiss', 'transformers', 'sentence_transformers'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
