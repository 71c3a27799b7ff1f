# `make run` and `make test` are all a newcomer needs: both make their own virtual environment and database.
# PORT (default 8000) and DATA_DIR (default .data) are honoured by every target.

.PHONY: run test check check-style check-layers check-types check-deployment check-migrations check-generated \
	bench prove docs screenshots lock clean help
.DEFAULT_GOAL := help

PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes
MANAGE := $(BIN)/python manage.py
PRODUCTION := DJANGO_SETTINGS_MODULE=config.settings.production ALLOWED_HOSTS=crm.example.test \
	SECRET_KEY=only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFG \
	SECRET_KEYS=Zm9yLXRoZS1jaGVja3Mtb25seS0wMTIzNDU2Nzg5MDE= DATABASE_URL=postgres://nobody@127.0.0.1:1/none
OPENAPI := $(MANAGE) spectacular --api-version v1 --validate --fail-on-warn
ARGS ?=

help:
	@echo "make run     everything on this machine: http://127.0.0.1:$${PORT:-8000}"
	@echo "make test    the tests that run in minutes    (ARGS=... goes to pytest)"
	@echo "make prove   the proofs that kill processes and take long"
	@echo "make bench   measure the engine and the API"
	@echo "make check   format, lint, types, layers, deployment checks, generated files"
	@echo "make docs    write the generated files of docs/"
	@echo "make screenshots  take the README's pictures anew, in Chromium"
	@echo "make lock    resolve pyproject.toml into the two requirements files"
	@echo "make clean   stop the database, delete .venv, the data and the caches"

run: .venv/runtime.stamp
	@exec $(MANAGE) serve

test: .venv/develop.stamp
	@exec $(BIN)/python -m pytest -n 2 $(ARGS)

prove: .venv/develop.stamp
	@exec $(BIN)/python -m pytest -m proof $(ARGS)

check: check-style check-layers check-types check-deployment check-migrations check-generated

check-style: .venv/develop.stamp
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .

check-layers: .venv/develop.stamp
	$(BIN)/lint-imports --no-logo

check-types: .venv/develop.stamp
	$(BIN)/mypy

check-deployment: .venv/develop.stamp
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING

check-migrations: .venv/develop.stamp
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

check-generated: .venv/develop.stamp
	$(MANAGE) document_actions --check
	$(OPENAPI) --file .venv/openapi.yaml
	diff -u docs/openapi.yaml .venv/openapi.yaml

docs: .venv/develop.stamp
	$(MANAGE) document_actions
	$(OPENAPI) --file docs/openapi.yaml

screenshots: .venv/develop.stamp
	@exec $(BIN)/python -m config.tests.screenshots

lock: .venv/develop.stamp
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate -p 3.11 \
		pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate -p 3.11 \
		pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

bench: .venv/develop.stamp
	@exec $(BIN)/python -m benchmarks $(ARGS)

# Never deletes a DATA_DIR of your own choice.
clean:
	@for folder in .data .data/*; do if [ -e "$$folder/postgres/postmaster.pid" ] && [ -x $(BIN)/python ]; then \
		DATABASE_URL= DATA_DIR="$$folder" $(MANAGE) database stop || true; fi; done
	rm -rf .venv .data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage

# The path file lets plain `pytest` find the project from any folder below it.
.venv/made.stamp:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python"; exit 1; }
	@echo "Making .venv with $(PYTHON)…"
	@$(PYTHON) -m venv --clear .venv
	@pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/followthrough.pth"
	@touch $@

.venv/runtime.stamp: requirements.txt .venv/made.stamp
	@echo "Installing what it needs (once, about a minute)…"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

.venv/develop.stamp: requirements-dev.txt requirements.txt .venv/made.stamp
	@echo "Installing what it needs and the tools (once, about two minutes)…"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@ .venv/runtime.stamp
