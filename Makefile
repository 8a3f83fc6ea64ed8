# Baton: `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help demo run test test-all test-slow test-postgresql check chaos proof bench screenshots pins audit sbom deployment load

PYTHON ?= python3
PORT ?= 8000
DATA ?= var
export PORT DATA
# Without bytecode files, each of Baton's many processes would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PY := $(VENV)/bin/python

help: ## List the commands
	@echo "Baton hands SMS marketing campaigns over to file-drop gateways."
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=8000 and DATA=var choose the port and the data directory, ROLES=web,imports,handover the roles of a host."

demo: $(VENV)/installed-sandbox ## Start Baton with sandbox providers and a sample campaign through each, and stay up
	@$(PY) -m config.supervisor demo --with-parent

run: $(VENV)/installed $(if $(S3_BUCKET),$(VENV)/installed-s3) ## Start Baton for real work
	@$(PY) -m config.supervisor run --with-parent

# More workers than cores, because many tests wait for a server; each has its own data directory, database and Valkey.
PYTEST := -m pytest -n
CORES := $(shell nproc)
# Which worker runs a test: the longest tests come first, and each goes to whichever worker is free.
ONE_BY_ONE := --dist load --maxschedchunk 1
# The test files that contain the name of a mark; otherwise, each worker would import and collect all files.
# tests/test_marks.py checks that each file with such a test contains the name.
naming = $$(grep --recursive --files-with-matches --word-regexp --include='test_*.py' $(1) tests)

test: $(VENV)/installed-dev ## Run the tests on SQLite: each behaviour once
	@$(PY) $(PYTEST) $$((2 * $(CORES))) --dist worksteal -m "not slow"

test-all: test ## Run the tests, then the slow ones and, beside them, on PostgreSQL what can differ there
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-slow test-postgresql

# Beside each other. Each run has its own directories, databases and ports.
test-slow: $(VENV)/installed-dev
	@$(PY) $(PYTEST) $$((2 * $(CORES))) $(ONE_BY_ONE) -m slow $(call naming,slow)

test-postgresql: $(VENV)/installed-dev
	@$(PY) -m tests.postgresql $(PYTEST) $(CORES) $(ONE_BY_ONE) -m postgresql $(call naming,postgresql)

chaos: $(VENV)/installed-dev ## Inject faults everywhere, N= batches (2000), and count who was texted twice
	@$(PY) -m tests.chaos --batches $(or $(N),2000)

proof: $(VENV)/installed-dev ## Run N= examples (5000) of a state machine of batches, phone cells, texts, hours and paces
	@PROOF_EXAMPLES=$(or $(N),5000) $(PY) -m pytest -q -s tests/proof -k promise
	@PHONE_CELLS=1000000 $(PY) -m pytest -q -s tests/contacts/test_phone_properties.py -m slow
	@TEXTS=100000 $(PY) -m pytest -q -s tests/providers/test_texts_everywhere.py
	@SCHEDULES=20000 $(PY) -m pytest -q --timeout 1800 tests/campaigns/test_windows.py tests/campaigns/test_pace.py

bench: $(VENV)/installed-dev ## Time each stage with ROWS= people (1000000); CHECK=1 fails if a target is missed
	@$(PY) -m benchmarks

load: export ONLY := load
load: export ROWS ?= 100000
load: $(VENV)/installed-dev $(VENV)/installed-tools ## Open 50 pages a second during an import and a hand-over; CHECK=1 fails if they are slow
	@$(PY) -m benchmarks

screenshots: $(VENV)/installed-dev ## Take the pictures of docs/screenshots/ from a demo of its own
	@$(PY) -m tests.screenshots

check: export DATA := $(VENV)/check
check: $(VENV)/installed-dev ## Check format, style, types, layers, settings, migrations and templates
	@$(PY) -m config.installation
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports
	$(PY) -m mypy .
	$(PY) manage.py check --fail-level WARNING
	BEHIND_TLS=1 ALLOWED_HOSTS=baton.example.org $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) manage.py makemigrations --check --dry-run
	$(VENV)/bin/djlint templates --check --lint --quiet
	@echo "All checks passed."

# Tools that need the network, or belong to a release, apart from what Baton and its tests import.
TOOLS := $(VENV)/tools/bin
# In this order: each file keeps the versions of those before it.
PINNED := requirements requirements-s3 requirements-sandbox requirements-dev requirements-tools

pins: $(VENV)/installed-tools ## Write requirements*.txt, with checksums, from requirements*.in; UPGRADE=1 takes new versions
	@for name in $(PINNED); do \
	  echo "  $$name.txt"; \
	  $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command "make pins" $(if $(UPGRADE),--upgrade) $$name.in -o $$name.txt || exit 1; \
	done

audit: $(VENV)/installed-tools ## Look up the known vulnerabilities of every pinned package
	@for name in $(PINNED); do $(TOOLS)/pip-audit --strict --disable-pip --require-hashes -r $$name.txt || exit 1; done

sbom: $(VENV)/installed-tools ## Write the bill of materials of production, CycloneDX, to sbom.json
	@$(TOOLS)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o sbom.json requirements.txt
	@echo "sbom.json"

deployment: $(VENV)/installed-tools ## Check Dockerfile and compose.yaml
	$(TOOLS)/hadolint Dockerfile
	$(TOOLS)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	@echo "Dockerfile and compose.yaml are valid."

# Install a requirements file: one line with the seconds it took; pip's own output only when it fails.
define install
	@printf '  Installing $(1) '; began=$$(date +%s); \
	if $(PY) -m pip install --disable-pip-version-check --require-hashes -r $(1) >$(VENV)/install.log 2>&1; \
	then echo "done ($$(($$(date +%s) - began)) s)"; \
	else echo "failed; the whole log is $(VENV)/install.log"; tail -n 20 $(VENV)/install.log; exit 1; fi
endef

$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Baton needs Python 3.11 or newer; choose one with PYTHON=.")'
	@test -x $(PY) && $(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(call install,requirements.txt)
	@touch $@

$(VENV)/installed-sandbox: requirements-sandbox.txt $(VENV)/installed
	$(call install,requirements-sandbox.txt)
	@touch $@

$(VENV)/installed-s3: requirements-s3.txt $(VENV)/installed
	$(call install,requirements-s3.txt)
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed-s3 $(VENV)/installed-sandbox
	$(call install,requirements-dev.txt)
	@touch $@

$(VENV)/installed-tools: requirements-tools.txt
	@$(PYTHON) -m venv $(VENV)/tools
	@$(TOOLS)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt
	@touch $@
