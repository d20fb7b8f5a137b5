# make help lists the targets. Every one makes .venv first when it is missing or stale.
SCALE ?= laptop
STUDIES ?=
WITH ?=
STRICT ?=
LOGGER ?= wandb
ENTITY ?=
PROJECT ?= ganrepro
SEND ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && echo $$p && break; done)

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP)  ## only install, into .venv

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed; name one with make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing into $(VENV) with $(PYTHON) (PyTorch is large: a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $(STAMP)

demo: $(STAMP)  ## the 2014 GAN with two losses, then a small stability grid, to reports (under 5 minutes)
	@echo "Training the 2014 GAN with its non-saturating and its saturating generator loss, three seeds each ..."
	@$(BIN)/python run.py -m experiment=gan_mnist scale=laptop loss=gan,gan_saturating seeds=3
	@echo "Training a small stability grid: LSGAN and the regular GAN without batch norm, two optimizers, one seed each ..."
	@$(BIN)/python run.py -m experiment=lsgan_stability scale=laptop norm=no_gd seeds=1

test: $(STAMP)  ## lint, types and all quick tests (under 10 minutes)
	@echo "Linting and type checking ..."
	@$(MAKE) --no-print-directory lint
	@echo "Running the tests ..."
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal

acceptance: $(STAMP)  ## slow end-to-end checks; those of the pages need Chromium
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]' --constraint constraints.txt
	@GANREPRO_CONFIGURATIONS=120 GANREPRO_DAMAGES=200 $(BIN)/python -m pytest -o addopts='-q --strict-markers' \
		tests/acceptance tests/test_configurations.py tests/test_runs.py tests/data/test_damage.py

lint: $(STAMP)  ## ruff and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(STAMP)  ## speed against plain PyTorch loops, as paired ratios
	@$(BIN)/python -m benchmarks

report: $(STAMP)  ## redraw reports/ from the run folders (tracked files: git checkout reports/ undoes it)
	@$(BIN)/python -m ganrepro.report

status: $(STAMP)  ## what is done, cut off, failed, and the time left
	@$(BIN)/python -m ganrepro.status

dashboard: $(STAMP)  ## a W&B view of each study, sent with SEND=1 (ENTITY= PROJECT= STUDIES=), or LOGGER=tensorboard
	@$(BIN)/python -m ganrepro.dashboard --logger $(LOGGER) --project $(PROJECT) $(if $(ENTITY),--entity $(ENTITY)) \
		$(if $(SEND),--send) $(STUDIES)

reproduce-all: $(STAMP)  ## every study at SCALE=laptop|workstation|paper, then the reports (STUDIES="a b" to choose; STRICT=1)
	@$(BIN)/python -m ganrepro.reproduce --scale $(SCALE) $(if $(filter 1,$(STRICT)),--strict) $(STUDIES) $(WITH)

clean:  ## remove .venv and caches; runs/, data/ and reports/ stay
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup demo test acceptance lint bench report status dashboard reproduce-all clean
