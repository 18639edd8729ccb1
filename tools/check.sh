#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The checks behind `make check`, each also alone:
#   tools/check.sh [all | format | format-fix | lint | headers | tidy | asan | tsan | fuzz] ...
# CHECK_SINCE=REF limits format, headers and tidy to files changed since REF. SECONDS_EACH=60 bounds each fuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$(nproc)

sources() {  # ours, of the given name patterns, NUL-separated
  if [ -n "${CHECK_SINCE:-}" ]; then
    git diff -z --name-only --diff-filter=d "$CHECK_SINCE" -- "$@"
  else
    git ls-files -z -- "$@"
  fi
}
say() { printf '== %s\n' "$*"; }

# The compile commands must be those of the sources as they are now: seconds when nothing changed.
configured() { cmake --preset "$1" >/dev/null; }

format() {
  say "format (clang-format-19; mend with: make format)"
  sources '*.cpp' '*.hpp' | xargs -0 --no-run-if-empty clang-format-19 --dry-run -Werror
}
format-fix() { sources '*.cpp' '*.hpp' | xargs -0 --no-run-if-empty clang-format-19 -i; }
lint() {
  say "lint (tools/tidy.py)"
  python3 tools/tidy.py
}
headers() {
  say "headers compile alone"
  configured dev
  sources 'src/*.hpp' | python3 tools/check_headers.py build/dev/compile_commands.json "$jobs"
}
tidy() {
  say "clang-tidy"
  configured dev
  # Precompiled headers are inputs of the compile commands.
  cmake --build build/dev --parallel "$jobs" >/dev/null
  sources 'src/*.cpp' 'apps/*.cpp' | python3 tools/compiled_sources.py build/dev/compile_commands.json |
    xargs -0 --no-run-if-empty --max-procs="$jobs" --max-args=4 clang-tidy-19 -p build/dev --quiet
}
sanitized() {
  say "tests under $2"
  configured "$1"
  cmake --build "build/$1" --parallel "$jobs"
  ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
  TSAN_OPTIONS=second_deadlock_stack=1:halt_on_error=1:suppressions=$PWD/tools/tsan.supp \
    ctest --test-dir "build/$1" --output-on-failure --no-tests=ignore --parallel 2 --label-exclude 'lint|clients|api'
}
asan() { sanitized asan "ASan and UBSan"; }
tsan() { sanitized tsan "TSan"; }
fuzz() {
  configured fuzz
  cmake --build build/fuzz --parallel "$jobs"
  local fuzzer corpus
  for fuzzer in build/fuzz/bin/*_fuzz; do
    [ -x "$fuzzer" ] || continue
    say "$(basename "$fuzzer"), ${SECONDS_EACH:-60} s"
    corpus=build/fuzz/corpus/$(basename "$fuzzer")
    mkdir -p "$corpus"
    "$fuzzer" -max_total_time="${SECONDS_EACH:-60}" -rss_limit_mb=4096 -timeout=10 -print_final_stats=1 \
      -artifact_prefix="$corpus-" "$corpus"
  done
}

[ $# -gt 0 ] || set -- all
for step in "$@"; do
  case $step in
    all) for each in format lint headers tidy asan tsan; do "$each"; done ;;
    format | format-fix | lint | headers | tidy | asan | tsan | fuzz) "$step" ;;
    *) echo "check: unknown step '$step'" >&2; exit 2 ;;
  esac
done
say "clean"
