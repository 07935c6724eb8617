PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HARNESS := PYTHONPATH=dev $(PYTHON) -m foresize_dev
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help install check test bench demo demo-down packages parts image check-arm64 lock up down

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## the virtual environment in .venv, with the locked packages and the project itself

# The project is installed after its locked dependencies and without any of its own choice.
$(VENV)/.installed: requirements-dev.lock pyproject.toml | packages
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

check: install ## format, lint, types, import rules, and the Go of dev/parts where there is Go
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@! command -v go >/dev/null || (cd dev/parts/memhog && go vet . && go test .)

test: install packages parts image ## every tier that this machine can run; says what is skipped and why
	-@$(HARNESS) missing
	@PYTHONPATH=dev $(BIN)/python -m foresize_dev.tiers $(BIN)/python

bench: install ## time and figures beside the peers; BENCH_JSON=FILE writes them, TRACES=FOLDER uses yours
	@$(BIN)/python bench/prophet.py $(TRACES)
	@$(BIN)/python bench/scale.py
	@$(BIN)/python bench/webhook.py

demo: install ## the main job, live, in six minutes; DEMO_JSON=FILE writes what it showed, CLUSTER=current uses yours
	@PYTHONPATH=dev $(BIN)/python -m foresize_dev.demo $(if $(DEMO_JSON),--json $(DEMO_JSON)) $(if $(CLUSTER),--cluster $(CLUSTER))

demo-down: ## remove every trace of the demo; CLUSTER=current: from your cluster
	@PYTHONPATH=dev $(PYTHON) -m $(if $(filter current,$(CLUSTER)),foresize_dev.demo --down,foresize_dev down)

packages: ## install the Debian packages that are missing (named first, asked for on a terminal)
	-@$(HARNESS) packages

parts: ## build the cluster's programs, once per version, into the user's cache
	-@$(HARNESS) parts

image: packages ## the operator's image, built without a daemon, into the user's cache
	-@$(HARNESS) image

check-arm64: install ## whether the image's locked packages have wheels for arm64 too
	@PYTHONPATH=dev $(BIN)/python -m foresize_dev.arm64

up: packages parts ## a cluster on this machine, for trying things
	$(HARNESS) up

down: ## remove that cluster and every trace of it
	$(HARNESS) down

lock: install ## renew the hashed locks: requirements.lock (the image), requirements-dev.lock (development and CI)
	$(COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --constraint requirements.lock --group dev --all-extras --output-file requirements-dev.lock pyproject.toml
