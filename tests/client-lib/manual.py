#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual of libtransfer: its examples compile, it names every function, mandoc finds nothing wrong."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "tests", "arch"))
from tap import SOURCE, Tap, tool  # noqa: E402

HEADERS = os.path.join(SOURCE, "client-lib", "include")
PAGE = os.path.join(SOURCE, "man", "libtransfer.3")


def examples():
    with open(PAGE, encoding="utf-8") as f:
        text = f.read()
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.S | re.M):
        if block.startswith("#include"):
            yield block.replace(r"\e", "\\")


def compile_example(source, folder):
    path = os.path.join(folder, "example.c")
    with open(path, "w", encoding="utf-8") as f:
        f.write(source)
    command = shlex.split(os.environ.get("CC", "cc")) + [
        "-std=c99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-I", HEADERS, "-fsyntax-only", path]
    return subprocess.run(command, capture_output=True, text=True)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        found = list(examples())
        tap.ok(len(found) >= 2, "libtransfer(3) has examples")
        for i, source in enumerate(found):
            done = compile_example(source, folder)
            tap.ok(done.returncode == 0, f"example {i + 1} compiles", done.stderr)
        sound = next(x for x in found if "transfer_task_resume(task)" in x)
        broken = compile_example(sound.replace("transfer_task_resume(task)", "transfer_task_resume(1.5)"), folder)
        tap.ok(broken.returncode != 0, "a wrong example would be seen")
        status, output = tool("libman.py", os.path.join(HEADERS, "transfer"), folder)
        tap.ok(status == 0, "pages are made from the headers", output)
        with open(os.path.join(SOURCE, "man", "local.mk"), encoding="utf-8") as f:
            built = set(re.findall(r"man/(transfer[_-]\w+\.\d)", f.read()))
        made = set(os.listdir(folder)) - {"example.c"}
        tap.ok(built == made, "the build has every page", " ".join(sorted(built ^ made)))
        pages = sorted(glob.glob(os.path.join(folder, "*.[37]")))
        text = "".join(open(p, encoding="utf-8").read() for p in pages)
        wanted = set()
        for header in glob.glob(os.path.join(HEADERS, "transfer", "*.h")):
            with open(header, encoding="utf-8") as f:
                wanted |= set(re.findall(r"^ \* (transfer_\w+) - ", f.read(), re.M))
        wanted -= {x for x in wanted if re.search(rf"^\.Fn {x}_ref", text, re.M)}
        missing = [x for x in sorted(wanted) if not re.search(rf"^\.Fo {x}$|^\.It Fn {x}$", text, re.M)]
        tap.ok(len(wanted) > 100 and not missing, "every function has its place", "\n".join(missing))
        if shutil.which("mandoc"):
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE] + pages,
                                  capture_output=True, text=True)
            tap.ok(done.returncode == 0, "mandoc finds nothing wrong", done.stdout)
        else:
            tap.skip("mandoc finds nothing wrong", "no mandoc")
    tap.done()


if __name__ == "__main__":
    main()
