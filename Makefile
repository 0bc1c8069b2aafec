# The contract between people and CI: CI runs `make test` and nothing else.
# Needs make and Python 3.11 or newer; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pip would compile one file after the other. What a library holds for another Python does not compile, and fails nothing.
INSTALL := $(PIP) install --no-compile -c constraints.txt
COMPILE := @$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib 2>/dev/null || :

# The first interpreter that is new enough and can make a virtual environment; `make PYTHON=...` decides otherwise.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

# Two pytest workers and a thread pool in each would fight over the cores.
export OMP_NUM_THREADS ?= 1
export POLARS_MAX_THREADS ?= 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test test-lowest display lint type imports spell pytest format docs site bench clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

run: $(VENV)/.installed ## install, then run the first scenario
	$(BIN)/turncoat run treacherous_turn/lab

test: display lint type imports spell pytest ## every gate, then the tests: what CI runs

# A few tests want a virtual display. It is no Python package: as root on Debian and its kin it is fetched, and a mirror
# that does not answer fails nothing.
display: ## install Xvfb, where that can be done
	@if command -v Xvfb >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { timeout 40 apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive timeout 60 apt-get install -y -qq --no-install-recommends xvfb; } >/dev/null 2>&1; then :; \
	else echo "warning: Xvfb is not here and was not installed; tests of the window under a real display are skipped" >&2; fi

lint: $(VENV)/.installed-dev ## style and mistakes
	$(BIN)/ruff check
	$(BIN)/ruff format --check

type: $(VENV)/.installed-dev ## types, strictly
	$(BIN)/mypy

imports: $(VENV)/.installed-dev ## rooms import only rooms below them
	$(BIN)/lint-imports

spell: $(VENV)/.installed-dev ## spelling
	$(BIN)/codespell

# Tests start hundreds of processes; where Python is told to keep no bytecode, each of them would compile everything.
# A test that hangs in compiled code, where no exception reaches it, ends with its process, which says where it was; the
# test that ended one is begun again in the next one, so not too often.
pytest: $(VENV)/.installed-dev ## the tests
	@$(BIN)/python -m compileall -q turncoat scenarios envs agents evals viz benchmarks
	$(BIN)/pytest -n 2 --max-worker-restart=2 -o faulthandler_timeout=660 -o faulthandler_exit_on_timeout=true

test-lowest: ## the tests with the oldest libraries that pyproject.toml allows, torch excepted
	@test -n "$(PYTHON)" || { echo "turncoat needs Python 3.11 or newer with venv; name one: make PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) tests/lowest_versions.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install \
		-c constraints.txt -c $(LOWEST)/constraints.txt -e ".[test,dask,learn,ray,sb3,search]"
	$(LOWEST)/bin/pytest -n 2 -W default # old libraries warn of what is newer than they are

format: $(VENV)/.installed-dev ## rewrite to the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.installed-dev ## write what the docs take from the program, README's trainings too
	$(BIN)/python -m tests.make_docs --trainings

site: $(VENV)/.installed-dev ## write the edition in the browser, with the docs, to site/
	$(BIN)/turncoat site --docs docs --out site

bench: $(VENV)/.installed-dev ## measure the targets
	$(BIN)/python -m benchmarks

clean: ## remove what was built and cached, .venv too
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a second call installs nothing unless what was asked for has changed.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "turncoat needs Python 3.11 or newer with venv; name one: make PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.made
	$(INSTALL) -e .
	$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.made
	$(INSTALL) -e ".[dev,dask,inspect,learn,ray,sb3,search,site]"
	@$(INSTALL) -e ".[verify]" 2>/dev/null \
	|| echo "warning: stormpy (49 MB) was not installed; tests that ask the model checker Storm are skipped" >&2
	$(COMPILE)
	@touch $(VENV)/.installed $@
