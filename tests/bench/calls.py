# SPDX-License-Identifier: MIT
"""./dev bench counts: calls of the system, as strace counts them: per GiB of a large file, per file of many small ones."""
import os
import signal
import subprocess
import sys

WORKLOADS = ("W1", "W2", "W6", "W3", "W4")
LARGE = ("W1", "W2", "W6")
COUNT = ["strace", "-f", "-c", "-S", "calls", "-o"]
N_TOP = 6


def read_counts(path):
    """{call: number}, and all of them"""
    counts = {}
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            words = line.split()
            if len(words) >= 5 and words[3].isdigit():
                counts[words[-1]] = int(words[3])
    return counts, counts.pop("total", 0)


def count_peer(b, argv):
    path = f"{b.dir}/strace"
    with open(f"{b.dir}/peer.log", "ab") as log:
        code = subprocess.run([*COUNT, path, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=b.out,
                              check=False).returncode
    return code == 0, *read_counts(path)


def count_daemon(bench, b, workload, base):
    """The daemon's only, from the first task to the last event; that the start costs something is no news."""
    path = f"{b.dir}/strace"
    t = bench.Transferd(b)
    try:
        tracer = subprocess.Popen([*COUNT, path, "-p", str(t.daemon.pid)], stderr=subprocess.PIPE, text=True)
        tracer.stderr.readline()  # it is attached
        done = t.run(workload, base, *(["--upload", "--no-copy"] if workload == "W6" else []))
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        tracer.stderr.close()
    finally:
        t.stop()
    return done["is_ok"], *read_counts(path)


def play(bench, b, _is_quick):
    is_good = True
    for w in WORKLOADS:
        base = b.lists(w)
        n = {"W1": b.sizes.big, "W2": b.sizes.big, "W6": b.sizes.upload}.get(w)
        scale = (1 << 30) / n if n else 1 / b.sizes.small
        print(f"\n{w}: calls of the system {'per GiB' if n else 'per file'} (load {os.getloadavg()[0]:.1f})")
        names = [k for k, (_, works) in bench.PEERS.items() if w in works.split()]
        for name in [*names, "transferd"]:
            b.clean()
            is_ok, counts, total = (count_daemon(bench, b, w, base) if name == "transferd" else
                                    count_peer(b, bench.PEERS[name][0](b, w, base)))
            is_ok = is_ok and b.check(w)
            is_good &= is_ok
            top = ", ".join(f"{k} {v * scale:.{0 if n else 2}f}" for k, v in list(counts.items())[:N_TOP])
            print(f"{name:12}{total * scale:10.{0 if n else 1}f}   {top}{'' if is_ok else '   FAILED'}")
            sys.stdout.flush()
    b.clean()
    return is_good
