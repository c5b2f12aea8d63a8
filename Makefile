# Needs Python 3.11 or later with venv, and make; nothing else. Every target sets up what it needs, once.
#
#   make run      serve http://127.0.0.1:8000 (FLOWML_HOME, FLOWML_HOST, FLOWML_PORT are obeyed)
#   make setup    .venv with the `flowml` command
#   make check    format, lint, types, and who may import whom: seconds
#   make test     check, then every test
#   make pyz      dist/flowml.pyz, the product in one file; LEAN=1 without CUDA
#   make bench    the figures of README.md; DATA=folder takes tables from there, BUDGET=60 seconds each,
#                 SAMPLES=folder reads files of any format; ONLY=load, or ONLY="load --seconds 20", just that one
#   make lock     the requirements files anew from pyproject.toml; UPGRADE=1 takes newer versions
#   make clean    remove all of the above

PYTHON ?= python3
BIN := .venv/bin
DONE := .venv/done
COMMA := ,
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --no-deps --require-hashes
NPM := $(shell command -v npm 2>/dev/null)

.PHONY: run setup check test pyz bench lock clean
.DELETE_ON_ERROR:

run: setup
	@exec $(BIN)/flowml serve

setup: $(DONE)/flowml $(DONE)/vendor

$(DONE)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "FlowML needs Python 3.11 or later; PYTHON=... names one")'
	$(PYTHON) -m venv .venv
	@mkdir -p $(DONE) && touch $@

$(DONE)/build: requirements-build.txt $(DONE)/venv
	$(LOCKED) -r requirements-build.txt
	@touch $@

$(DONE)/runtime: requirements.txt $(DONE)/venv
	$(LOCKED) -r requirements.txt
	@touch $@

$(DONE)/test: requirements-test.txt $(DONE)/venv
	$(LOCKED) -r requirements-test.txt
	@touch $@

# What the tests of clusters need; in no zipapp.
$(DONE)/engines: requirements-engines.txt $(DONE)/venv
	$(LOCKED) -r requirements-engines.txt
	@touch $@

$(DONE)/flowml: pyproject.toml hatch_build.py $(DONE)/build $(DONE)/runtime
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Without Node.js on this machine, the one that PyPI carries does.
$(DONE)/vendor: package.json package-lock.json scripts/vendor.py requirements-node.txt $(DONE)/venv
ifeq ($(NPM),)
	$(LOCKED) -r requirements-node.txt
endif
	$(BIN)/python scripts/vendor.py
	@touch $@

check: setup $(DONE)/test
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m pytest --quiet --no-header tests/test_architecture.py

# There is no Ray for a Mac with an Intel processor.
ENGINES := dask$(if $(filter Darwin-x86_64,$(shell uname -sm | tr ' ' '-')),,$(COMMA)ray)

# Three files of tests at a time, more than there are cores, as many tests wait for a server or a browser; in the order
# in which they stand: the few that take long are not left to the end.
test: check $(DONE)/engines
	FLOWML_TESTS_NEED=$(ENGINES),onnx,duckdb $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

pyz: setup
	$(BIN)/python scripts/build_pyz.py --variant $(if $(LEAN),lean,full)
ifneq ($(LEAN),)
	@ln -f dist/flowml.pyz dist/flowml-lean.pyz
endif

$(DONE)/bench: requirements-bench.txt $(DONE)/test
	$(LOCKED) -r requirements-bench.txt
	@touch $@

bench: setup $(DONE)/bench
	$(BIN)/python -m benchmarks $(ONLY) $(if $(DATA),--data $(DATA)) $(if $(BUDGET),--budget $(BUDGET)) $(if $(SAMPLES),--samples $(SAMPLES))

lock: $(DONE)/venv
	$(PIP) uv
	$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:
	rm -rf .venv build dist node_modules static/vendor .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
