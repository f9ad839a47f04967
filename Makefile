# Everything a checkout needs: `make run` and `make test` install what is missing by themselves.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help run test devices check bench clean
help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: $(VENV)/.run  ## the window; without a display ten seconds of the test picture, with a report
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" != Linux ]; \
	then exec $(BIN)/sharpened-camera; \
	else exec $(BIN)/sharpened-camera run --camera test --seconds 10; fi

test: $(VENV)/.test  ## the tests, all of them
	$(BIN)/python -m pytest

devices: $(VENV)/.test  ## the program with a real camera driver, a real virtual camera and a real browser, see tests/devices
	@tests/devices/lab/build.sh >/dev/null
	$(BIN)/python -m pytest -vv -m devices tests/devices $(ARGS)

check: $(VENV)/.check  ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/.test  ## every speed and memory figure of the README, measured here
	$(BIN)/python tests/bench/bench.py
	$(BIN)/python tests/bench/training.py

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Each stamp is one installed set of packages; a changed pyproject.toml installs it anew.
$(VENV)/bin/python:
	@PYTHON=$(PYTHON) packaging/linux/prepare.sh venv $(VENV)
	@echo "installing into $(VENV) ..."
	$(PIP) install -U 'pip>=25.1'

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(PIP) install -e .
	@packaging/linux/prepare.sh qt $(VENV)
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(PIP) install -e '.[train]' --group test
	@packaging/linux/prepare.sh qt $(VENV)
	@touch $@ $(VENV)/.run

$(VENV)/.check: pyproject.toml $(VENV)/.test
	$(PIP) install --group check
	@touch $@
