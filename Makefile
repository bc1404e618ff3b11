# homefeed: `make demo` and `make test` are the two commands; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch's own index has the small CPU build: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
SERVE ?= 1
LOG = @printf '== %s\n'

.PHONY: help install demo test check unit docs-full chaos bench soak audit wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.runtime ## prepare .venv with what the pipeline and the API need

demo: $(VENV)/.runtime ## a made-up shop, from its logs to a live feed (SERVE=0: stop after printing)
	@$(BIN)/homefeed demo $(if $(filter 0,$(SERVE)),--no-serve,--serve)

test: check unit ## all checks and tests

check: $(VENV)/.dev ## ruff, mypy, import contracts, docs
	$(LOG) "ruff"
	@$(BIN)/ruff check src tests benchmarks docs
	@$(BIN)/ruff format --check --quiet src tests benchmarks docs
	$(LOG) "mypy"
	@$(BIN)/mypy && $(BIN)/mypy benchmarks
	$(LOG) "import contracts"
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	$(LOG) "docs"
	@$(BIN)/python -m pytest tests/docs -m "not long"

unit: $(VENV)/.dev
	$(LOG) "tests"
	@$(BIN)/python -m pytest --ignore=tests/docs -m "not long"

docs-full: $(VENV)/.dev ## every command of the README, the long ones too (minutes)
	@$(BIN)/python -m pytest tests/docs tests/entrypoints tests/wheel -m "long or not long"

chaos: $(VENV)/.dev ## the long tests that break things on purpose, with figures (half an hour)
	@$(BIN)/python -m pytest -s -m long tests/chaos tests/integration

bench: $(VENV)/.dev ## seconds, memory and latency of every step on the demo shop
	@$(BIN)/python -m benchmarks

soak: $(VENV)/.dev ## 20 minutes of load at 70 % of capacity, an export every minute (SECONDS=180: shorter; STORE=redis)
	@$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),1200) --store $(or $(STORE),embedded)

audit: $(VENV)/.dev ## look all pinned versions up among known vulnerabilities (needs the internet)
	@$(BIN)/pip-audit -r requirements.txt -r requirements-dev.txt --no-deps --disable-pip --skip-editable --strict --progress-spinner off || \
		{ echo "Not passed: a vulnerability is named above, or the package index could not be asked about every version"; exit 1; }

wheel: $(VENV)/.dev ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

clean: ## remove .venv, caches and the demo's data
	rm -rf $(VENV) data/demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "homefeed needs Python 3.11 to 3.13: apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "homefeed needs Python 3.11 to 3.13, $(PYTHON) is $$($(PYTHON) -V). Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	$(LOG) "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements.txt pyproject.toml
	$(LOG) "installing requirements.txt into $(VENV) (a few minutes the first time)"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(LOG) "installing requirements-dev.txt into $(VENV)"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@
