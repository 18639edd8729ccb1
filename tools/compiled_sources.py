#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Of the NUL-separated paths on stdin, prints (NUL-separated) those that the compile database in argv[1] builds:
clang-tidy guesses flags for the others, and guesses wrongly."""
import json
import os
import sys

built = {os.path.realpath(os.path.join(entry["directory"], entry["file"])) for entry in json.load(open(sys.argv[1]))}
for path in filter(None, sys.stdin.read().split("\0")):
    if os.path.realpath(path) in built:
        sys.stdout.write(path + "\0")
