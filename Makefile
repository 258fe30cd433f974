# make up and make test each work alone on a fresh Debian or Ubuntu with Python 3.11 or later.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: up demo test lint format bench docs screenshots lock clean

up: .venv/ready ## collect this machine and serve the dashboard
	@$(BIN)/scms up

demo: .venv/ready ## the same with a simulated lab of 20 servers
	@$(BIN)/scms up --demo

test: .venv/ready ## the whole suite; what needs a program that is not here says so
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready ## figures against peers and floors; see docs/benchmarks.md
	$(BIN)/python benchmarks/run.py

docs: .venv/ready ## the generated parts of the documentation
	$(BIN)/python -m scms.warehouse.dictionary
	$(BIN)/python -m scms.cli.reference

screenshots: .venv/ready ## the pictures of README and docs; with `make demo` running beside it
	PYTHONPATH=tests $(BIN)/python -m browser.screenshots scms-data/demo/cluster.toml docs/images

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/ready: requirements.lock pyproject.toml scripts/make-environment
	@PYTHON="$(PYTHON)" sh scripts/make-environment
	@touch $@
