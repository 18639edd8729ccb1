#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles each header of src/ named on stdin (NUL-separated) alone, with the flags of a source of the same module and
without its precompiled header: a header that needs another one must include it.
usage: check_headers.py compile_commands.json JOBS"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

TAKES_VALUE = {"-o", "-MF", "-MT", "-MQ"}


def flags_of(entry):
    words = shlex.split(entry["command"])
    start = next(i for i, word in enumerate(words) if os.path.basename(word).startswith("clang"))
    kept, i = [], start
    while i < len(words):
        word = words[i]
        if word in TAKES_VALUE:
            i += 2
        elif word == "-Xclang":  # all of them serve the precompiled header
            i += 2
        elif word in {"-c", "-MD", "-Winvalid-pch"} or word.endswith(".cpp"):
            i += 1
        else:
            kept.append(word)
            i += 1
    return kept


def module_sources(database):
    """(module, "src" or "tests") to [(text of a source, its compile entry)]."""
    found = {}
    for entry in database:
        parts = os.path.relpath(os.path.realpath(entry["file"]), os.getcwd()).split(os.sep)
        if parts[0] == "src" and len(parts) > 3 and parts[2] in {"src", "tests"}:
            with open(entry["file"], encoding="utf-8") as file:
                found.setdefault((parts[1], parts[2]), []).append((file.read(), entry))
    return found


def main():
    sources = module_sources(json.load(open(sys.argv[1])))

    def check(header):
        _, module, kind, *_ = header.split("/")
        candidates = sources.get((module, "tests" if kind == "tests" else "src"))
        if not candidates:
            return header, None  # no source of this module is built: nothing says how to compile it
        # One that includes it: a module's test binaries differ in what they may see.
        name = os.path.basename(header)
        entry = next((entry for text, entry in candidates if name in text), candidates[0][1])
        command = flags_of(entry) + ["-Wno-pragma-once-outside-header", "-Wno-unused-function", "-fsyntax-only", "-x", "c++",
                                     os.path.abspath(header)]
        result = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True)
        return header, result.stderr if result.returncode else None

    headers = [path for path in sys.stdin.read().split("\0") if path.count("/") >= 3]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as pool:
        for header, errors in pool.map(check, headers):
            if errors:
                failed += 1
                print(f"{header}: does not compile alone\n{errors}", file=sys.stderr)
    print(f"{len(headers)} headers, {failed} that do not stand alone")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
