#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The models of ../shared/models/README.md with random weights, kept in the user's cache. Prints their folder.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${HEARTH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hearth}/bench-models
mkdir -p "$folder"
vocabulary=$(tools/fetch_llama.sh)/models/ggml-vocab-llama-bpe.gguf
make_one() { # name layers width ffn heads kv_heads
  local name=$1; shift
  [ -e "$folder/$name.gguf" ] && return
  echo "making $name" >&2
  build/bench/bin/make_model "$vocabulary" "$folder/$name-f32.gguf" "$@" >/dev/null 2>&1
  build/bench/bin/hearth quantize "$folder/$name-f32.gguf" "$folder/$name.part.gguf" Q4_K_M >&2
  mv "$folder/$name.part.gguf" "$folder/$name.gguf"
  rm -f "$folder/$name-f32.gguf"
}
make_one s135 30 576 1536 9 3
make_one l1b 16 2048 8192 32 8
echo "$folder"
