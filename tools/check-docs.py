#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-docs.py SOURCE [BUILD]: every declaration of the public headers is documented and true.

A function has a block "name - purpose" with each parameter, Returns:, Blocks:, Thread:, Since: and Source:;
each error it lists exists; Source: names a D-Bus member of ours that exists, an RFC with its section, a
name of the API that we follow, or says "libtransfer" for what is ours alone. Types and constants have a comment right before them.
With BUILD: what libtransfer.so exports is what libtransfer.map lets out is what is documented.
"""
import fnmatch
import glob
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

HEADERS = "client-lib/include/transfer/*.h"
TAGS = ("Blocks", "Thread", "Since", "Source")
LEAVES = ("types.h", "error.h")


def declarations(text):
    """(comment or None, declaration, line) of each file-scope declaration or definition."""
    comment, end, i, n = None, 0, 0, len(text)
    while i < n:
        if text.startswith("/*", i):
            close = text.index("*/", i) + 2
            comment, end, i = text[i:close], close, close
        elif text[i] == "#":
            close = i
            while close < n and text[close] != "\n":
                if text.startswith("/*", close):
                    close = text.index("*/", close)
                close += 2 if text[close] == "\\" else 1
            line = text[i:close]
            if line.startswith("#define"):
                yield near(comment, text, end, i), line, text[:i].count("\n") + 1
                end = close if near(comment, text, end, i) else end
            i = close
        elif text[i].isspace() or text[i] == "}":
            i += 1
        elif text.startswith('extern "C" {', i):
            i += len('extern "C" {')
        else:
            close = end_of_declaration(text, i)
            yield near(comment, text, end, i), text[i:close], text[:i].count("\n") + 1
            comment, i = None, close


def near(comment, text, end, start):
    """The comment, when nothing but a line break (or a line above with the same comment) is between."""
    return comment if comment and text[end:start].count("\n") <= 1 else None


def end_of_declaration(text, i):
    depth = 0
    while i < len(text):
        if text.startswith("/*", i):
            i = text.index("*/", i) + 1
        elif text[i] in "{(":
            depth += 1
        elif text[i] in "})":
            depth -= 1
            if depth == 0 and text[i] == "}" and re.match(r"\s*\n(?!\s*;)", text[i + 1:]):
                return i + 1
        elif text[i] == ";" and depth == 0:
            return i + 1
        i += 1
    return i


def plain(declaration):
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", " ", declaration, flags=re.S)).strip()


def function_of(declaration):
    """(name, returns void, parameter names) of a function declaration; None for anything else."""
    text = plain(declaration)
    if re.match(r"(typedef|struct \w+ \{|enum|extern \"C\"|#|union)", text):
        return None
    match = re.match(r"((?:[\w*]+[\s*]+)+?)(transfer_\w+) ?\((.*)\)[^)]*;?$", text)
    if not match:
        return None
    void = bool(re.search(r"\bvoid\b", match.group(1))) and "*" not in match.group(1)
    names = []
    for part in split_parameters(match.group(3)):
        inner = re.search(r"\(\s*\*\s*(\w+)\s*\)", part)
        name = inner.group(1) if inner else re.search(r"(\w+)\s*(\[\w*\])?$", part)
        if part not in ("void", "..."):
            names.append(name if isinstance(name, str) else name.group(1))
    return match.group(2), void, names


def split_parameters(text):
    part, depth = "", 0
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            yield part.strip()
            part = ""
        else:
            part += c
    if part.strip():
        yield part.strip()


class Docs:
    def __init__(self, source):
        self.source = source
        self.documented = set()
        self.errors = set()
        self.members = set()
        path = os.path.join(source, "client-lib/include/transfer/error.h")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            self.errors = set(re.findall(r"\bTRANSFER_ERROR_[A-Z_]+\b", text))
            self.errors |= {"TRANSFER_ERROR_" + x for x in re.findall(r"^\s*X\((\w+),", text, re.M)}
        for path in glob.glob(os.path.join(source, "ipc", "*.xml")):
            for interface in ET.parse(path).getroot().iter("interface"):
                for member in interface:
                    self.members.add(f"{interface.get('name')}.{member.get('name')}")

    def source_fault(self, text):
        if re.search(r"\bRFC \d+, (section|appendix) \S+|\bNS[A-Z]\w+|\blibtransfer\b|\bPOSIX\b", text):
            return None
        named = re.findall(r"org\.transferd(?:\.\w+)+", text)
        if not named:
            return f"Source: '{text}' names no D-Bus member, RFC section or API"
        wrong = [x for x in named if x not in self.members]
        return f"Source: {wrong[0]} is not in ipc/*.xml" if wrong else None

    def function_faults(self, name, void, parameters, comment):
        if not comment or not comment.startswith("/**"):
            yield "has no documentation block"
            return
        if not re.search(rf"^\s*\* {name}(?:\(\))? - \S", comment, re.M):
            yield f"has no line '{name} - purpose'"
        for parameter in parameters:
            if not re.search(rf"^\s*\* @{parameter}:\s+\S", comment, re.M):
                yield f"does not document @{parameter}"
        for parameter in re.findall(r"^\s*\* @(\w+):", comment, re.M):
            if parameter not in parameters:
                yield f"documents @{parameter}, which it has not"
        for tag in TAGS + (() if void else ("Returns",)):
            if not re.search(rf"^\s*\* {tag}:\s+\S", comment, re.M):
                yield f"has no {tag}:"
        for error in re.findall(r"\bTRANSFER_ERROR_[A-Z_]+\b", comment):
            if error not in self.errors:
                yield f"names {error}, which does not exist"
        source = re.search(r"^\s*\* Source:\s+(.*)$", comment, re.M)
        if source:
            fault = self.source_fault(source.group(1))
            if fault:
                yield fault

    def header_faults(self, path, text):
        base = os.path.basename(path)
        for comment, declaration, line in declarations(text):
            where = f"{path}:{line}: "
            function = function_of(declaration)
            if function:
                self.documented.add(function[0])
                for fault in self.function_faults(*function, comment):
                    yield f"{where}{function[0]}() {fault}"
                continue
            head = plain(declaration)
            counted = re.match(r"TRANSFER_OBJECT\((\w+)\)", head)
            if counted:
                self.documented |= {counted.group(1) + "_ref", counted.group(1) + "_unref"}
            if re.match(r"(struct|enum|union) \w+;|extern \"C\"|#(?!define)|\}", head):
                continue
            if base in LEAVES and re.match(r"#define TRANSFER_\w+|enum transfer_\w+ \{ TRANSFER", head):
                continue
            if re.match(r"#define \w+_H\b|#define TRANSFER_PUBLIC\b|#define TRANSFER_\w+\(", head):
                continue
            if not comment:
                yield f"{where}no comment before: {head[:60]}"

    def all_faults(self):
        paths = sorted(glob.glob(os.path.join(self.source, HEADERS)))
        for path in paths:
            with open(path, encoding="utf-8") as f:
                yield from self.header_faults(os.path.relpath(path, self.source), f.read())
        if not self.documented:
            yield "no public function found in " + HEADERS

    def export_faults(self, build):
        library = os.path.join(build, ".libs", "libtransfer.so")
        if not os.path.exists(library):
            yield library + " is not built"
            return
        out = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                             capture_output=True, text=True).stdout
        exported = {line.split()[-1].split("@")[0] for line in out.splitlines()
                    if line.split()[-2] in "TWBDRV"}
        with open(os.path.join(self.source, "client-lib/libtransfer.map"), encoding="utf-8") as f:
            text = re.sub(r"/\*.*?\*/|#[^\n]*", "", f.read(), flags=re.S)
        patterns = re.findall(r"\bglobal:(.*?)(?:local:|\})", text, re.S)
        patterns = re.findall(r"[\w*?]+", " ".join(patterns))
        for name in sorted(exported ^ self.documented):
            what = "exported but not documented" if name in exported else "documented but not exported"
            yield f"{name}() is {what}"
        for name in sorted(exported):
            if not any(fnmatch.fnmatchcase(name, p) for p in patterns):
                yield f"{name}() is exported but not in libtransfer.map"
        for pattern in patterns:
            if not fnmatch.filter(exported, pattern):
                yield f"libtransfer.map names {pattern}, which nothing matches"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    docs = Docs(sys.argv[1])
    faults = list(docs.all_faults())
    if len(sys.argv) > 2:
        faults += docs.export_faults(sys.argv[2])
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
