#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""More faults of the machine, with the real daemon: its own disk is full, the clock jumps, no descriptor is left for longer,
any mask, a line that loses packets (F-7, F-11, F-14, F-18, S-26). "--full": the line carries 50 MB instead of a sample."""
import ctypes
import glob
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from faults import (BUILD, MIB, SOURCE, Origin, Tap, add, ctl, daemon_pid, end_daemon, expected,  # noqa: E402
                    number, run_folder, sha256, show, start, state_folder, wait_all, wait_for)

HERE = os.path.dirname(os.path.realpath(__file__))
DAY_S = 86400


def release(origin, gate):
    subprocess.run(["curl", "-s", "-o", "/dev/null", f"{origin.url}/_release?gate={gate}"], check=True)


class DaemonScript:
    """What the bus runs: until the end of the block, other lines go before it and another program runs it."""

    def __init__(self, lines="", runner=""):
        self.path, self.lines, self.runner = run_folder("bin", "start-transferd"), lines, runner
        with open(self.path, encoding="utf-8") as f:
            self.script = f.read()

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)

    def __enter__(self):
        ctl("stats")
        self.write(self.script.replace("#!/bin/sh\n", f"#!/bin/sh\n{self.lines}\n").replace("exec ", f"exec {self.runner} "))
        end_daemon(signal.SIGTERM)

    def __exit__(self, *_):
        self.write(self.script)
        ctl("stats")
        end_daemon(signal.SIGTERM)


# ---- the daemon's own disk ----

def fill(path):
    """Until there is no room for a single page."""
    with open(path, "wb") as f:
        for size in (65536, 4096):
            try:
                while True:
                    os.write(f.fileno(), bytes(size))
            except OSError:
                pass


def gated(origin, folder, name, gate):
    task = start("get", "--session=tight", "-o", f"{folder}/{name}",
                 f"{origin.url}/file?size=4M&seed=9&gate={gate}&gate_after=1M&key={name}")
    wait_for("bytes", lambda: number(show(task, "BytesReceived")) >= MIB // 2)
    return task


def refused(origin):
    """The first answer that is no success, and the tasks that were accepted before."""
    accepted = []
    for n in range(3000):
        code, out = ctl("add", "--session=more", "--allow-insecure", "--suspended", "-i", "-",
                        stdin="\n".join(f"{origin.url}/file?size=1&n={n}-{i}&{'x' * 900}" for i in range(50)) + "\n")
        if code:
            return code, out, accepted
        accepted.append(out)
    return 0, "", accepted


def full_state(tap, origin, folder):
    ctl("stats")
    end_daemon(signal.SIGTERM)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12M", "none", state_folder()], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        tap.skip("full state: new work is refused, old work goes on", "cannot mount")
        return
    try:
        going, unwanted = gated(origin, folder, "going", "tight"), gated(origin, folder, "unwanted", "never")
        pid = daemon_pid()
        fill(state_folder("filler"))
        answer = ctl("cancel", unwanted)
        tap.ok(answer[0] == 0 and wait_for("the end", lambda: show(unwanted, "State") == "completed"),
               "full state: cancel works", answer)
        code, out, accepted = refused(origin)
        tap.ok(code != 0, "full state: a new task is refused", (out, len(accepted)))
        release(origin, "tight")
        tap.ok(wait_for("the file", lambda: sha256(f"{folder}/going") == expected(9, 4 * MIB)) is not None,
               "full state: what runs goes on")
        os.unlink(state_folder("filler"))
        code = wait_for("room to be seen", lambda: ctl("get", "--session=tight", "--allow-insecure", "-q", "-o", f"{folder}/after",
                                                       f"{origin.url}/file?size=1M&seed=3")[0] == 0)
        tap.ok(code and sha256(f"{folder}/after") == expected(3, MIB) and daemon_pid() == pid,
               "full state: recovers without a restart")
        end_daemon(signal.SIGKILL)
        states = [show(task, "State") for task in (going, unwanted)]
        tap.ok(states == ["completed", "completed"], "full state: what was told then is true after a death", states)
    finally:
        end_daemon(signal.SIGTERM)
        subprocess.run(["umount", "-l", state_folder()], check=True)


# ---- the clock ----

def clock_jumps(tap, origin, folder):
    """Ten years to and fro while a transfer runs, and others wait for their retry."""
    linked = subprocess.run(["ldd", os.path.join(BUILD, "transferd")], capture_output=True, text=True, check=False).stdout
    if re.search("lib(asan|tsan)", linked):
        tap.skip("clock: ten years to and fro", "a sanitizer wants to be loaded first")
        return
    library, offset = f"{folder}/clock.so", f"{folder}/offset"
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", library, f"{HERE}/clock.c", "-ldl"], check=True)

    def jump(seconds):
        with open(offset, "r+b") as f:
            f.write(struct.pack("q", seconds))

    with open(offset, "wb") as f:
        f.write(bytes(8))
    with DaemonScript(f"export LD_PRELOAD={library} CLOCK_OFFSET={offset}"):
        running = start("get", "--session=clock", "--timeout=20s", "-o", f"{folder}/running",
                        f"{origin.url}/file?size=4M&seed=11&gate=clock&gate_after=1M")
        wait_for("bytes", lambda: number(show(running, "BytesReceived")) >= MIB // 2)
        for years in (10, -10, 0):
            jump(years * 365 * DAY_S)
            task = start("get", "--session=clock", "-o", f"{folder}/at{years}",
                         f"{origin.url}/file?size=200K&seed=12&key=at{years}&drop_after=100K&drop_times=1")
            tap.ok(ctl("wait", task, "--timeout=30s")[0] == 0 and sha256(f"{folder}/at{years}") == expected(12, 200 << 10),
                   f"clock: {years} years: a retry comes when it is due", show(task, "SubState"))
        state = show(running, "State")
        jump(10 * 365 * DAY_S)
        release(origin, "clock")
        tap.ok(ctl("wait", running, "--timeout=30s")[0] == 0 and sha256(f"{folder}/running") == expected(11, 4 * MIB),
               "clock: what runs is not timed out by the wall", (state, show(running, "Error")))
        tap.ok(len(origin.log("/file?size=4M&seed=11")) == 1, "clock: in one request")


# ---- descriptors ----

def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(pid):
    before = cpu_s(pid)
    time.sleep(2)  # the figure is per time
    return (cpu_s(pid) - before) / 2


def no_descriptors_for_long(tap, origin, folder):
    """Connections do not take them all, nobody asks again and again, and what a client brings is taken."""
    sources = [f"{folder}/source{n}" for n in range(8)]
    for path in sources:
        with open(path, "wb") as f:
            f.write(os.urandom(1000))
    with DaemonScript("ulimit -n 64"):
        ctl("limit", "connections=64", "tasks=64")
        add("hold", [f"{origin.url}/file?size=20K&seed={n}&gate=hold&gate_after=10K\t{folder}/h{n}" for n in range(100)])
        wait_for("all to be taken", lambda: len(origin.log("/file?size=20K")) >= 4)
        pid = daemon_pid()
        used = [cpu_share(pid)]
        while used[-1] >= 0.05 and len(used) < 6:  # each failure waits longer than the one before
            used.append(cpu_share(pid))
        tap.ok(used[-1] < 0.05, "descriptors: no spin while there are none", used)
        put = [ctl("put", "--session=hold", "-d", "--allow-insecure", path, f"{origin.url}/store/x")[0] for path in sources]
        tap.ok(daemon_pid() == pid and not any(put), "descriptors: there are some for what a client brings", put)
        release(origin, "hold")
        code = wait_all("hold")
        missing = [n for n in range(100) if sha256(f"{folder}/h{n}") != expected(n, 20 << 10)]
        tap.ok(code == 0 and not missing, "descriptors: all finish in the end", (code, missing, put))
    ctl("limit", "connections=6", "tasks=32")


# ---- the mask ----

def any_mask(tap, origin, folder):
    """What the daemon makes is its own, whatever the mask, and it can read it again."""
    ctl("stats")
    end_daemon(signal.SIGTERM)
    shutil.rmtree(state_folder())
    for mask in ("000", "777"):
        with DaemonScript(f"umask {mask}"):
            task = start("get", "--session=mask", "-o", f"{folder}/mask{mask}",
                         f"{origin.url}/file?size=2M&seed=4&gate=mask{mask}&gate_after=1M")
            wait_for("bytes", lambda: number(show(task, "BytesReceived")) >= MIB // 2)
            made = [state_folder()] + [os.path.join(at, name) for at, folders, files in os.walk(state_folder())
                                       for name in folders + files] + glob.glob(f"{folder}/.mask{mask}.*")
            wrong = [(path, oct(os.stat(path).st_mode)) for path in made
                     if os.stat(path).st_mode & 0o777 != (0o700 if os.path.isdir(path) else 0o600)]
            tap.ok(len(made) > 5 and not wrong, f"mask {mask}: 0700 and 0600", (len(made), wrong))
            release(origin, f"mask{mask}")
            ctl("wait", task, "--timeout=30s")
        shutil.rmtree(state_folder())


# ---- the line ----

def line_of_its_own():
    """A network of this process alone, whose loopback is narrow and loses every tenth packet; None: it can be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000):  # CLONE_NEWNET
        return "no network of its own"
    rules = "table inet loss {\nchain in {\ntype filter hook input priority 0\nnumgen random mod 100 < 10 counter drop\n}\n}\n"
    for words in (["ip", "link", "set", "lo", "up", "mtu", "1500"],
                  ["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "8mbit", "burst", "32kb", "latency", "50ms"],
                  ["nft", rules]):
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return f"no {words[0]}"
        if done.returncode:
            return done.stderr.strip()
    return None


def dropped():
    out = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"counter packets (\d+)", out).group(1))


