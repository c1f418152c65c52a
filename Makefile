# Everything a newcomer types. `make` alone explains itself; ARGS is handed on, as in `make up ARGS="--port 8080"`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml bots/pyproject.toml cli/pyproject.toml))
# The environment holds absolute paths: one that came here with a moved or copied checkout is made anew.
HERE := $(shell pwd | cksum | cut -d ' ' -f 1)
MADE := .venv/.made-$(HERE)
RUNTIME := .venv/.runtime-$(HERE)
DEV := .venv/.dev-$(HERE)
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
PUBLISHED = $(or $(TIERDESK_PUBLISH),127.0.0.1:8080)

.PHONY: help install install-dev up demo test prove fuzz faults faults-long bench bench-peers check fmt lock clean compose-up compose-down compose-test compose-scale

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | while IFS='|' read -r name text; do printf '%-20s %s\n' "$$name" "$$text"; done

install: $(RUNTIME) ## Make the environment in .venv and install everything that runs

install-dev: $(DEV) ## Install what the checks and tests need on top

up: $(RUNTIME) ## Start the whole desk with sample data and example consumers; Ctrl-C stops it
	@exec $(BIN)/tierdesk up --demo $(ARGS)

demo: $(RUNTIME) ## Tell the journey of a few tickets on a fast clock, then end
	@exec $(BIN)/tierdesk demo $(ARGS)

# Where the environment forbids to keep compiled files, each worker and each process that a test starts would compile all.
test: $(DEV) ## Run the whole suite on a real RabbitMQ and PostgreSQL (without the long fault tests)
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m "not faults and not compose" -n 5 --dist loadfile --no-loadscope-reorder $(ARGS)

prove: $(DEV) ## Compare business time with two oracles that know nothing of its arithmetic, in 20,000 random cases (minutes)
	cd tests && ../$(BIN)/python -m proof $(ARGS)

fuzz: $(DEV) ## Ask every endpoint many more requests made from its OpenAPI document, other ones each time (minutes)
	TIERDESK_TEST_EXAMPLES=$${TIERDESK_TEST_EXAMPLES:-300} $(BIN)/pytest tests/e2e/test_openapi.py $(ARGS)

faults: $(DEV) ## Run the fault experiments and read the ledger of each (many minutes; docs/faults.md)
	$(BIN)/pytest tests/faults -m faults -n 3 --dist worksteal $(ARGS)

faults-long: $(DEV) ## The same with 10,000 tickets, 200 kills and each crash window a hundred times (an hour and more)
	TIERDESK_FAULTS=long $(BIN)/pytest tests/faults -m faults -n 2 --dist worksteal $(ARGS)

bench: $(DEV) ## Measure the road of a ticket against its raw limit (minutes; ARGS="growth --rounds 10", --help tells)
	cd tests && ../$(BIN)/python -m bench $(ARGS)

bench-peers: $(DEV) ## Install the libraries that business time is measured beside, apart from the environment, and measure
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target .cache/peers -r requirements/peers.txt
	cd tests && ../$(BIN)/python -m bench calendar $(ARGS)

check: $(DEV) ## Check style, types, layers and that the generated documents are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=tests $(BIN)/mypy $(addsuffix /src,$(PACKAGES)) conftest.py tests/servers tests/bench tests/proof $(wildcard examples)
	$(BIN)/lint-imports
	$(BIN)/python -m tierdesk_contracts.documents --check
	$(BIN)/python -m tierdesk_router.lifecycle_document --check
	$(BIN)/python -m tierdesk_desk.console.catalogue --check
	$(BIN)/python -m tierdesk_desk.authorisation_document --check

fmt: $(DEV) ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compose-up: ## Start the desk in containers and print how to post a first event (ARGS="--profile demo": with example people)
	@sh deploy/secrets.sh deploy/secrets
	$(COMPOSE) $(ARGS) up -d --build
	@$(COMPOSE) run --rm -T --no-deps --entrypoint python cli deploy/welcome.py http://proxy:8080 http://$(PUBLISHED)

compose-down: ## Stop the containers; their data stay (ARGS=--volumes removes them)
	$(COMPOSE) --profile demo --profile vendors down $(ARGS)

compose-test: $(DEV) ## Test the containers: kill, roll and scale them under load, read the ledger; let a vendor in (minutes; needs an engine)
	$(BIN)/pytest -m compose -s tests/compose/test_containers.py tests/compose/test_outside_vendor.py $(ARGS)

compose-scale: $(DEV) ## Measure 1, 2 and 4 routers in containers of a quarter core each (minutes; needs an engine)
	$(BIN)/pytest -m compose -s tests/compose/test_scale.py $(ARGS)

lock: ## Make requirements/*.txt anew from the *.in files (needs uv; ARGS=--upgrade for newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	for name in build runtime telemetry ldap semantic dev peers; do \
		uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --universal --python-version 3.11 \
			$$(case $$name in telemetry|ldap|semantic|dev) echo --constraints requirements/runtime.txt;; esac) $(ARGS) \
			--output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

clean: ## Remove the environment and all caches; data of the desk stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@set -e; \
	for candidate in python3.11 python3.12 python3.13 python3; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$${python:-}" ]; then echo "Python 3.11 or newer is needed; none is on the PATH." >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		package=$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $$package, which Debian keeps apart from Python ..."; \
			export DEBIAN_FRONTEND=noninteractive; \
			apt-get install -y -qq --no-install-recommends "$$package" >/dev/null 2>&1 \
				|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$$package" >/dev/null; }; \
		else \
			echo "$$python cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install $$package" >&2; exit 1; \
		fi; \
	fi; \
	"$$python" -m venv --clear .venv
	@touch $@

$(RUNTIME): $(MADE) requirements/build.txt requirements/runtime.txt $(addsuffix /pyproject.toml,$(PACKAGES))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@touch $@

$(DEV): $(RUNTIME) requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
