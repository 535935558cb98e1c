# What people and CI call; each target can be called first, in an empty clone.
#   make run    set up, then show it all with sample media and a running node
#   make test   lint, types, and every test but the long ones
VENV := .venv
BIN := $(VENV)/bin
EVERYTHING := test,heic,postgres,bench

.PHONY: run test test-slow bench lint clean

run:
	@scripts/venv heic
	@$(BIN)/tocsin demo

test: lint
	@scripts/postgres
	@$(BIN)/pytest -n auto --dist loadfile -m "not slow"

test-slow:
	@scripts/venv $(EVERYTHING),oracles
	@scripts/postgres
	@$(BIN)/pytest -m slow

bench:
	@scripts/venv $(EVERYTHING)
	@scripts/bench

lint:
	@scripts/venv $(EVERYTHING)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
