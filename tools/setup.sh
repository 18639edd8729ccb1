#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what this machine lacks, from Debian's packages alone; instant when nothing is missing.
#   tools/setup.sh [build | test | check | bench]     each includes the ones before it; default: test
#   tools/setup.sh --list [...]                       prints the packages instead
set -euo pipefail

list_only=
if [ "${1:-}" = --list ]; then list_only=1; shift; fi
stage=${1:-test}

packages=(
  clang-19               # the compiler (brings libstdc++-12-dev)
  mold                   # the linker
  ccache                 # clones and branches share compiled files
  cmake ninja-build git ca-certificates make
  libboost1.81-dev       # Asio, Beast
  libssl-dev             # TLS, SHA-256
  libspdlog-dev libfmt-dev
  nlohmann-json3-dev libsimdjson-dev
  libyaml-cpp-dev        # the configuration file
  libcli11-dev           # the command line
  libedit-dev            # the terminal chat's line editor
  prometheus-cpp-dev     # /metrics
  libsqlitecpp-dev       # the ledger
  libvectorscan-dev      # many patterns in one pass over a text
  libmimalloc-dev        # malloc
  libxxhash-dev          # hashes of texts
  zlib1g-dev             # gzipped data of `hearth bench constrain`
)
if [ "$stage" != build ]; then
  packages+=(
    libgtest-dev libgmock-dev
    docker-registry      # pulls and pushes are tested against a real registry on loopback
  )
fi
case $stage in
  build | test) ;;
  check | bench)
    packages+=(
      clang-format-19 clang-tidy-19
      libclang-rt-19-dev # the sanitizers' runtime and libFuzzer
      llvm-19            # llvm-symbolizer: readable sanitizer reports
    )
    if [ "$stage" = bench ]; then packages+=(curl nginx-light wrk); fi
    ;;
  *)
    echo "setup: unknown stage '$stage'; one of: build test check bench" >&2
    exit 2
    ;;
esac
# Programs that often come from elsewhere than Debian (nvm, pyenv, NodeSource): their package only if they are absent.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
if [ "$stage" != build ]; then command -v python3 >/dev/null || packages+=(python3); fi

if [ -n "$list_only" ]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi
if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian; install the equivalents of these yourself: ${packages[*]}" >&2
  exit 0
fi

installed=$(dpkg-query --show --showformat='${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null |
  sed -n 's/^ii  *//p') || true
missing=()
for package in "${packages[@]}"; do
  grep --quiet --line-regexp --fixed-strings "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup: missing packages, and neither root nor sudo is at hand. As root: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}" >&2
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --quiet \
    "${missing[@]}" </dev/null >&2
}
# The package lists are fetched only if what is here does not suffice: a fresh container has none.
install || { "${as_root[@]}" apt-get update --quiet >&2 && install; }
