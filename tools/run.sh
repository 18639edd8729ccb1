#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `make run`: serves the starter model, or the one of $MODEL, and prints a line to try. Further arguments go to `hearth serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
arguments=("$@")
if [ -n "${MODEL:-}" ]; then
  [ -f "$MODEL" ] || { echo "run: no such file: $MODEL" >&2; exit 1; }
  name=$(basename "$MODEL" .gguf)
  config=build/run.yaml
  printf 'models:\n  - {name: "%s", path: "%s", parallel: 4}\n' "$name" "$(realpath "$MODEL")" >"$config"
  arguments+=(--config "$config")
  path=completions body="{\"model\": \"$name\", \"prompt\": \"Once upon a time\", \"max_tokens\": 60}"
else
  path=chat/completions body='{"model": "starter", "messages": [{"role": "user", "content": "wake me at six tomorrow"}]}'
fi
cat <<TRY
Try, once it is ready:
  curl -s http://127.0.0.1:4327/v1/$path -H 'content-type: application/json' -d '$body'
TRY
exec build/hearth serve "${arguments[@]}"
