# Each target stands alone after a clone: it builds .venv when that is missing or out of date.
#   make train    all three stages on the embedded data, then a report      (needs no GPU)
#   make check    lint, format, types and the fast tests                    (before every commit)
#   make test     every test that needs no GPU
#   make bench    the main job over several seeds, compared
# Another Python:  make train PYTHON=python3.12
# Small CPU-only torch on machines where pip would fetch the CUDA build:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make train

PYTHON ?= python3
VENV ?= .venv
RECIPE ?= grpo_brier.yaml
ARGS ?=
BIN := $(VENV)/bin
export MAKE_TARGET := $(or $(firstword $(MAKECMDGOALS)),train)
SOURCES := pyproject.toml constraints.txt .ci/venv

.PHONY: train test check bench clean-venv
.DELETE_ON_ERROR:

train: $(VENV)/.ready
	@$(BIN)/emocal-rl train --recipe $(RECIPE) $(ARGS)

test: $(VENV)/.ready-dev
	@$(BIN)/python -m pytest -m "not gpu" $(ARGS)

check: $(VENV)/.ready-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -m "not slow and not gpu" $(ARGS)

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks.main_job $(ARGS)

$(VENV)/.ready: $(SOURCES)
	@bash .ci/venv "$(PYTHON)" "$(VENV)" "" .ready

$(VENV)/.ready-dev: $(SOURCES)
	@bash .ci/venv "$(PYTHON)" "$(VENV)" "[dev]" .ready-dev

clean-venv:
	rm -rf "$(VENV)"