def bad_line(tap, folder, size):
    why = line_of_its_own()
    if why:
        tap.skip("line: all bytes once, and right", why)
        return
    origin = Origin()
    with DaemonScript(runner=f"nsenter --net=/proc/{os.getpid()}/ns/net"):
        task = start("get", "--session=line", "-o", f"{folder}/line", f"{origin.url}/file?size={size}M&seed=21")
        ctl("wait", task, "--timeout=15m")
        requests = origin.log("/file")
        begins = [entry["range"] for entry in requests]
        tap.ok(sha256(f"{folder}/line") == expected(21, size * MIB), "line: the file is right", show(task, "Error"))
        tap.ok(begins.count("") == 1, "line: never again from the beginning", begins)
        tap.ok(dropped() > 50, "line: packets were lost", dropped())
    origin.stop()


def inside(full):
    tap, origin = Tap(), Origin()
    with tempfile.TemporaryDirectory() as folder:
        try:
            full_state(tap, origin, folder)
            clock_jumps(tap, origin, folder)
            no_descriptors_for_long(tap, origin, folder)
            any_mask(tap, origin, folder)
        finally:
            origin.stop()
        bad_line(tap, folder, 50 if full else 2)
    tap.done()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        inside("--full" in sys.argv)
    else:
        dev = os.path.join(SOURCE, "dev")
        os.execv(dev, [dev, "run", "--build", BUILD, "--", sys.executable, os.path.realpath(__file__), "--inside", *sys.argv[1:]])
