# Every target sets up what it needs: only Rust, Python >= 3.10 and Node >= 20 must be there.
# Everything is built once, in the release profile, with the feature set of the whole workspace.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
NODE ?= node
NPM ?= npm
CARGO ?= cargo

# An own environment; nothing is installed outside the repository.
VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR := $(TARGET_DIR)

.PHONY: help demo test soak bench lint docs dist build test-rust clean

help:
	@echo 'make demo   train, save and score in three languages ([DATA=file.csv TARGET=column POSITIVE=label])'
	@echo 'make test   every test, in the three languages'
	@echo 'make soak   the long runs'
	@echo 'make bench  benches, and the runs beside peers'
	@echo 'make lint   formatting, clippy, licences, types'
	@echo 'make docs   API docs'
	@echo 'make dist   one wheel, one sdist, one npm tarball in dist/'

# ── build ───────────────────────────────────────────────────────────────────────────────────────────────────────
# Libraries (the crate and both faces), test binaries and examples in one call, so that all share one set of features.
build:
	$(CARGO) build --release --locked --workspace --lib --tests --examples

# ── test ────────────────────────────────────────────────────────────────────────────────────────────────────────
test: test-rust

test-rust: build
	$(CARGO) test --release --locked --workspace

# ── lint ────────────────────────────────────────────────────────────────────────────────────────────────────────
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --lib --tests --examples -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --no-deps -p attrition-core

clean:
	rm -rf $(TARGET_DIR) dist .venv .venv-dist attrition-node/node_modules
