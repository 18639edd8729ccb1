#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about this repository that no compiler checks. Each finding says where, what and why.

    tools/tidy.py                 checks every tracked or new file
    tools/tidy.py --tighten       lowers the exceptions in tools/ratchet.json to what the tree has now

tools/ratchet.json holds the exceptions, {"rule": {"path": limit}}: a limit may fall, never rise by hand without a
review. Standard library only.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATCHET = ROOT / "tools" / "ratchet.json"

FILE_LINES_MAX = 500
FILE_LINES_WARN = 300
FUNCTION_LINES_MAX = 80

# Third-party header to the modules that may include it (DESIGN: "the only user of"). Tests, fuzzers, benchmarks may use
# anything. fmt is everyone's: the standard library has no std::format yet.
OWNERS = [
    (r"spdlog/", {"base"}),
    (r"boost/beast/", {"net"}),
    (r"boost/(asio|system)[/.]", {"async", "net"}),
    (r"openssl/", {"net", "models", "identity", "audit"}),  # hashes of blobs and keys; signatures
    (r"prometheus/", {"telemetry"}),
    (r"SQLiteCpp/|sqlite3\.h", {"store"}),
    (r"hs/", {"privacy"}),
    (r"CLI/", {"cli"}),
    (r"(editline/readline|histedit)\.h", {"cli"}),
    (r"zlib\.h", {"cli"}),
    (r"yaml-cpp/", {"app"}),
    (r"simdjson\.h", {"api", "provider"}),
    (r"nlohmann/", {"api", "app", "audit", "cli", "engine", "identity", "models", "provider", "router"}),
    (r"(llama|ggml|gguf)[a-z-]*\.h", {"engine"}),
    (r"(common|chat|sampling|log|json|json-schema-to-grammar|chat-[a-z-]+|peg-parser|regex-partial)\.h", {"engine"}),
]
VAGUE_NAMES = re.compile(r"(^|_)(utils?|common|helpers?|managers?|misc|stuff)($|_)")
SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_SUFFIXES = {".cpp", ".hpp", ".cmake", ".sh", ".py", ".mjs", ".js", ".yaml", ".yml"}

# rule, pattern on code without comments and strings, why, applies(path parts) -> bool
def in_module(*modules):
    return lambda p: p[0] == "src" and p[1] in modules


def is_test(p):
    return p[0] in {"tests", "bench"} or (p[0] == "src" and len(p) > 2 and p[2] in {"tests", "fuzz", "bench"})


PATTERNS = [
    ("using-namespace-std", r"\busing\s+namespace\s+std\s*;", "it makes every std name ours by accident", lambda p: True),
    ("print", r"\bstd::(cout|cerr|clog)\b|\bstd::(printf|puts|putchar|fprintf)\s*\(|(?m:^)\s*(printf|puts|fprintf)\s*\(",
     "a library logs (hearth/base/log.hpp); only the command line talks to the terminal",
     lambda p: not is_test(p) and not in_module("cli")(p) and p[0] != "apps"),
    ("detached", r"\bdetached\b|(?<!return )\bco_spawn\s*\((?![^;]*use_(awaitable|future))",
     "nobody waits for it and its exceptions vanish; start work with async::TaskGroup::spawn",
     lambda p: not is_test(p) and not in_module("async")(p)),
    ("sleep-in-test", r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<!\w)sleep\s*\(",
     "a sleep is slow on fast machines and flaky on slow ones; wait for the event itself", is_test),
    ("capturing-coroutine", r"\[[^\[\]]+\]\s*\([^()]*\)\s*(mutable\s*)?->\s*(\w+::)*(Task|awaitable)\s*<",
     "the captures die with the lambda object while the coroutine still runs; use a named function", lambda p: True),
    ("std-thread", r"\bstd::(thread|jthread|async)\s*[({]",
     "threads are named and owned: async (io, blocking), engine (model-*), store (db), audit",
     lambda p: not is_test(p) and not in_module("async", "engine", "store", "audit")(p)),
]
LEFTOVER = re.compile(r"(?://|#|/\*).*\b(TODO|FIXME|XXX|HACK)\b")


def tracked():
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                         capture_output=True, check=True).stdout.decode()
    return sorted(path for path in set(out.split("\0")) if path and (ROOT / path).is_file())


def levels():
    text = (ROOT / "cmake" / "hearth_module.cmake").read_text()
    return {name: int(level) for name, level in re.findall(r"set\(HEARTH_LEVEL_(\w+) (\d+)\)", text)}


CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)


def blank(text):
    """Comments and literals become spaces; lines stay where they are. Includes keep their quotes' content."""
    def replaced(match):
        word = match.group(0)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if word.startswith('"') and text[line_start:match.start()].lstrip().startswith("#include"):
            return word
        return re.sub(r"[^\n]", " ", word)
    return CODE.sub(replaced, text)


CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b(?!.*\)\s*(const|noexcept|override|final|->.*)*\s*$)", re.S)


def function_lengths(code):
    """(first line, lines) of each outermost function body. Approximate: reads braces, not grammar."""
    found, stack, head, line = [], [], 0, 1
    for i, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            text = code[head:i].strip()
            inside = any(kind == "function" for kind, _ in stack)
            if not inside and ")" in text and not CONTAINER.search(text) and not text.endswith("="):
                stack.append(("function", line))
            else:
                stack.append(("other", line))
            head = i + 1
        elif char == "}":
            if stack:
                kind, start = stack.pop()
                if kind == "function":
                    found.append((start, line - start + 1))
            head = i + 1
        elif char == ";":
            head = i + 1
    return found


