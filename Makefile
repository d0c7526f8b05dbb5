# Nothing is assumed beyond python3 (3.11 to 3.13), make and git. `make` lists the targets.
PYTHON ?= python3
PROCESS ?= all
OPTIONS ?=
TESTS ?= tests
STATE ?= .towpath
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(VENV)-lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

.DEFAULT_GOAL := help
.PHONY: help demo up test test-full lint lint-full bench evaluate lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## show the processes on a local stack and end (PROCESS=incident shows that one)
	@$(BIN)/python starter.py demo --process $(PROCESS)

up: $(RUNTIME) ## keep the local stack up until Ctrl-C (STATE=.towpath/demo: with the runs of the last demo)
	@$(BIN)/python starter.py up --state $(STATE)

# Three at a time, for they wait half of the time; the long ones, which come first by name, are not kept for the end.
test: $(DEVELOPMENT) ## run all tests, or TESTS=tests/unit/engine; matrices by a printed seed (again: OPTIONS=--seed=N)
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(OPTIONS) $(TESTS)

test-full: $(DEVELOPMENT) ## run all tests, whole matrices, and those with a server again without a workflow cache
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --full --cache on
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --cache off tests/timeskip tests/integration

# Without ruff's cache: it does not notice that a ban of pure.toml is new for a file that has not changed.
# Types of all files take longer than the rest together: here those of what has changed, in lint-full all.
lint: $(DEVELOPMENT) ## check style, imports, the rules of the house, and types of changed files, in under a minute
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@changed=$$({ git diff --name-only --diff-filter=d $$(git merge-base HEAD origin/HEAD 2>/dev/null || echo HEAD); \
		git ls-files --others --exclude-standard; } | grep '\.py$$'); \
		test -z "$$changed" || $(BIN)/basedpyright --warnings $$changed
	@$(BIN)/pytest -q tests/house

lint-full: lint ## the same, and types of all files, compose files, Dockerfile
	@$(BIN)/basedpyright --warnings
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.claude.yml
	@$(BIN)/hadolint Dockerfile

bench: $(DEVELOPMENT) ## measure, and print the figures as tables (an hour and a quarter, most of it pipelines of 10 million rows)
	@$(BIN)/python -m bench

evaluate: $(DEVELOPMENT) ## judge 98 cases of publishing and incidents by kind, offline (OPTIONS=--claude asks Claude, with a key)
	@$(BIN)/python -m tests.evaluations $(OPTIONS)

lock: ## write the hashed locks anew from pyproject.toml
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/pip install --quiet --require-hashes --requirement requirements-tools.lock
	@$(LOCK) --output-file requirements.lock
	@$(LOCK) --group local --output-file requirements-local.lock
	@$(LOCK) --group dev --output-file requirements-dev.lock
	@rm -rf $(VENV)-lock

clean: ## remove the environment and all local state
	@rm -rf $(VENV) .towpath

# pip comes last into a new environment: one whose making was interrupted is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python cannot make virtual environments: install its venv package (Debian: python3-venv)"; exit 1; }

# requirements.lock is what a worker needs. Each lock holds all of the one before it.
$(RUNTIME): requirements-local.lock | $(BIN)/pip
	@echo "Installing what is needed to run (about half a minute, once) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-local.lock
	@touch $@

$(DEVELOPMENT): requirements-dev.lock | $(BIN)/pip
	@echo "Installing what is needed to develop (about a minute, once) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@ $(RUNTIME)
