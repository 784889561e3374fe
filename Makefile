# Every target sets up what it needs inside the repository: only Rust, Python >= 3.10 and Node >= 20 must be there.
# Everything is built once, in the release profile, with the feature set of the whole workspace.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
NODE ?= node
NPM ?= npm
CARGO ?= cargo
export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

.PHONY: help demo test soak bench lint docs dist build faces clean test-rust test-python test-node

help:
	@echo 'make demo   train, save and score in three languages ([DATA=file.csv TARGET=column POSITIVE=label])'
	@echo 'make test   every test, in the three languages'
	@echo 'make soak   the long runs'
	@echo 'make bench  benches, and the runs beside peers'
	@echo 'make lint   formatting, clippy, licences, types'
	@echo 'make docs   API docs'
	@echo 'make dist   one wheel, one sdist, one npm tarball in dist/'

# ── set up ──────────────────────────────────────────────────────────────────────────────────────────────────────
# Both faces' environments are rebuilt when the files that name their packages change.
VENV_STAMP := $(VENV)/.requirements-test
NODE_STAMP := attrition-node/node_modules/.package-lock.json

$(VENV_STAMP): requirements-test.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or later is needed, this is " + sys.version) if sys.version_info < (3, 10) else 0'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@

$(NODE_STAMP): attrition-node/package.json attrition-node/package-lock.json
	$(NODE) -e 'if (parseInt(process.versions.node) < 20) { console.error("Node 20 or later is needed, this is " + process.version); process.exit(1) }'
	cd attrition-node && $(NPM) ci --no-fund --no-audit
	touch $@