class Report:
    def __init__(self, ratchet):
        self.ratchet, self.errors, self.warnings, self.seen = ratchet, [], [], {}

    def exceeds(self, rule, path, line, value, limit, message):
        """`value` above `limit` is a finding, unless the ratchet allows this file so much."""
        if value <= limit:
            return
        worst = self.seen.setdefault(rule, {})
        worst[path] = max(worst.get(path, 0), value)
        if value > self.ratchet.get(rule, {}).get(path, limit):
            self.errors.append(f"{path}:{line}: [{rule}] {message}")

    def counted(self, rule, path, hits, why):
        """Each hit is a finding; the ratchet may allow this file a number of them."""
        if hits:
            self.seen.setdefault(rule, {})[path] = len(hits)
        if len(hits) > self.ratchet.get(rule, {}).get(path, 0):
            self.errors += [f"{path}:{line}: [{rule}] {what}: {why}" for line, what in hits]


def check_includes(report, path, parts, code, level):
    if parts[0] != "src" or len(parts) < 3:
        return
    module, layering, owned = parts[1], [], []
    for number, text in enumerate(code.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', text)
        if not match:
            continue
        header = match.group(2)
        ours = re.match(r"hearth/(\w+)/", header)
        if ours and ours.group(1) != module:
            other = ours.group(1)
            if level.get(other, 99) >= level.get(module, 99) and not is_test(parts):
                layering.append((number, f"{module} (level {level.get(module)}) includes {header} (level {level.get(other)})"))
        elif match.group(1) == "<" and not is_test(parts):
            for pattern, owners in OWNERS:
                if re.match(pattern + r".*$" if pattern.endswith("/") else pattern, header) and module not in owners:
                    owned.append((number, f"{module} includes <{header}>, which belongs to {', '.join(sorted(owners))}"))
                    break
    report.counted("layering", path, layering, "a module sees lower levels only, so that each can be understood, tested and replaced alone")
    report.counted("owner", path, owned, "one owner a third-party header keeps it replaceable")


def check_cpp(report, path, parts, text, level):
    code = blank(text)
    lines = text.count("\n")
    report.exceeds("file-length", path, 1, lines, FILE_LINES_MAX,
                   f"{lines} lines, more than {FILE_LINES_MAX}: a file holds one idea; split it")
    if lines > FILE_LINES_WARN:
        report.warnings.append(f"{path}: {lines} lines (aim: {FILE_LINES_WARN})")
    for line, length in function_lengths(code):
        report.exceeds("function-length", path, line, length, FUNCTION_LINES_MAX,
                       f"function of {length} lines, more than {FUNCTION_LINES_MAX}: it does not fit a screen; name its parts")
    for rule, pattern, why, applies in PATTERNS:
        if applies(parts):
            hits = [(code.count("\n", 0, m.start()) + 1, " ".join(m.group(0).split())[:60]) for m in re.finditer(pattern, code)]
            report.counted(rule, path, hits, why)
    check_includes(report, path, parts, code, level)
    if path.endswith(".hpp") and "#pragma once" not in text:
        report.errors.append(f"{path}:1: [pragma-once] a header without it breaks when it is included twice")


def check_any(report, path, text):
    name = pathlib.PurePath(path)
    head = text.split("\n")[:2]
    if name.suffix in SPDX_SUFFIXES or name.name in {"CMakeLists.txt", "Makefile"}:
        if not any(SPDX in line for line in (head if head[0].startswith("#!") else head[:1])):
            report.errors.append(f"{path}:1: [spdx] the first line must say {SPDX}: each file carries its licence")
    if VAGUE_NAMES.search(name.stem.replace("-", "_")) and name.suffix in {".cpp", ".hpp", ".mjs", ".py", ".sh"}:
        report.errors.append(f"{path}:1: [vague-name] a file is named after the idea it holds, so that it can be found by guess")
    if path != "tools/tidy.py" and name.suffix in SPDX_SUFFIXES:
        hits = [(number, m.group(1)) for number, line in enumerate(text.split("\n"), 1) if (m := LEFTOVER.search(line))]
        report.counted("leftover", path, hits, "an unfinished thought belongs in an issue")


def main():
    ratchet = json.loads(RATCHET.read_text()) if RATCHET.exists() else {}
    report, level = Report(ratchet), levels()
    for path in tracked():
        if path.endswith(("package-lock.json", ".gguf")):
            continue
        try:
            text = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        parts = pathlib.PurePath(path).parts
        check_any(report, path, text)
        if path.endswith((".cpp", ".hpp")):
            check_cpp(report, path, parts, text, level)
    if "--tighten" in sys.argv:
        kept = {rule: {p: min(limit, report.seen.get(rule, {}).get(p, 0)) for p, limit in files.items()
                       if report.seen.get(rule, {}).get(p, 0)} for rule, files in ratchet.items()}
        RATCHET.write_text(json.dumps({r: f for r, f in sorted(kept.items()) if f}, indent=2, sort_keys=True) + "\n")
    if "--warnings" in sys.argv:
        print("\n".join(report.warnings))
    print("\n".join(report.errors), file=sys.stderr)
    print(f"tidy: {len(report.errors)} findings, {len(report.warnings)} files over {FILE_LINES_WARN} lines")
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
