#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# make run: serves a model and says how to talk to it. Nothing is downloaded: without the development model beside the
# checkout the server starts empty and says how to get one.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$1
config=$(mktemp --suffix=.yaml)
trap 'rm -f "$config"' EXIT
if [ -e "$model" ]; then
  printf 'models:\n  - {name: stories, path: %s, context: 512, parallel: 4}\n' "$(realpath "$model")" >"$config"
  echo "serving a tiny model that continues children's stories, as \"stories\". Try, in another terminal:"
  echo "  curl -s http://127.0.0.1:4327/v1/completions -d '{\"model\":\"stories\",\"prompt\":\"Once upon a time\",\"max_tokens\":60}'"
else
  : >"$config"
  echo "no model is here yet. In another terminal: build/hearth pull llama3.2:1b, then"
  echo "  curl -s http://127.0.0.1:4327/v1/chat/completions -d '{\"model\":\"llama3.2:1b\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'"
fi
build/hearth serve --config "$config"
