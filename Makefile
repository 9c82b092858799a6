# `make demo` and `make test` set everything up on a bare machine with Python 3.11 or later.
SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach name,python3.12 python3.11 python3,$(shell $(name) -c \
	'import sys; print("$(name)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements-3.11.lock requirements-3.12.lock
PYTEST ?= $(BIN)/python -m pytest -q

.PHONY: demo test test-slow lint format bench calibration forecasts proto fits lock setup clean

demo: $(READY)
	$(BIN)/scaling demo --output demo-output

test: $(READY)
	$(PYTEST)

test-slow: $(READY)
	$(PYTEST) -m slow

# buf is checked where it is installed; .ci/run demands it.
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ ! -d proto ]; then echo "no proto/ yet: buf has nothing to check"; \
	elif command -v buf >/dev/null; then echo "buf lint"; buf lint; \
	else echo "buf lint skipped: install @bufbuild/buf with npm"; fi

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Every benchmark but those that write a page (see below); one alone: .venv/bin/python -m benchmarks.NAME
bench: $(READY)
	@for file in $$(grep -l __main__ benchmarks/[a-z]*.py | grep -v -e forecasts -e calibration); do \
		name=$$(basename $$file .py); \
		echo "== $$name"; PYTHONPATH=benchmarks $(BIN)/python -m benchmarks.$$name || exit 1; done

# Simulation-based calibration of every law and link; writes docs/calibration.md. About 25 CPU-minutes.
calibration: $(READY)
	$(BIN)/python -W ignore -m benchmarks.calibration --page docs/calibration.md

# docs/forecasts.md, from published runs (setting SCALING_DATA).
forecasts: $(READY)
	$(BIN)/python -m benchmarks.forecasts

proto: $(READY)
	$(BIN)/python proto/generate.py

fits: $(READY)
	@for recipe in fits/scaling_fits/*/recipe.toml; do \
		slug=$$(basename "$$(dirname "$$recipe")"); echo "== $$slug"; $(BIN)/scaling fits build "$$slug" || exit 1; done

setup: $(READY)

# The lock of the Python that runs; a Python newer than every lock takes the newest.
$(READY): pyproject.toml $(LOCKS)
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@version=$$($(BIN)/python -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")'); \
	lock=requirements-$$version.lock; [ -f $$lock ] || lock=$(lastword $(LOCKS)); \
	echo "Installing $$lock into $(VENV)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $$lock && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

# After a change of dependencies in pyproject.toml; needs uv.
lock:
	@for version in 3.11 3.12; do \
		uv pip compile pyproject.toml --extra dev --python-version $$version --generate-hashes --no-emit-index-url \
			--no-header --quiet --output-file requirements-$$version.lock || exit 1; done

clean:
	rm -rf $(VENV) build dist demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
