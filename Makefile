# `make run`: the sample batch on the shipped model.   `make test`: everything, a real vLLM server included.
# Both install what they need into .venv the first time, and need no network afterwards.

# The Python that .venv is made with: 3.11 to 3.13.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= runs/sample
DECODING := runs/decoding/$(shell date +%Y-%m-%d-%H%M)

.PHONY: run test soak browser model lint docs bench bench-decoding lock latest clean install-run install-test
.DEFAULT_GOAL := run

run: install-run
	@$(BIN)/interlock --version
	@$(BIN)/interlock demo -o "$(OUT)"

test: install-test lint browser model
	@$(BIN)/interlock --version
	INTERLOCK_REQUIRE_VLLM=1 $(BIN)/python -m pytest -n 2

# What takes minutes in full (kills, swaps, identities of texts), of which `make test` has fewer repeats.
soak: install-test model
	INTERLOCK_REQUIRE_VLLM=1 INTERLOCK_SOAK=1 $(BIN)/python -m pytest -n 2 -m soak

# The web page is tested in a real Chromium. Where there is none and Debian's cannot be had, those tests are skipped.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
		&& apt-get install --yes -qq --no-install-recommends chromium >/dev/null; } || true

# The real open model that some tests are about: once. Where it cannot be had they say why, and are skipped.
model: install-test
	@$(BIN)/interlock fetch smollm2 >/dev/null || true

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy requirements/install.py requirements/latest.py
	$(BIN)/lint-imports

# docs/ as pages, with the API from the code's docstrings: build/docs/index.html.
docs: install-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: install-test
	$(BIN)/interlock bench pipeline

# The tables of docs/benchmarks.md on decoding, one after the other, within 25 minutes: a machine with no other work.
bench-decoding: install-test model
	$(BIN)/interlock bench decode --model models/tiny --variants free,jump-forward --forms booking --concurrency 32,64 \
		--per-slot 8 --repeat 5 --together -o "$(DECODING)/booking"
	$(BIN)/interlock bench decode --model smollm2 --variants free,jump-forward,free-beside-jump --forms keys,booking \
		--concurrency 1,8,32,64 --per-slot 1 --minutes 7 --together -o "$(DECODING)/smollm2"
	$(BIN)/interlock bench decode --model smollm2 --vllm-bench --variants free --forms keys --concurrency 32 --repeat 4 \
		--per-slot 1 -o "$(DECODING)/agreement"
	$(BIN)/interlock bench decode --model models/tiny --minutes 8 --together -o "$(DECODING)/tiny"

# Exactly the versions of the lists in requirements/; nothing is done where they are installed.
install-run install-test: install-%:
	@$(PYTHON) requirements/install.py $*

# The lists, resolved anew.
lock: install-test
	requirements/lock.sh

# What the newest releases break, without the lists, in a .venv-latest of its own.
latest:
	@$(PYTHON) requirements/latest.py

clean:
	rm -rf .venv .venv-latest runs
