# Needs git, make and Python 3.10 to 3.13; everything else is installed into .venv (to use the
# plugin), .venv-dev (to work on it) and .venv-train (to train networks with TensorFlow).

.DEFAULT_GOAL := help
.PHONY: help demo test test-train soak matrix bench lint check format lock clean

# The first suitable interpreter on the PATH.
VERSION_OK := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
VENV_OK := import ensurepip, venv
NAMES := python3 python3.13 python3.12 python3.11 python3.10 python
PYTHON := $(shell for p in $(NAMES); do "$$p" -c '$(VERSION_OK)' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)

# An environment is made again if its lock file, pyproject.toml or PYTHON has changed.
STAMP := ready-$(subst \,-,$(subst /,-,$(subst :,-,$(PYTHON))))

# Variables of the demo; see `make help`.
MUSIC ?=
LIMIT ?=
KEEP ?=
export MUSIC LIMIT KEEP

help: ## show this list
	@echo 'usage: make TARGET [PYTHON=python3.12]'; echo
	@while IFS= read -r line; do case "$$line" in \
	    [a-z]*:*'## '*) printf '  %-10s %s\n' "$${line%%:*}" "$${line##*'## '}" ;; \
	esac; done <Makefile
	@echo; \
	echo 'make demo MUSIC=~/Music  compares, on copies, with the genres there; LIMIT=100 files instead of 40;'; \
	echo 'with KEEP=1 the folder of the demo stays, to look round in.'; \
	echo 'make bench TRACKS=tracks MUSIC=clips  takes full-length music and labelled clips; docs/performance.md.'; \
	echo 'make soak MINUTES=5 SOAK="kills full_disk"  runs those scripts of tests/soak alone.'

demo: .venv/$(STAMP) ## make music, import it with beets, let the plugin write genres; MUSIC=
	@.venv/$(BIN)/python -m demo.run

test: .venv-dev/$(STAMP) ## run the tests; PYTEST='-k name' adds options
	.venv-dev/$(BIN)/python -m pytest -n 3 $(PYTEST)

test-train: .venv-train/$(STAMP) ## run the tests that need TensorFlow
	.venv-train/$(BIN)/python -m pytest -n 2 -m tensorflow $(PYTEST)

soak: .venv-dev/$(STAMP) ## try for MINUTES (20) to break what docs/reliability.md promises
	.venv-dev/$(BIN)/python tests/soak/run.py $(MINUTES) $(SOAK)
MINUTES ?= 20
SOAK ?=

matrix: ## the plugin's tests on every Python here, with the oldest and the newest beets
	'$(PYTHON)' scripts/matrix.py

bench: .venv-dev/$(STAMP) ## the short benchmarks, 7 to 11 minutes, for docs/performance.md
	.venv-dev/$(BIN)/python -m benchmarks.run
# Variables of the benchmarks: folders of full-length and labelled music, and more; see
# benchmarks/run.py.
TRACKS ?=
PEERS ?=
TRAIN_PYTHON ?=
BENCH_WORK ?=
AGAIN ?=
ONLY ?=
LONG ?=
AGAINST ?=
export TRACKS PEERS TRAIN_PYTHON BENCH_WORK AGAIN ONLY LONG AGAINST

lint: .venv-dev/$(STAMP) ## ruff, mypy and import-linter
	.venv-dev/$(BIN)/python -m ruff check .
	.venv-dev/$(BIN)/python -m ruff format --check .
	.venv-dev/$(BIN)/python -m mypy
	.venv-dev/$(BIN)/lint-imports

check: lint test ## lint, then test; CI runs test-train, too

format: .venv-dev/$(STAMP) ## let ruff put the code in shape
	.venv-dev/$(BIN)/python -m ruff check --fix-only .
	.venv-dev/$(BIN)/python -m ruff format .

lock: ## choose the versions in the lock files anew; needs uv
	uv pip compile $(COMPILE) pyproject.toml --output-file requirements.lock
	uv pip compile $(COMPILE) pyproject.toml --group dev --constraint requirements.lock \
	    --output-file requirements-dev.lock
	uv pip compile $(COMPILE) pyproject.toml --extra train --group dev \
	    --constraint requirements-dev.lock --output-file requirements-train.lock
COMPILE := --quiet --upgrade --universal --python-version 3.10 --no-annotate \
    --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

clean: ## remove the environments, the caches and what was built
	rm -rf .venv .venv-dev .venv-train .matrix build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/$(STAMP): requirements.lock pyproject.toml
	$(call environment,.venv,requirements.lock)

.venv-dev/$(STAMP): requirements-dev.lock pyproject.toml
	$(call environment,.venv-dev,requirements-dev.lock)

.venv-train/$(STAMP): requirements-train.lock pyproject.toml
	$(call environment,.venv-train,requirements-train.lock)

# $(call environment,FOLDER,LOCK FILE); the stamp, $@, is written last.
define environment
@test -n '$(PYTHON)' || { \
    echo 'There is no Python 3.10 to 3.13 on the PATH. Install one, or name it: make PYTHON=/path/to/python3.12' >&2; exit 1; }
@'$(PYTHON)' -c '$(VERSION_OK)' || { \
    echo '$(PYTHON) cannot be run, or is not Python 3.10 to 3.13. Name another: make PYTHON=/path/to/python3.12' >&2; exit 1; }
@'$(PYTHON)' -c '$(VENV_OK)' || { \
    echo '$(PYTHON) cannot make environments: venv or ensurepip is missing. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
@echo 'Making $(1) from $(2), once; this takes a minute ...';
@'$(PYTHON)' -m venv --clear $(1)
@$(1)/$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(2)
@$(1)/$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
@echo 'made by make' >$@
endef
