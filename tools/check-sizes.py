#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-sizes.py SOURCE: functions, files, parameters, nesting and words that the house rules bound.

Over the target is a fault unless tools/size-exceptions names it; over the hard limit always is.
Tests have only the hard limits.
"""
import os
import re
import sys

FOLDERS = ("base", "engine", "ipc", "schema", "daemon", "client-lib", "cli", "examples", "tests")
FUNCTION_LINES, FUNCTION_HARD = 60, 100
FILE_LINES, FILE_HARD = 700, 1000
PARAMETERS = 5
NESTING = 3
BANNED = re.compile(r"\b(sprintf|vsprintf|strcpy|strcat|atoi|system|gets)\s*\(")
SLEEP = re.compile(r"\b(sleep|usleep|nanosleep)\s*\(")
CLOCK = re.compile(r"\b(clock_gettime|gettimeofday|time)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b(?!.{0,3}#\d+)")
TYPEDEF = re.compile(r"^\s*typedef\s+(struct|enum|union)\b", re.M)


def strip(text):
    """The text with comments and literals blanked, line numbers kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def count_parameters(head):
    """The number of parameters of the last parenthesised list in a definition's head."""
    end = head.rfind(")")
    depth, n, start = 0, 1, end
    for i in range(end, -1, -1):
        if head[i] == ")":
            depth += 1
        elif head[i] == "(":
            depth -= 1
            if depth == 0:
                start = i
                break
        elif head[i] == "," and depth == 1:
            n += 1
    inside = head[start + 1:end].strip()
    return 0 if inside in ("", "void") else n


def functions(code):
    """(name, first line, lines, parameters, nesting) of each function; the brace is on its own line."""
    lines = code.split("\n")
    for i, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = i
        while first > 0 and lines[first - 1].strip() and not re.match(r"[#}]|.*[;}]\s*$", lines[first - 1]):
            first -= 1
        head = " ".join(lines[first:i])
        name = re.search(r"(\w+)\s*\(", head)
        if not name:
            continue
        last = next((k for k in range(i + 1, len(lines)) if lines[k].rstrip() == "}"), len(lines) - 1)
        yield name.group(1), i + 1, last - first + 1, count_parameters(head), \
            nesting("\n".join(lines[i + 1:last]))


def nesting(body):
    """How deep blocks stand in blocks; initialisers do not count."""
    deepest, stack = 0, []
    for match in re.finditer(r"[{}]", body):
        if match.group(0) == "}":
            if stack:
                stack.pop()
            continue
        before = body[:match.start()].rstrip()
        stack.append(bool(re.search(r"(\)|\belse|\bdo|:)$", before)))
        deepest = max(deepest, sum(stack))
    return deepest


def check(path, text, excepted):
    """The faults of one file."""
    tests = path.startswith("tests/")
    code = strip(text)
    n_lines = text.count("\n")
    bound = FILE_HARD if tests or path in excepted else FILE_LINES
    if n_lines > bound:
        yield f"{path}: {n_lines} lines, at most {bound}"
    for name, line, n, parameters, depth in functions(code):
        where = f"{path}:{line}: {name}()"
        bound = FUNCTION_HARD if tests or f"{path}:{name}" in excepted else FUNCTION_LINES
        if n > bound:
            yield f"{where} has {n} lines, at most {bound}"
        # a callback has the parameters that its caller has
        if parameters > PARAMETERS and not name.startswith("on_"):
            yield f"{where} has {parameters} parameters, at most {PARAMETERS}: make a struct"
        if depth > NESTING:
            yield f"{where} nests {depth} deep, at most {NESTING}"
    rules = [(BANNED, code, "is banned"), (UNFINISHED, text, "without an issue number"),
             (TYPEDEF, "" if path.startswith("client-lib/include/") else code, "hides a struct")]
    if tests:
        rules.append((SLEEP, code, "instead of waiting for an event with a deadline"))
    elif path not in ("base/clock.c", "cli/now.c"):
        rules.append((CLOCK, code, "outside base/clock.c"))
    for rule, where, why in rules:
        for match in rule.finditer(where):
            line = where[:match.start()].count("\n") + 1
            yield f"{path}:{line}: {match.group(0).strip()} {why}"
    mirror = os.path.basename(path).startswith("test-")      # named after the file that it tests
    if not text.startswith("/* SPDX-License-Identifier: MIT */\n" + ("" if mirror else "/*")):
        yield f"{path}:1: must begin with the SPDX line and a comment that says what the file is for"
    if path.endswith(".h"):
        guard = re.sub(r"\W", "_", os.path.basename(path)).upper()
        if not re.search(rf"^#ifndef (\w+_)?{guard}\n#define \1{guard}$", code, re.M):
            yield f"{path}: include guard must be LAYER_{guard}"


def files(source):
    for folder in FOLDERS:
        for here, _, names in os.walk(os.path.join(source, folder)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(here, name), source)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = sys.argv[1]
    with open(os.path.join(source, "tools", "size-exceptions"), encoding="utf-8") as f:
        excepted = {line.strip() for line in f if line.strip() and not line.startswith("#")}
    faults, n = [], 0
    for path in files(source):
        n += 1
        with open(os.path.join(source, path), encoding="utf-8") as f:
            faults += check(path, f.read(), excepted)
    for fault in faults or ([] if n else ["no source found"]):
        print(fault)
    sys.exit(1 if faults or not n else 0)


if __name__ == "__main__":
    main()
