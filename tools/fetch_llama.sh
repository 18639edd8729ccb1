#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the folder of the pinned llama.cpp source, fetching it first if it is not there: the npm package carries a git
# bundle of exactly that release. Idempotent; nothing half-unpacked is ever left under the final name.
set -euo pipefail
package=node-llama-cpp@3.22.1
sha512=6e5b488a9b9699cd76dc7eed30880318a4ac4ab866865418795502e3c5d38d55bb5c624988927209d95333343f2e25a83e4183a5c2f816f883a60c3ba9f4e20f
cache=${HEARTH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hearth}
target=$cache/llama.cpp-${sha512:0:12}
if [ ! -e "$target/CMakeLists.txt" ]; then
  command -v npm >/dev/null || { echo "fetch_llama: npm is missing (apt-get install npm)" >&2; exit 1; }
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "fetch_llama: getting $package" >&2
  (cd "$work" && npm pack --silent "$package" >/dev/null)
  archive=$(ls "$work"/*.tgz)
  echo "$sha512  $archive" | sha512sum --check --quiet >&2 ||
    { echo "fetch_llama: $package is not the pinned file; refusing it" >&2; exit 1; }
  tar -xzf "$archive" -C "$work" package/llama/gitRelease.bundle
  git -c advice.detachedHead=false clone --quiet "$work/package/llama/gitRelease.bundle" "$work/src" >&2
  mv -T "$work/src" "$target" 2>/dev/null || [ -e "$target/CMakeLists.txt" ]  # another fetch may have won
fi
echo "$target"
