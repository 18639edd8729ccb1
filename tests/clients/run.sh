#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of one official client (openai | anthropic | gemini | ollama), or of all, against $HEARTH_BIN.
set -euo pipefail
cd "$(dirname "$0")"
models=${HEARTH_SHARED:-../../../shared}/models
if [ ! -f "$models/tiny50k.gguf" ]; then
  echo "skipped: no test models in $models (HEARTH_SHARED names their parent folder)"
  exit 77
fi
# Installs exactly what the lock file pins; a copy of it inside node_modules says that this has been done.
stamp=node_modules/.installed-lock
if ! cmp --silent package-lock.json "$stamp"; then
  npm ci --silent --no-audit --no-fund </dev/null
  cp package-lock.json "$stamp"
fi
exec env HEARTH_SHARED="$(realpath "${HEARTH_SHARED:-../../../shared}")" \
  node --test --test-reporter=spec ${1:+"$1.test.mjs"} </dev/null
