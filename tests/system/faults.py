#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Faults of the machine, with the real daemon: deaths under load, a stop, no descriptors, no room, a damaged database,
an upload that was answered, a reboot (F-4, F-6, F-9, F-14, F-22, BT-09, BT-25)."""
import collections
import hashlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../arch"))
from tap import BUILD, SOURCE, Tap  # noqa: E402

MIB = 1 << 20
DEADLINE_S = 60
ORIGIN = os.path.join(BUILD, "tests/origin")


def wait_for(what, test):
    end = time.monotonic() + DEADLINE_S
    while not (found := test()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
    return found


class Origin:
    def __init__(self):
        self.process = subprocess.Popen([ORIGIN, "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def log(self, target):
        out = subprocess.run(["curl", "-s", self.url + "/_log"], capture_output=True, text=True, check=True).stdout
        return [entry for entry in json.loads(out) if entry["target"].startswith(target)]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def expected(seed, size):
    return subprocess.run([ORIGIN, "--sha256", f"{seed}:{size}"], capture_output=True, text=True,
                          check=True).stdout.strip()


def sha256(path):
    try:
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()
    except FileNotFoundError:
        return None


def ctl(*words, stdin=None):
    done = subprocess.run(["transferctl", *words], input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def start(kind, *words):
    code, out = ctl(kind, "-d", "--allow-insecure", *words)
    if code:
        raise RuntimeError(f"{kind} {words}: {code} {out}")
    return out


def add(session, lines):
    code, out = ctl("add", f"--session={session}", "--allow-insecure", "-q", "-i", "-", stdin="\n".join(lines) + "\n")
    if code:
        raise RuntimeError(f"add: {code} {out}")


def wait_all(session):
    return ctl("wait", "--all", f"--session={session}", f"--timeout={DEADLINE_S}s")[0]


def show(task, member):
    return ctl("show", task, "-p", member, "--value")[1]


def number(text):
    return int(text) if text.isdigit() else 0


def events(session):
    """How often each event waits."""
    found = (json.loads(line) for line in ctl("events", session, "-j")[1].splitlines())
    return collections.Counter((event["id"], event["event"]) for event in found)


def run_folder(*names):
    return os.path.join(os.environ["TRANSFERD_RUN_DIR"], *names)


def state_folder(*names):
    return os.path.join(os.environ["XDG_STATE_HOME"], "transferd", *names)


def daemon_pid():
    with open(run_folder("daemon.pids"), encoding="utf-8") as f:
        return int(f.read().split()[-1])


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def end_daemon(signal_number):
    """How long it took. Whoever asks next makes the bus start another."""
    pid, begun = daemon_pid(), time.monotonic()
    os.kill(pid, signal_number)
    wait_for("the end of the daemon", lambda: not is_running(pid))
    return time.monotonic() - begun


def deaths(tap, origin, folder):
    seeds = range(1, 13)
    add("deaths", [f"{origin.url}/file?size=2M&seed={n}&rate_bps=500K\t{folder}/d{n}" for n in seeds])
    for _ in range(4):
        time.sleep(random.uniform(0.1, 1.2))  # the moment of the death is the point
        end_daemon(signal.SIGKILL)
        ctl("stats")
    tap.ok(wait_all("deaths") == 0, "deaths: all downloads finish")
    wrong = [n for n in seeds if sha256(f"{folder}/d{n}") != expected(n, 2 * MIB)]
    tap.ok(not wrong, "deaths: each file is right", wrong)
    told = events("deaths")
    ends = [key for key in told if key[1] == "DidComplete"]
    tap.ok(len(ends) == len(seeds) and max(told.values()) == 1, "deaths: one end each", told)


def stop(tap, origin, folder):
    ctl("limit", "connections=32")
    add("stop", [f"{origin.url}/file?size=4M&seed={n}&rate_bps=100K\t{folder}/s{n}" for n in range(32)])
    wait_for("32 running", lambda: json.loads(ctl("stats", "-j")[1])["tasks_active"] == 32)
    took = end_daemon(signal.SIGTERM)
    tap.ok(took < 5, "stop: within five seconds with 32 running", took)
    ctl("cancel", "--session=stop", "--all", "--yes")


def no_descriptors(tap, origin, folder):
    """The connections alone could use up all of them."""
    ctl("stats")
    program = run_folder("bin", "start-transferd")
    with open(program, encoding="utf-8") as f:
        script = f.read()
    with open(program, "w", encoding="utf-8") as f:
        f.write(script.replace("#!/bin/sh\n", "#!/bin/sh\nulimit -n 64\n"))
    end_daemon(signal.SIGTERM)
    ctl("limit", "connections=32")
    add("fds", [f"{origin.url}/file?size=20K&seed={n}\t{folder}/f{n}" for n in range(500)])
    code = wait_all("fds")
    limit = resource.prlimit(daemon_pid(), resource.RLIMIT_NOFILE)[0]
    missing = [n for n in range(500) if not os.path.exists(f"{folder}/f{n}")]
    tap.ok(code == 0 and limit == 64 and not missing, "descriptors: 500 tasks finish with 64", (code, limit, len(missing), ctl("list", "-a", "--state=failed", "--session=fds")[1][-600:]))
    with open(program, "w", encoding="utf-8") as f:
        f.write(script)
    end_daemon(signal.SIGTERM)
    ctl("limit", "connections=6")


def full_disk(tap, origin, folder):
    small = os.path.join(folder, "small")
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "none", small], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        tap.skip("full disk: waits, goes on by itself", "cannot mount")
        return
    try:
        task = start("get", "--session=full", "-o", f"{small}/x", f"{origin.url}/file?size=6M&seed=5&no_length")
        wait_for("the disk to be full", lambda: show(task, "SubState") == "waiting-disk")
        other = start("get", "--session=full", "-o", f"{folder}/other", f"{origin.url}/file?size=1M&seed=6")
        tap.ok(ctl("wait", other, "--timeout=20s")[0] == 0, "full disk: another volume's task goes on")
        tap.ok(not os.path.exists(f"{small}/x"), "full disk: no visible file")
        subprocess.run(["mount", "-o", "remount,size=16M", small], check=True)
        tap.ok(ctl("wait", task, f"--timeout={DEADLINE_S}s")[0] == 0 and sha256(f"{small}/x") == expected(5, 6 * MIB),
               "full disk: goes on by itself", show(task, "Error"))
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def answered_once(tap, origin, folder):
    """The answer to an upload is there, not whole yet, when the daemon dies: it is never sent again."""
    source = os.path.join(folder, "source")
    with open(source, "wb") as f:
        f.write(os.urandom(MIB))
    task = start("put", "--session=once", source, f"{origin.url}/upload?reply_size=1M&hang_after=300K")
    wait_for("the answer", lambda: number(show(task, "BytesReceived")) > 0 or
             json.loads(ctl("show", task, "-j")[1])["response"])
    end_daemon(signal.SIGKILL)
    ctl("wait", task, "--timeout=20s")
    sent = origin.log("/upload")
    tap.ok(len(sent) == 1 and show(task, "State") == "completed", "answered: one request, one end", (sent, show(task, "State")))


def reboot(tap, origin, folder):
    """Another run of the machine, and no client: what was durable counts, and nothing else of the part."""
    task = start("get", "--session=reboot", "-o", f"{folder}/rebooted",
                 f"{origin.url}/file?size=8M&seed=7&gate=boot&gate_after=5M")
    wait_for("bytes", lambda: number(show(task, "BytesReceived")) > 4 * MIB)
    end_daemon(signal.SIGKILL)
    with sqlite3.connect(state_folder("queue.db")) as database:
        changed = database.execute("UPDATE setting SET value = ? WHERE name = 'boot-id'", (b"before",)).rowcount
        durable = (database.execute("SELECT offset_bytes FROM outcome WHERE task = ?", (task,)).fetchone() or [0])[0]
    database.close()
    subprocess.run(["curl", "-s", "-o", "/dev/null", origin.url + "/_release?gate=boot"], check=True)
    ctl("stats")  # the service manager would
    tap.ok(wait_for("the file", lambda: sha256(f"{folder}/rebooted") == expected(7, 8 * MIB)), "reboot: goes on alone")
    ranges = [entry["range"] for entry in origin.log("/file?size=8M&seed=7")]
    tap.ok(changed == 1 and ranges == ["", f"bytes={durable}-" if durable else ""],
           "reboot: what was not durable is fetched again", (changed, durable, ranges))


def damaged(tap):
    """A database that cannot be trusted is set aside, and the daemon serves."""
    path = state_folder("queue.db")
    for name in ("flipped", "cut", "zeroed", "foreign"):
        ctl("stats")
        end_daemon(signal.SIGTERM)
        with open(path, "r+b") as f:
            data = bytearray(f.read())
            if name == "flipped":
                for _ in range(1000):
                    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            elif name == "cut":
                del data[len(data) // 3:]
            elif name == "zeroed":
                data[:4096] = bytes(4096)
            else:
                data = bytearray(os.urandom(len(data)))
            f.seek(0)
            f.write(data)
            f.truncate()
        begun = time.monotonic()
        code, out = ctl("stats", "-j")
        took = time.monotonic() - begun
        aside = [entry for entry in os.listdir(state_folder()) if ".corrupt-" in entry]
        tap.ok(code == 0 and took < 5 and aside and json.loads(out)["tasks_total"] == 0,
               f"damaged: {name}: set aside, the daemon serves", (code, out, took, aside))
        for entry in aside:
            os.unlink(state_folder(entry))


def inside():
    tap, origin = Tap(), Origin()
    with tempfile.TemporaryDirectory() as folder:
        try:
            deaths(tap, origin, folder)
            stop(tap, origin, folder)
            no_descriptors(tap, origin, folder)
            full_disk(tap, origin, folder)
            answered_once(tap, origin, folder)
            reboot(tap, origin, folder)
            damaged(tap)
        finally:
            origin.stop()
    tap.done()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        inside()
    else:
        dev = os.path.join(SOURCE, "dev")
        os.execv(dev, [dev, "run", "--build", BUILD, "--", sys.executable, os.path.realpath(__file__), "--inside"])
