# Everything that a person does with this repository. `make help` lists it.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
NATIVE_TESTS := tests/native tests/unit/contracts tests/unit/kit tests/unit/loyalty tests/service/kit tests/service/loyalty

.DEFAULT_GOAL := help
.PHONY: help run demo native test test-native native-tests kafka-jars test-faults test-kafka test-browser test-deploy lint format bench lock install clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## start Comeback on this machine (Python >= 3.11 is all it needs); Ctrl-C ends it
	@VENV=$(VENV) sh requirements/install.sh run
	@exec $(BIN)/python -m allinone

demo: ## fill the running Comeback with a believable shop: customers, a year of orders, refunds, answers
	@VENV=$(VENV) sh requirements/install.sh run
	@exec $(BIN)/python -m allinone.demo

install: ## make .venv with all that developing needs
	@VENV=$(VENV) sh requirements/install.sh dev

test: install ## the tests that need nothing but Python (real PostgreSQL from the wheel); about five minutes
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup -m "not kafka and not browser and not deploy and not faults and not native" tests

native: install ## compile what every order passes, as in the images, into build/native (needs a C compiler)
	$(BIN)/python deploy/native/compile.py --sources build/native

test-native: native ## the tests of what is compiled, on the compiled modules
	PYTHONPATH=$(CURDIR)/build/native $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup \
	  -m "not kafka and not browser and not deploy and not faults" $(NATIVE_TESTS)

native-tests:
	@echo $(NATIVE_TESTS)

test-faults: install ## processes and servers killed, stopped and cut off, on the table log
	$(BIN)/python -m pytest -q -m "faults and not kafka" tests

kafka-jars: install ## fetch the tests' Kafka broker (needs Maven)
	$(BIN)/python -c "from tests.support import kafka; kafka.jars()"

test-kafka: install ## the tests on a real Kafka broker (needs Java 17 and Maven)
	$(BIN)/python -m pytest -q -m kafka tests

test-browser: install ## the tests in a real browser (needs Debian's chromium)
	$(BIN)/python -m pytest -q -m browser tests

test-deploy: install ## render and validate the Kubernetes manifests (needs kubectl)
	$(BIN)/python -m pytest -q -m deploy tests

lint: install ## ruff, mypy strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy libs services gateway deploy tests
	$(BIN)/lint-imports

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: ## measure against limits and peers; prints a table, writes benchmarks/results.json
	@VENV=$(VENV) sh requirements/install.sh bench
	$(BIN)/python -m benchmarks

lock: install ## write every lock anew (hashes, no addresses)
	UV=$(BIN)/uv sh requirements/lock.sh

clean: ## remove what the targets made, data included
	rm -rf $(VENV) build .run .cache .pytest_cache .mypy_cache .ruff_cache
