#!/usr/bin/env bash
# `make lock`: resolves pyproject.toml anew into four lists of exact versions. `make run` installs cpu.txt or cuda.txt,
# `make test` the same with what tests need, cpu-test.txt or cuda-test.txt. Nothing is installed here, and no GPU is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}

compile() {
    # Without hashes: torch 2.13.0 is one of two files, a CPU build where pip is offered one, and pip wants hashes of all or none.
    "$uv" pip compile --quiet --universal --python-version 3.11 --annotation-style line --custom-compile-command 'make lock' \
        --no-emit-index-url --no-emit-find-links pyproject.toml "$@"
}
cpu=(--override requirements/cpu.override --excludes requirements/cpu.exclude)

rm -f requirements/*.txt
compile requirements/cpu.in --extra dev "${cpu[@]}" --output-file requirements/cpu-test.txt
# Triton compiles kernels for GPUs; on a CPU only vLLM's grammar backends import it.
compile --constraints requirements/cpu-test.txt "${cpu[@]}" --no-emit-package triton --output-file requirements/cpu.txt
# An output file that is already there is what uv prefers: CUDA machines get what was tested on a CPU wherever vLLM allows.
cp requirements/cpu-test.txt requirements/cuda-test.txt
compile requirements/cuda.in --extra dev --output-file requirements/cuda-test.txt
compile requirements/cuda.in --constraints requirements/cuda-test.txt --output-file requirements/cuda.txt
