# SPDX-License-Identifier: MIT
"""Answers to a running program: W9, one large body to a delegate that counts its bytes, beside curl -o /dev/null; W10, many small ones,
each with a handler, beside curl -Z to /dev/null. Nobody writes anything; the daemon runs already, the program and curl are started.
"""
import os
import subprocess
import time

SMALL = 4096


def urls(b):
    return [f"http://127.0.0.1:{b.http}/file?size={SMALL}&seed={i}" for i in range(b.sizes.small)]


def make(b, workload):
    """What is served; what curl reads."""
    if workload == "W9":
        with open(f"{b.dir}/www/sparse", "wb") as f:
            f.truncate(b.sizes.big)
        return
    b.make_file("www/file", SMALL)
    with open(f"{b.dir}/W10.curl", "w", encoding="ascii") as f:
        for url in urls(b):
            f.write(f'url="{url}"\noutput="/dev/null"\n')


def curl(b, workload):
    if workload == "W9":
        return ["curl", "-q", "-s", "-f", "-o", "/dev/null", f"http://127.0.0.1:{b.http}/sparse"]
    return ["curl", "-q", "-s", "-f", "-Z", "--parallel-max", "50", "-K", f"{b.dir}/W10.curl"]


def program(b, workload):
    real = f"{b.build}/tests/bench/.libs/data-bench"
    path = real if os.path.exists(real) else f"{b.build}/tests/bench/data-bench"
    if workload == "W9":
        return [path, "--count", f"http://127.0.0.1:{b.http}/sparse", str(b.sizes.big)]
    return [path, f"http://127.0.0.1:{b.http}", str(b.sizes.small), str(SMALL)]


def time_transferd(bench, b, workload):
    t = bench.Transferd(b)
    try:
        before = bench.cpu_s(t.daemon.pid) + bench.cpu_s(t.bus.pid)
        times = os.times()
        start = time.monotonic()
        code = subprocess.run(program(b, workload), env=t.env, stdout=subprocess.DEVNULL, check=False).returncode
        wall = time.monotonic() - start
        after = os.times()
        cpu = bench.cpu_s(t.daemon.pid) + bench.cpu_s(t.bus.pid) - before
        cpu += after.children_user + after.children_system - times.children_user - times.children_system
        return {"wall": wall, "cpu": cpu, "is_ok": code == 0}
    finally:
        t.stop()


def play(bench, b, workload, n_runs):
    make(b, workload)
    rows = {"curl": [], "transferd": []}
    for i in range(n_runs):
        for name, mine in rows.items():
            b.clean()
            row = bench.time_peer(b, curl(b, workload)) if name == "curl" else time_transferd(bench, b, workload)
            mine.append(row)
            bench.say(f"{workload} {i + 1}/{n_runs} {name:10} {row['wall']:8.3f} s  cpu {row['cpu']:7.2f} s"
                      f"{'' if row['is_ok'] else '  FAILED'}")
    return bench.table(workload, rows)
