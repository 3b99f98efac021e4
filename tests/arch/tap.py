# SPDX-License-Identifier: MIT
"""TAP for the Python tests, and a tree with seeded faults for the tests of gates."""
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("top_srcdir") or os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.environ.get("top_builddir") or os.path.join(SOURCE, "build")


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0

    def ok(self, good, name, why=""):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}")
        if not good:
            for line in str(why).splitlines():
                print("# " + line)

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}")

    def done(self):
        print(f"1..{self.n}")
        sys.stdout.flush()
        sys.exit(1 if self.failed else 0)


def tool(name, *args):
    """(exit status, output) of a tool of ours."""
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", name), *args],
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def seeded(files):
    """A temporary tree with our rules and these {path: text} files."""
    folder = tempfile.TemporaryDirectory()
    os.makedirs(os.path.join(folder.name, "tools"))
    for rules in ("layers", "size-exceptions"):
        with open(os.path.join(SOURCE, "tools", rules), encoding="utf-8") as f:
            files = {**files, "tools/" + rules: f.read()}
    for path, text in files.items():
        full = os.path.join(folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
    return folder
