#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make run`: serves the model of $MODEL if there is one, and prints a line to try. Further arguments go to `hearth serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
arguments=("$@")
model=${MODEL:-}
if [ -n "$model" ]; then
  [ -f "$model" ] || { echo "run: no such file: $model" >&2; exit 1; }
  name=$(basename "$model" .gguf)
  config=build/run.yaml
  printf 'models:\n  - {name: %s, path: %s, parallel: 4}\n' "$name" "$(realpath "$model")" >"$config"
  arguments+=(--config "$config")
else
  name=MODEL
  cat >&2 <<'HINT'
No model is at hand. Either start with a GGUF file of yours:  make run MODEL=/path/to/model.gguf
or fetch one while the server runs, in another terminal:      build/hearth pull hf.co/USER/REPO:Q4_K_M
HINT
fi
cat <<TRY
Try, once it is ready (a story model continues text; chat models also answer /v1/chat/completions):
  curl -s http://127.0.0.1:4327/v1/completions -H 'content-type: application/json' \\
    -d '{"model": "$name", "prompt": "Once upon a time", "max_tokens": 60, "temperature": 0}'
TRY
exec build/hearth serve "${arguments[@]}"