# The examples that need packages of others, by their own lock files.
NODE_EXAMPLES := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard examples/node/*/package-lock.json))
$(NODE_EXAMPLES): %/node_modules/.package-lock.json: %/package.json %/package-lock.json
	cd $* && $(NPM) ci --no-fund --no-audit
	touch $@

LINT_STAMP := scripts/lint/node_modules/.package-lock.json
$(LINT_STAMP): scripts/lint/package.json scripts/lint/package-lock.json
	cd scripts/lint && $(NPM) ci --no-fund --no-audit
	touch $@

# The crate, both faces, test programs and examples in one call, so that all share one set of features.
build:
	$(CARGO) build --release --locked --workspace --lib --tests --examples

# What cargo built, put where Python and Node import it.
faces: build $(VENV_STAMP) $(NODE_STAMP)
	$(PY) attrition-py/scripts/install_dev.py $(CARGO_TARGET_DIR)
	cd attrition-node && $(NPM) run --silent build

# ── demo ────────────────────────────────────────────────────────────────────────────────────────────────────────
DEMO := $(CARGO_TARGET_DIR)/demo
ifdef DATA
ifndef TARGET
$(error DATA needs TARGET=column, the column to predict, and POSITIVE=label)
endif
ifndef POSITIVE
$(error DATA needs POSITIVE=label, the label whose probability is wanted, and TARGET=column)
endif
# By way of the environment, so that a label may hold any character.
export DATA TARGET POSITIVE
DEMO_ARGS = "$$DATA" "$$TARGET" "$$POSITIVE"
endif

demo: faces
	rm -rf $(DEMO)
	@echo
	@$(CARGO_TARGET_DIR)/release/examples/demo train $(DEMO) $(DEMO_ARGS)
	@$(PY) scripts/score.py $(DEMO)
	@$(NODE) scripts/score.mjs $(DEMO)
	@$(CARGO_TARGET_DIR)/release/examples/demo compare $(DEMO)

# ── test ────────────────────────────────────────────────────────────────────────────────────────────────────────
# Beside one throw-away PostgreSQL server, where there is one to start; ATTRITION_TEST_POSTGRES names another.
BESIDE_POSTGRES := $(CURDIR)/scripts/postgres.sh

# Rust first: its three_languages test writes what the other two languages are compared with.
test: faces
	$(BESIDE_POSTGRES) $(MAKE) test-rust test-python test-node

test-rust: build
	$(BESIDE_POSTGRES) $(CARGO) test --release --locked --workspace

test-python: faces
	$(BESIDE_POSTGRES) $(PY) -m pytest attrition-py/tests
	$(PY) -m pytest tests examples/python

test-node: faces $(NODE_EXAMPLES)
	cd attrition-node && $(BESIDE_POSTGRES) $(NPM) test
	$(NODE) --test tests/*.test.mjs

# ── lint ────────────────────────────────────────────────────────────────────────────────────────────────────────
# Licences, sources and the one ndarray are also held by tests/dependencies.rs, where cargo-deny is not installed.
lint: $(VENV_STAMP) $(NODE_STAMP) $(LINT_STAMP)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --all-features --offline check licenses bans sources; fi
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	cd attrition-py && $(VENV)/bin/mypy
	cd attrition-py && $(NODE) ../scripts/lint/node_modules/pyright/index.js --pythonpath $(PY)
	$(NODE) scripts/lint/workflows.mjs
	cd attrition-node && $(NPM) exec -- tsc -p tsconfig.json --noEmit

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --no-deps -p attrition-core

# ── long runs, benches ──────────────────────────────────────────────────────────────────────────────────────────
# Seconds of each long run.
SOAK ?= 120
soak: faces $(NODE_EXAMPLES)
	ATTRITION_SOAK_SECONDS=$(SOAK) $(CARGO) test --release --locked -p attrition --test soak -- --nocapture
	ATTRITION_SOAK_SECONDS=$(SOAK) $(CARGO) test --release --locked -p attrition --test journal
	ATTRITION_FUZZ_SECONDS=$(SOAK) $(CARGO) test --release --locked -p attrition --test fuzz_replay
	ATTRITION_SOAK_SECONDS=$(SOAK) $(PY) -m pytest attrition-py/tests/test_door.py
	cd attrition-node && ATTRITION_SOAK_SECONDS=$(SOAK) ATTRITION_PROPERTY_RUNS=20000 $(NPM) test

PEERS := $(CURDIR)/benches/peers/.venv
$(PEERS)/.requirements: benches/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Optuna's Gaussian process needs torch: half a gigabyte, in an environment of its own.
PEERS_TUNE := $(CURDIR)/benches/peers/.venv-tune
$(PEERS_TUNE)/.requirements: benches/peers/requirements-tune.txt
	$(PYTHON) -m venv $(PEERS_TUNE)
	$(PEERS_TUNE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

bench: faces $(NODE_EXAMPLES) $(PEERS)/.requirements $(PEERS_TUNE)/.requirements
	$(PY) benches/calibration.py
	$(CARGO) bench --profile release --locked -p attrition --bench one_row
	$(CARGO) bench --profile release --locked -p attrition --bench large
	rm -rf $(DEMO)
	$(CARGO_TARGET_DIR)/release/examples/demo train $(DEMO) >/dev/null
	$(PY) benches/one_row.py $(DEMO)/attrition.model $(DEMO)/rows.json
	$(PY) benches/python_face.py
	$(NODE) benches/node/one_row.mjs
	$(NODE) --expose-gc benches/node/loop.mjs logistic
	$(NODE) --expose-gc benches/node/loop.mjs boosting
	$(NODE) benches/node/fastify.mjs
	$(PEERS)/bin/python benches/peers/run.py "$$(ls -t $(CARGO_TARGET_DIR)/release/deps/large-* | grep -v '\.d$$' | head -n 1)" $(CARGO_TARGET_DIR)/bench/table.csv
	$(PEERS)/bin/python benches/peers/trees.py "$$(ls -t $(CARGO_TARGET_DIR)/release/deps/large-* | grep -v '\.d$$' | head -n 1)" $(CARGO_TARGET_DIR)/bench/table.csv
	PYTHONPATH=$(CURDIR)/attrition-py/python $(PEERS)/bin/python benches/peers/pipelines.py
	"$$(ls -t $(CARGO_TARGET_DIR)/release/deps/large-* | grep -v '\.d$$' | head -n 1)" source
	$(CARGO) bench --profile release --locked -p attrition --bench tune
	$(PEERS_TUNE)/bin/python benches/peers/tune.py "$$(ls -t $(CARGO_TARGET_DIR)/release/deps/tune-* | grep -v '\.d$$' | head -n 1)"

# ── packages ────────────────────────────────────────────────────────────────────────────────────────────────────
# One wheel and one sdist of attrition-py, one npm tarball that holds this machine's addon.
DIST_VENV := $(CURDIR)/.venv-dist
DIST_STAMP := $(DIST_VENV)/.requirements-dist

$(DIST_STAMP): requirements-dist.txt
	$(PYTHON) -m venv $(DIST_VENV)
	$(DIST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dist.txt
	touch $@

dist: faces $(DIST_STAMP)
	rm -rf dist
	mkdir dist
	cd attrition-py && PATH="$(DIST_VENV)/bin:$$PATH" $(DIST_VENV)/bin/maturin sdist --out $(CURDIR)/dist
	cd attrition-py && PATH="$(DIST_VENV)/bin:$$PATH" $(DIST_VENV)/bin/maturin build --release --locked --out $(CURDIR)/dist
	cd attrition-node && $(NPM) pack --silent --pack-destination $(CURDIR)/dist >/dev/null
	test "$$(ls dist | wc -l)" = 3 && test -f dist/attrition-$(VERSION).tgz && ls -l dist

clean:
	rm -rf $(CARGO_TARGET_DIR) dist $(VENV) $(DIST_VENV) attrition-node/node_modules scripts/lint/node_modules
