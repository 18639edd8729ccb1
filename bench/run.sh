#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make bench: builds the peer from the same source, makes the models, compares. Arguments go to compare.mjs.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$(tools/fetch_llama.sh)
cmake --build build/bench -j "$(nproc)" --target hearth make_model bare machine steps decide keys rules scan
peer=build/llama-server
if [ ! -x "$peer/bin/llama-server" ]; then
  cmake -S "$source" -B "$peer" -G Ninja -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=ON \
    -DCMAKE_C_FLAGS=-Wno-invalid-feature-combination -DCMAKE_CXX_FLAGS=-Wno-invalid-feature-combination \
    -DLLAMA_OPENSSL=OFF -DGGML_OPENMP=OFF -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
  cmake --build "$peer" -j "$(nproc)" --target llama-server
fi
models=$(bench/make_models.sh)
bin=build/bench/bin
"$bin/machine"
node bench/compare.mjs --hearth "$bin/hearth" --llama "$peer/bin/llama-server" --bare "$bin/bare" --machine "$bin/machine" --steps "$bin/steps" --models "$models" "$@"
node bench/serving.mjs --hearth "$bin/hearth" --llama "$peer/bin/llama-server" --machine "$bin/machine" --steps "$bin/steps" --models "$models" "$@"
# Rows of the gateway, when all rows are asked for.
if [ $# -eq 0 ]; then
  "$bin/decide"
  "$bin/keys"
  "$bin/rules"
  "$bin/scan"
  bench/proxy.sh "$bin/hearth"
  clinc=../shared/data/clinc150_dev.json
  if [ -f "$clinc" ]; then node bench/clinc.mjs "$bin/hearth" "$clinc"; else echo "cascade on CLINC150 left out: no $clinc"; fi
fi
