# Two commands do everything on a fresh machine with Python 3.11 to 3.13 and make:
#   make example    environment with what a run needs, then the example study to
#                   results/example/report.html (short) and supplement.html (all results)
#   make test       environment with what tests need as well, then all tests
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
CORES ?= 2
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
# Long files first, so that both workers end together.
TESTS := tests/workflow tests/spec tests/property tests/figures tests/unit

# Bytecode makes every start three times faster; a shell that forbids it would slow each step of a run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env example manuscript docs test lint format bench sbom lock clean

help:
	@echo "make example   set up .venv with what a run needs, run the example study:"
	@echo "               results/example/report.html (short) and supplement.html (all results)"
	@echo "make manuscript  the same with what documents need: manuscript.docx and manuscript.pdf beside the report"
	@echo "make env       set up .venv with what tests and lint need as well"
	@echo "make test      the same, then run all tests"
	@echo "make docs      the documentation as a site in build/docs, its links checked"
	@echo "make lint      ruff, mypy, snakefmt and snakemake --lint"
	@echo "make bench     speed, calibration and robustness (long); results in benchmarks/"
	@echo "make sbom      libraries of a run with licences and checksums: dist/sbom.cdx.json, dist/licences.csv; known faults of them"
	@echo "make lock      resolve pyproject.toml anew into requirements/lock.txt, run.txt, the part that a run needs, and release.txt"

env: $(STAMP)

$(RUNS): requirements/run.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('prrt-outcomes needs Python 3.11, 3.12 or 3.13, found ' + sys.version.split()[0]) if not (3, 11) <= sys.version_info < (3, 14) else None"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --compile -r requirements/run.txt
	$(PIP) --no-build-isolation -e .
	$(BIN)/python -m compileall -q src
	@touch $(RUNS)

$(STAMP): $(RUNS) requirements/lock.txt
	$(PIP) --require-hashes --compile -r requirements/lock.txt
	@touch $(STAMP)

example: $(RUNS)
	$(BIN)/prrt-outcomes run studies/example --cores $(CORES)

manuscript: env example
	$(BIN)/prrt-outcomes manuscript studies/example

# Warnings are errors, such as a link to a page or heading that is not there; the tests read what was built.
docs: env
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet docs build/docs
	$(BIN)/python -m pytest tests/docs

test: env
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder $(TESTS)
	$(BIN)/python -m pytest tests/reference

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint --config study=studies/example

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

bench: env
	$(BIN)/python -m benchmarks

# In environments of their own: what a run needs alone, described by tools that are no part of it.
sbom:
	rm -rf build/run build/release && mkdir -p dist
	$(PYTHON) -m venv build/run && build/run/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements/run.txt
	$(PYTHON) -m venv build/release && build/release/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements/release.txt
	build/release/bin/cyclonedx-py environment --output-reproducible --of JSON -o dist/sbom.cdx.json build/run/bin/python
	build/release/bin/python requirements/list_licences.py dist/sbom.cdx.json dist/licences.csv
	build/release/bin/pip-audit --no-deps --disable-pip -r requirements/run.txt \
		|| echo "pip-audit: a known fault is listed above, or its database was not reached"

lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra manuscript \
		--group pyproject.toml:dev --group pyproject.toml:docs --group pyproject.toml:install pyproject.toml -o requirements/lock.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--constraint requirements/lock.txt --group pyproject.toml:install pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--constraint requirements/lock.txt --group pyproject.toml:release -o requirements/release.txt

clean:
	rm -rf .venv .venv-* results/*/ build dist
