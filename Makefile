# `make run` and `make test` are all a newcomer needs; both set up .venv by themselves from hash-pinned requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.PHONY: run test lint types layers unit fuzz torture mutants bench docs picture lock clean

run: $(VENV)/run.stamp  ## set up and show the panel
	$(BIN)/jackfield status

test: lint types layers unit  ## everything CI checks

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp
	$(BIN)/mypy

layers: $(VENV)/test.stamp
	$(BIN)/lint-imports

unit: $(VENV)/test.stamp
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=90

# Long suites: not part of `test`, which runs a short slice of each.
fuzz: $(VENV)/test.stamp  ## a million mutated patches against the gate, then its laws with 10,000 examples each
	PYTHONPATH=tests $(BIN)/python tests/fuzz/guard.py --count 1000000
	HYPOTHESIS_PROFILE=long $(BIN)/pytest -n $(WORKERS) tests/property/test_guard.py

torture: $(VENV)/test.stamp  ## kill, corrupt, fill up: the store and the commits
	for part in kills race damage disk; do PYTHONPATH=tests $(BIN)/python tests/torture/store.py $$part || exit 1; done
	PYTHONPATH=tests $(BIN)/python tests/torture/commits.py --count 1000
	for part in rounds threads kills points; do PYTHONPATH=tests $(BIN)/python tests/torture/refresh.py $$part || exit 1; done

mutants: $(VENV)/test.stamp  ## remove each rule of the gate in turn; a test must notice
	PYTHONPATH=tests $(BIN)/python tests/mutation/guard.py

bench: $(VENV)/run.stamp  ## figures as ratios, measured in one run
	$(BIN)/python bench/run.py

docs: $(VENV)/run.stamp  ## write the generated reference pages anew
	$(BIN)/python scripts/generate_docs.py

picture: $(VENV)/run.stamp  ## draw docs/status.svg anew
	$(BIN)/python scripts/draw_status.py

lock:  ## refresh the pins (needs uv on PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header requirements/run.in -o requirements/run.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header -c requirements/run.txt requirements/test.in -o requirements/test.txt

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Jackfield needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src/jackfield
	@touch $@

$(VENV)/test.stamp: requirements/test.txt $(VENV)/run.stamp
	$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
