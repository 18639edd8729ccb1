# SPDX-License-Identifier: Apache-2.0
# Thin: each target is a script or a CMake preset. `make help` lists them.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
MODEL ?= ../shared/models/stories656k.gguf

.PHONY: help setup setup-check build run test bench check fuzz clean
help:
	@echo "make run     build, then serve a model on 127.0.0.1:4327"
	@echo "make test    build and run every test"
	@echo "make build   the release binary, build/hearth"
	@echo "make bench   benchmarks, each against its peer in the same run"
	@echo "make check   format, lint, layering, tests under ASan+UBSan and TSan"
	@echo "make fuzz    fuzzers, a minute each"

setup:
	@tools/setup.sh

setup-check:
	@tools/setup.sh check

build/%/build.ninja: | setup
	cmake --preset $*

build: build/release/build.ninja
	cmake --build --preset release -j $(JOBS) --target hearth
	@ln -sfn release/bin/hearth build/hearth

run: build
	@tools/run.sh "$(MODEL)"

test: build/dev/build.ninja
	cmake --build --preset dev -j $(JOBS)
	ctest --test-dir build/dev -j $(JOBS) --output-on-failure --no-tests=error

bench: build build/bench/build.ninja
	bench/run.sh

check: setup-check build/dev/build.ninja
	tools/check.sh

fuzz: setup-check build/fuzz/build.ninja
	tools/fuzz.sh

clean:
	rm -rf build
