# Two commands do everything on a machine with git, make and Python 3.11: make demo, make test.
# The second run of each is quick: a stamp file remembers what is installed.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --constraint constraints.txt
REQUIREMENTS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs golden clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.linvt ## install linvt, then ask it about the clip that it ships
	$(BIN)/linvt ask --model nano linvt_cli/assets/demo.mp4 "What happens?"

test: check ## check the format, the code, the layers and the types, then run the tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.development ## run the benchmarks; each prints ratios measured in one run
	@for benchmark in tests/benchmarks/bench_*.py; do \
		echo "== $$benchmark"; PYTHONPATH=. $(BIN)/python $$benchmark || exit 1; \
	done

docs: $(VENV)/.docs ## write the command line reference anew and build the documentation into site/
	$(BIN)/python -m typer linvt_cli.cli.app utils docs --name linvt --output docs/reference/cli.md
	$(BIN)/mkdocs build --strict

golden: $(VENV)/.linvt ## record what linvt ships, after the weights or the clips were changed
	$(BIN)/python -m linvt_cli.doctor.golden

clean: ## remove caches and built files; the environment stays
	rm -rf site build dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find linvt_cli tests -name __pycache__ -type d -prune -exec rm -rf {} +

# pip 25.1 is the first that installs dependency groups.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: linvt needs Python 3.11 or later; try make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade "pip>=25.1"
	@touch $@

# torch goes first and alone, so that pip takes the build that its own settings offer.
$(VENV)/.linvt: $(VENV)/.pip $(REQUIREMENTS)
	$(INSTALL) torch
	$(INSTALL) --quiet --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.linvt
	$(INSTALL) --quiet --group test --group lint
	@touch $@

$(VENV)/.docs: $(VENV)/.linvt
	$(INSTALL) --quiet --group docs
	@touch $@
