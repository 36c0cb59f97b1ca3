# Everything a person types. Needs make and Python 3.11 or later; each target first builds what it needs.

PYTHON  := .venv/bin/python
INPUTS  := pyproject.toml uv.lock tools/bootstrap.py tools/bootstrap.sh
RUNS    := .venv/.runs
READY   := .venv/.ready
# The index is named, because a machine's own mirror would make the lock look stale, or get into it.
LOCK    := .venv/bin/uv lock --no-config --default-index https://pypi.org/simple
WORKERS ?= 2
ARGS    ?=

.PHONY: help up test test-agents translation check bench web types model-data clean lock
CHECKS := check-lock check-format check-lint check-types check-floors check-house check-docs check-web
.PHONY: $(CHECKS)

help:
	@echo "make up      start hostler and print how to reach it (ARGS=\"--port 9000\" passes flags on)"
	@echo "make test    all tests, and the quick ones under the newest Python as well"
	@echo "make test-agents  real agents (Claude Code, Codex, ...) through hostler; installs 2 GB into .agents/"
	@echo "make translation  translated exchanges in great number, new each time (ARGS=\"--count 200 --seed 7\")"
	@echo "make check   format, lint, types, floors, house rules, docs, lock file"
	@echo "make bench   run the benchmarks and keep their results"
	@echo "make web     build the workbench's front end, if it changed (needs Node 20.19 or later)"
	@echo "make model-data  bring the snapshot of model facts and prices up to date"
	@echo "make clean   remove everything that was built, .venv included"

$(RUNS): $(INPUTS)
	@sh tools/bootstrap.sh run
	@touch $@

$(READY): $(INPUTS)
	@sh tools/bootstrap.sh
	@touch $(RUNS) $@

up: $(RUNS)
	@$(PYTHON) tools/web.py build --if-can
	@.venv/bin/hostler up $(ARGS)

# All parts run, whatever the first one finds.
test: $(READY)
	@$(PYTHON) tools/web.py build --if-can
	@newest=$$($(PYTHON) tools/bootstrap.py newest) || exit 1; failed=0; \
	if [ -n "$$newest" ]; then \
		echo "== quick tests under $$($$newest --version)"; \
		"$$newest" -m pytest -q -m "not slow" -n $(WORKERS) --dist loadfile || failed=1; \
	else \
		echo "== no Python newer than $$($(PYTHON) --version | cut -d' ' -f2) is installed: the tests run under this one only"; \
	fi; \
	echo "== all tests under $$($(PYTHON) --version)"; \
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile $(ARGS) || failed=1; \
	echo "== the front end's own tests"; \
	$(PYTHON) tools/web.py test || failed=1; \
	exit $$failed

# Real agents in pinned versions, against the strict fake vendor; takes minutes, so it is no part of `make test`.
test-agents: $(READY)
	@$(PYTHON) tools/agents.py install
	@$(PYTHON) -m pytest -n $(WORKERS) tests/agents/real_agents.py tests/agents/printed_lines.py $(ARGS)

# Vendors' replies drawn by chance, through the gateway, read by the SDKs of every face.
translation: $(READY)
	@$(PYTHON) -m tests.translation $(ARGS)

# All of them run, so that one run shows everything there is to mend.
check: $(READY)
	@$(MAKE) --no-print-directory --keep-going $(CHECKS)
	@echo "check: all good"

check-lock: $(READY)
	@$(LOCK) --check --quiet || { echo "uv.lock does not follow pyproject.toml: run make lock"; exit 1; }

lock:
	@$(LOCK)

check-format: $(READY)
	@.venv/bin/ruff format --check --quiet . || { .venv/bin/ruff format --check .; exit 1; }

check-lint: $(READY)
	@.venv/bin/ruff check --quiet .

check-types: $(READY)
	@.venv/bin/basedpyright

check-floors: $(READY)
	@.venv/bin/lint-imports --no-logo

check-house: $(READY)
	@$(PYTHON) -m pytest -q tests/test_house_rules.py

check-docs: $(READY)
	@$(PYTHON) tools/docs.py --check

check-web: $(READY)
	@$(PYTHON) tools/web.py check

bench: $(READY)
	@$(PYTHON) tools/web.py build --if-can
	@$(PYTHON) bench/all.py $(ARGS)

web: $(RUNS)
	@$(PYTHON) tools/web.py build

# The page's types of the server's API, after a change of the API.
types: $(READY)
	@$(PYTHON) tools/web.py types

# What hostler knows of hosted models and their prices, from the newest packages that publish such facts.
model-data: $(READY)
	@$(PYTHON) tools/model_data.py

clean:
	rm -rf .venv .venv-newest .agents build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf web/node_modules src/hostler/workbench/dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
