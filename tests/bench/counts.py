#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a task costs, counted and not timed: commits, syncs, bus messages, calls of the system. A guard against growing slower.

The bounds are two or three times what was counted when they were set, more where a slow machine makes more. Who breaks one finds
out why, and raises it only with a reason.
"""
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import types

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../arch"))
from tap import BUILD, Tap  # noqa: E402

SYNCS = ("fsync", "fdatasync", "syncfs")
FILES = ("open", "open64", "openat", "close", "fstat", "fstat64", "stat", "stat64", "lstat", "lstat64", "access", "renameat2",
         "rename", "unlink", "fchmod")

# of a queue of small files: what, at most, for each task
SMALL, N_SMALL = 4096, 1000
SMALL_BOUNDS = {"commits": 0.15, "syncs": 0.3, "bus messages sent": 3, "file calls": 15, "database writes": 3, "all calls": 40}
# of one file of 64 MiB: in all
LARGE = 64 << 20
LARGE_BOUNDS = {"commits": 20, "syncs": 30, "bus messages sent": 200, "writes of the file": 400, "all calls": 12000}


def load_bench():
    loader = importlib.machinery.SourceFileLoader("bench", os.path.join(HERE, "bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
    loader.exec_module(module)
    return module


class Counter:
    def __init__(self, folder):
        source = os.path.join(HERE, "count.c")
        self.library, self.file = folder + "/count.so", folder + "/counts"
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        with open(source, encoding="utf-8") as f:
            self.names = re.findall(r"X\((\w+)\)", f.read().split("#define CALLS(X)")[1].split("enum call")[0])
        self.env = {"LD_PRELOAD": self.library, "COUNT_FILE": self.file}

    def read(self):
        with open(self.file, "rb") as f:
            return dict(zip(self.names, struct.unpack(f"{len(self.names)}Q", f.read(8 * len(self.names)))))


class Place:
    """What the bench's Transferd needs to know."""

    def __init__(self, folder, counter):
        self.dir, self.out, self.state = folder, folder + "/out", folder + "/state"
        self.build, self.ca, self.daemon_env = os.path.realpath(BUILD), "", counter.env
        os.makedirs(self.out)
        os.makedirs(self.state)


def is_sanitized():
    linked = subprocess.run(["ldd", os.path.join(BUILD, "transferd")], capture_output=True, text=True, check=False).stdout
    return re.search("lib(asan|tsan|ubsan)", linked)


def measure(daemon, counter, rows):
    """The difference that the work makes, summed up under the names of the bounds."""
    path = daemon.b.dir + "/list.tsv"
    with open(path, "w", encoding="ascii") as f:
        f.writelines(f"{url}\t{daemon.b.out}/{name}\n" for url, name in rows)
    before, commits = counter.read(), json.loads(daemon.tell("stats", "--json=short").stdout)["commits"]
    daemon.tell("add", "-q", "--allow-insecure", "-i", path)
    daemon.tell("wait", "--all")
    after = counter.read()
    n = {k: after[k] - before[k] for k in after}
    return {
        "commits": json.loads(daemon.tell("stats", "--json=short").stdout)["commits"] - commits,
        "syncs": sum(n[k] for k in SYNCS),
        "bus messages sent": n["sendmsg"],
        "file calls": sum(n[k] for k in FILES),
        "database writes": n["pwrite64"] - len(rows),
        "writes of the file": n["pwrite64"],
        "all calls": sum(n.values()),
    }


def judge(tap, what, counted, bounds, n_tasks):
    for name, bound in bounds.items():
        each = counted[name] / n_tasks
        print(f"# {what}: {name} {each:.3f} (at most {bound})")
        tap.ok(each <= bound, f"{what}: {name}", f"{each:.3f} is more than {bound}")


def check(tap, folder):
    counter = Counter(folder)
    place = Place(folder, counter)
    origin = subprocess.Popen([os.path.join(place.build, "tests/origin"), "--stdin"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    base = origin.stdout.readline().strip()
    daemon = load_bench().Transferd(place)
    try:
        daemon.tell("limit", "tasks=8", "connections=8")
        judge(tap, "a large file", measure(daemon, counter, [(f"{base}/file?size={LARGE}&seed=1", "large")]), LARGE_BOUNDS, 1)
        tap.ok(os.path.getsize(f"{place.out}/large") == LARGE, "it came")
        rows = [(f"{base}/file?size={SMALL}&seed={i}", f"{i:04d}") for i in range(N_SMALL)]
        judge(tap, "a small file", measure(daemon, counter, rows), SMALL_BOUNDS, N_SMALL)
        tap.ok(all(os.path.getsize(f"{place.out}/{name}") == SMALL for _, name in rows), "all of them came")
    finally:
        daemon.stop()
        origin.stdin.close()
        origin.wait()


def main():
    tap = Tap()
    if is_sanitized():
        tap.skip("counts", "sanitizers call the system themselves")
        tap.done()
    folder = tempfile.mkdtemp(prefix="transferd-counts-")
    try:
        check(tap, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.done()


if __name__ == "__main__":
    main()
