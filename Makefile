# What CI runs is what you run. `make` lists the targets.

CARGO   ?= cargo
TARGET  := $(or $(CARGO_TARGET_DIR),target)
TASKER  := $(TARGET)/release/tasker

# Where rustup puts cargo when scripts/setup had to install it.
export PATH := $(PATH):$(HOME)/.cargo/bin

.DEFAULT_GOAL := help
.PHONY: help setup ready build run dev test check fmt clippy doc proto alerts audit units sdk-python bench gen snapshots contract image clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Installs what is missing on this machine, and says what it does
	@scripts/setup --all

# Installs what building, running and testing need; quick when all is there.
ready:
	@scripts/setup

build: ready ## Builds the release binary
	$(CARGO) build --release --locked

run: build ## Runs a real workflow from nothing: Postgres, server, worker, result
	@scripts/run $(TASKER)

dev: build ## Starts a server with its own Postgres and stays
	$(TASKER) dev

test: check units sdk-python ## Everything that must hold before a change lands

check: fmt clippy doc proto alerts audit ## What needs no test run: format, lints, docs, protos, alerts, dependencies

fmt: ready
	$(CARGO) fmt --all -- --check

clippy: ready
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: ready
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

proto:
	@scripts/setup --all
	scripts/buf lint proto
	scripts/contract check
	scripts/gen --check

alerts: ## Checks the alerts, each on made series on which it fires and on which it is silent
	@scripts/setup --all
	promtool check config deploy/prometheus/prometheus.yml
	promtool test rules deploy/prometheus/alerts_test.yml

audit: ready
	scripts/audit

units: ready ## All tests, without the checks
	INSTA_UPDATE=no $(CARGO) test --workspace --locked

sdk-python: ## Tests the Python SDK with the oldest and the newest versions that it allows
	@scripts/setup --all
	scripts/sdk-python

bench: build ## Measures ceiling, throughput and hop; prints a table and JSON
	$(TASKER) bench

gen: ## Writes the generated part of every SDK anew
	scripts/gen

snapshots: ## Takes over what the snapshot tests see now; read the diff
	INSTA_UPDATE=always $(CARGO) test --workspace --locked

contract: ## Takes over the protos of the last commit as the contract that later changes may not break
	scripts/contract take

image: ## Builds the container image
	docker build -t tasker .

clean: ## Removes what was built; data directories stay
	$(CARGO) clean
	rm -rf tools/node_modules
