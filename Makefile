# A newcomer's entry, and what CI runs. Everything happens in .venv; nothing outside the checkout is touched.
PYTHON ?= python3
BIN := .venv/bin
SET_UP := .venv/set-up

.PHONY: help demo test test-jax test-jax-fits test-torch test-tensorflow test-all parity check format bench scale faults clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(SET_UP): pyproject.toml constraints.txt
	@echo "== set-up: virtual environment in .venv, tested versions of constraints.txt (a few minutes, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kerasmed needs Python 3.11 or newer; say PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $(SET_UP)

demo: $(SET_UP)  ## simulate records, train, evaluate, export, predict (under 5 minutes on 2 cores)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

# Two at a time: most tests wait for a process or a disk, and fill one core only.
test: $(SET_UP)  ## the test suite: everything once on jax, what meets keras again on torch and tensorflow
	@$(MAKE) --no-print-directory --keep-going -j2 --output-sync=target test-jax test-jax-fits test-torch test-tensorflow

# In two processes: what jax keeps of thousands of compiled functions made the last tests three times slower.
FITS := tests/contracts tests/export tests/training tests/tuning tests/workflows

test-jax: $(SET_UP)
	$(BIN)/python -m pytest -m 'not slow' $(FITS:%=--ignore=%)

test-jax-fits: $(SET_UP)
	$(BIN)/python -m pytest -m 'not slow' $(FITS)

test-torch: $(SET_UP)
	KERASMED_TEST_BACKEND=torch $(BIN)/python -m pytest -m 'keras and not slow'

test-tensorflow: $(SET_UP)
	KERASMED_TEST_BACKEND=tensorflow $(BIN)/python -m pytest -m 'keras and not slow'

test-all: $(SET_UP)  ## the test suite with the tests that take minutes
	$(BIN)/python -m pytest -m ''
	KERASMED_TEST_BACKEND=torch $(BIN)/python -m pytest -m keras
	KERASMED_TEST_BACKEND=tensorflow $(BIN)/python -m pytest -m keras

parity: $(SET_UP)  ## every network x training backend x export format: the table of differences (minutes)
	$(BIN)/python cli.py parity --matrix

check: $(SET_UP)  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(SET_UP)  ## rewrite the code as `check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(SET_UP)  ## speed beside wfdb and bare keras, in one run
	$(BIN)/python benchmarks/bench.py

scale: $(SET_UP)  ## speed and memory of training as data, leads, length and batch grow (half an hour)
	$(BIN)/python benchmarks/scale.py --json scale.json --chart scale.png

SEEDS ?= 10
BACKENDS ?= jax,torch,tensorflow

faults: $(SET_UP)  ## SEEDS=10 kills at random on each of BACKENDS; every fault at every step on the disk
	$(BIN)/python scripts/faults.py --kills $(SEEDS) --backends $(BACKENDS)

clean:  ## remove the virtual environment and caches; runs and saved models stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis demo
