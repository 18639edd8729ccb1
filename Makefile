# SPDX-License-Identifier: Apache-2.0
# Thin: each target says what happens; the how is in CMakePresets.json and tools/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# Configure once; ninja re-runs CMake by itself when a CMake file changed.
configure = test -f build/$(1)/build.ninja || cmake --preset $(1) $(2)

.PHONY: help build run test bench check fuzz format clean

help:  ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

build:  ## the release binary: build/hearth
	@tools/setup.sh build
	@$(call configure,release)
	@cmake --build build/release --parallel $(JOBS) --target hearth
	@ln -sfn release/bin/hearth build/hearth

run: build  ## build, then serve on 127.0.0.1:4327 (MODEL=file.gguf for another model than the starter)
	@MODEL="$(MODEL)" tools/run.sh

test:  ## build and run every test
	@tools/setup.sh test
	@$(call configure,dev)
	@cmake --build build/dev --parallel $(JOBS)
	@ctest --test-dir build/dev --output-on-failure --no-tests=ignore --parallel 2

bench:  ## the benchmarks, each against its peer in the same run (BENCH='--only batch' for one row)
	@tools/setup.sh bench
	@$(call configure,bench)
	@bench/run.sh $(BENCH)

check:  ## format, lint, header and clang-tidy checks, tests under ASan+UBSan and TSan
	@tools/setup.sh check
	@tools/check.sh all

fuzz:  ## every fuzzer for SECONDS_EACH=60
	@tools/setup.sh check
	@tools/check.sh fuzz

format:  ## clang-format the sources in place
	@tools/check.sh format-fix

clean:  ## remove build/ (caches outside the checkout stay)
	rm -rf build
