#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a task costs, counted and not timed: commits, syncs, bus messages, calls of the system. A guard against growing slower.

The bounds are near what was counted when they were set; two or three times as much where it hangs on how many files are ready at once.
Who breaks one finds out why, and raises it only with a reason.
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
FILES = ("open", "open64", "openat", "close", "fstat", "fstat64", "stat", "stat64", "lstat", "lstat64", "fstatat", "fstatat64", "access",
         "renameat2", "rename", "renameat", "linkat", "unlink", "unlinkat", "fchmod", "getdents64")
ASIDE = ("fcntl", "fcntl64", "fstatfs", "fstatfs64", "getrlimit", "getrlimit64")

SMALL, LARGE = 4096, 64 << 20
# What is done, how many of it, and what it may cost at most, for each.
WORK = (
    ("a large file", 1, {"commits": 10, "syncs": 14, "bus messages sent": 50, "writes of the file": 150, "all calls": 5000}),
    ("a small file", 1000, {"commits": 0.1, "syncs": 0.35, "bus messages sent": 1.4, "file calls": 6, "calls aside": 0.1,
                            "database writes": 3, "all calls": 25}),
    ("a small upload", 300, {"commits": 0.4, "syncs": 1.6, "bus messages sent": 2.6, "file calls": 17, "database writes": 12,
                             "all calls": 75}),
    ("a small upload of a copy", 300, {"commits": 0.4, "syncs": 3.6, "bus messages sent": 3.4, "file calls": 26,
                                       "database writes": 12, "all calls": 95}),
    # each batch of events has a file, which is sealed and closed
    ("a small answer in memory", 10000, {"commits": 0, "syncs": 0, "bus messages sent": 0.3, "file calls": 0.4, "calls aside": 0.4,
                                         "database writes": 0, "all calls": 14}),
    ("a task that is queued", 10000, {"commits": 0.0015, "syncs": 0.0025, "bus messages sent": 0.02, "file calls": 0.05,
                                      "database writes": 0.3, "all calls": 0.8}),
)


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


def rows_of(what, n, base, out, source):
    """The lines of the list."""
    if "upload" in what:
        return [f"{base}/upload?n={i}\t{source}\n" for i in range(n)]
    size = LARGE if what == "a large file" else SMALL
    return [f"{base}/file?size={size}&seed={i}\t{out}/{what.replace(' ', '-')}-{i:05d}\n" for i in range(n)]


def options_of(what):
    return ["--upload", *([] if "copy" in what else ["--no-copy"])] if "upload" in what else []


def file_calls_max(what, bound, folder):
    """Where a file must have a name from the beginning (engine/unnamed.h), that costs more."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return bound if what != "a small file" or kind in ("ext2/ext3", "xfs", "f2fs", "tmpfs") else bound + 5


def measure(daemon, counter, what, rows):
    """The difference that the work makes, summed up under the names of the bounds."""
    path, is_queued = daemon.b.dir + "/list.tsv", what == "a task that is queued"
    with open(path, "w", encoding="ascii") as f:
        f.writelines(rows)
    daemon.tell("limit", "mode=paused" if is_queued else "mode=running")
    before, commits = counter.read(), json.loads(daemon.tell("stats", "--json=short").stdout)["commits"]
    daemon.tell("add", "-q", "--allow-insecure", *options_of(what), "-i", path)
    if not is_queued:
        daemon.tell("wait", "--all")
    after = counter.read()
    fresh = json.loads(daemon.tell("stats", "--json=short").stdout)["commits"] - commits
    return summed_up(before, after, fresh, len(rows) if what == "a small file" else 0)


def measure_answers(daemon, counter, base, n_tasks):
    """Of a program with a session of its own."""
    daemon.tell("limit", "mode=running")
    before, commits = counter.read(), json.loads(daemon.tell("stats", "--json=short").stdout)["commits"]
    subprocess.run([os.path.join(BUILD, "tests/bench/data-bench"), base, str(n_tasks), str(SMALL)], check=True, env=daemon.env,
                   stdout=subprocess.DEVNULL)
    after = counter.read()
    return summed_up(before, after, json.loads(daemon.tell("stats", "--json=short").stdout)["commits"] - commits, 0)


def summed_up(before, after, commits, n_files):
    n = {k: after[k] - before[k] for k in after}
    return {
        "commits": commits,
        "syncs": sum(n[k] for k in SYNCS),
        "bus messages sent": n["sendmsg"],
        "file calls": sum(n[k] for k in FILES),
        "calls aside": sum(n[k] for k in ASIDE),
        "database writes": n["pwrite64"] - n_files,
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
        with open(folder + "/source", "wb") as f:
            f.write(b"x" * SMALL)
        for what, n, bounds in WORK:
            rows = rows_of(what, n, base, place.out, folder + "/source")
            if "file calls" in bounds:
                bounds = {**bounds, "file calls": file_calls_max(what, bounds["file calls"], place.out)}
            is_answer = what == "a small answer in memory"
            judge(tap, what, measure_answers(daemon, counter, base, n) if is_answer else measure(daemon, counter, what, rows), bounds, n)
        sizes = [e.stat().st_size for e in os.scandir(place.out)]
        tap.ok(sorted(sizes) == [SMALL] * 1000 + [LARGE], "all files came, and no others")
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
