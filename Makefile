# Baton: `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help demo run test check chaos proof

PYTHON ?= python3
PORT ?= 8000
DATA ?= var
export PORT DATA

VENV := .venv
PY := $(VENV)/bin/python

help: ## Say what there is
	@echo "Baton hands SMS marketing campaigns over to file-drop gateways."
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=8000 and DATA=var choose the port and the directory of the data."

demo: $(VENV)/installed ## Start Baton with a pretend provider and a sample campaign, and stay up
	@$(PY) -m config.supervisor demo --with-parent

run: $(VENV)/installed ## Start Baton for real work
	@$(PY) -m config.supervisor run --with-parent

test: $(VENV)/installed-dev ## Run the tests, on PostgreSQL too where it is installed
	@$(PY) -m tests.postgresql -m pytest -m "not browser" --ignore tests/test_supervisor.py --ignore tests/test_demo.py --ignore tests/campaigns/test_bad_days.py
	@$(PY) -m pytest

chaos: $(VENV)/installed-dev ## Break everything on purpose, N= batches (2000), and count who was texted twice
	@$(PY) -m tests.chaos --batches $(or $(N),2000)

proof: $(VENV)/installed-dev ## Live N= lives of batches (5000) in a state machine, and check the promise after each step
	@PROOF_EXAMPLES=$(or $(N),5000) $(PY) -m pytest -q -s tests/proof -k promise

check: export DATA := $(VENV)/check
check: $(VENV)/installed-dev ## Check format, style, types, floors, settings and migrations
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports
	$(PY) -m mypy .
	$(PY) manage.py check --fail-level WARNING
	BEHIND_TLS=1 ALLOWED_HOSTS=baton.example.org $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) manage.py makemigrations --check --dry-run
	$(VENV)/bin/djlint templates --check --lint --quiet
	@echo "All checks passed."

$(VENV)/installed: requirements.txt
	@echo "Installing what Baton needs into $(VENV): a minute or two the first time."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Baton needs Python 3.11 or newer; choose one with PYTHON=.")'
	@test -x $(PY) && $(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing what the tests and checks need into $(VENV)."
	@$(PY) -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@
