#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the black-box tests of one file (bad_input | wire | load | life | matrix | money | keys | audit | privacy | tls | oidc | hardening | crash | peers | routing | starter | constrain), or of all, against $HEARTH_BIN.
set -euo pipefail
cd "$(dirname "$0")"
export HEARTH_SHARED=${HEARTH_SHARED:-$(realpath -m ../../../shared)}
if [[ "${1:-}" != @(starter|constrain) ]] && [ ! -f "$HEARTH_SHARED/models/tiny50k.gguf" ]; then
  echo "skipped: no test models in $HEARTH_SHARED/models (HEARTH_SHARED names their parent folder)"
  exit 77
fi
exec timeout 290 node --test --test-reporter=spec ${1:+"$1.test.mjs"} </dev/null
