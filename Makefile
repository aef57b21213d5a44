# make up · make down · make drill · make test · make bench      (make help says what each does)
PYTHON ?= python3
STACK ?= local
BIN := .venv/bin
EMULATOR := $(BIN)/python -m pulumi_emulator
# What tools/setup.py writes when the environment is whole. What only uses a set-up does not look whether it could be made now:
# a stack is taken down on a full disk.
READY := .venv/redis-ha-requirements
SOURCES := __main__.py settings.py stages.py components client ops emulator tests tools bench examples

.DEFAULT_GOAL := help
.PHONY: help setup environment clean up down status drill lint test bench schema lock audit changelog

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11
	@echo; echo "Begin with \`make up\`: it sets everything up and ends with the next commands. STACK=staging is another stack."

setup: ## Debian packages, Python environment, Pulumi engine
	@$(PYTHON) -m tools tools/setup.py

environment:
	@$(PYTHON) -m tools tools/setup.py environment

$(READY):
	@echo "error: nothing is set up in this folder; run \`make setup\` first" >&2; exit 1

clean: ## remove what only the engine's build needed: Go's caches, about 3 GB
	@PYTHONPATH=emulator $(PYTHON) -m tools tools/build_engine.py --clear

up: setup ## bring the stack up on this machine and wait until it is healthy (STACK=local)
	@$(EMULATOR) up --stack $(STACK)
	@$(BIN)/redis-ha status --stack $(STACK) --emulated --wait 240
	@sed 's/@STACK@/$(STACK)/g' docs/connect.txt

down: $(READY) ## take the stack down; leaves nothing behind
	@$(EMULATOR) destroy --stack $(STACK)

status: $(READY) ## the topology as the Sentinels and the nodes see it
	@$(BIN)/redis-ha status --stack $(STACK) --emulated

drill: $(READY) ## cut the master's power under load and report what it cost
	@$(BIN)/redis-ha drill kill-master --stack $(STACK) --emulated

lint: environment ## format, lint and types
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/mypy components/__main__.py

test: setup ## every test and the linters (root); TIER=fast in under two minutes; TIER=client one folder of tests/
	@$(BIN)/python -m tools tools/run_tests.py $(TIER)

bench: setup ## ratios of one run on this machine: drills, time to healthy; SUITE=clients: clients of other languages; BASE=COMMIT: commands against that commit (TESTS=1: tests too)
	@$(BIN)/python -m tools bench/$(if $(SUITE),$(SUITE)/run.py $(ARGS),$(if $(BASE),compare.py $(BASE) $(if $(TESTS),--tests),bench.py))

schema: $(READY) ## write the components' schema and the stack file's schema anew
	$(BIN)/python -m tools tools/component_schema.py
	$(BIN)/python -m tools tools/settings_schema.py

lock: $(READY) ## write requirements.txt from requirements.in: every package by its hash, no index address
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet requirements.in --output-file requirements.txt

audit: environment ## known faults of the pinned Python packages, from the OSV service (needs the network)
	@$(BIN)/python -m tools tools/audit.py

changelog: environment ## what the next release says, from the fragments in changes/
	@$(BIN)/towncrier build --draft
