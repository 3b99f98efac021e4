# SPDX-License-Identifier: MIT
"""./dev bench queue: a queue that nobody serves, grown from a thousand tasks to a million. What a call costs must not grow with it."""
import os
import socket
import statistics
import sys
import threading
import time

ROWS, QUICK_ROWS = (1000, 10000, 100000, 1000000), (1000, 10000)
COLUMNS = ("accept s", "per 1,000 ms", "other ms", "peak MiB", "answer s", "killed s", "list s", "stats s", "show s", "set s", "set 10k s", "cancel s",
           "cancel 10k s", "next ms", "MiB")
# What each may cost at most, however long the queue is.
BOUNDS = {"accept s": 20, "peak MiB": 64, "MiB": 64, "answer s": 0.5, "killed s": 0.5, "list s": 1, "stats s": 1, "show s": 1, "set s": 1,
          "cancel s": 1, "cancel 10k s": 1}
IDLE_MIB = 12
REST_S = 20


class Hold:
    """Takes connections, never answers, and knows when each came."""

    def __init__(self, port):
        self.server = socket.create_server(("127.0.0.1", port), backlog=512)
        self.came, self.kept = [], []
        self.change = threading.Condition()
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                self.kept.append(self.server.accept()[0])
            except OSError:
                return
            with self.change:
                self.came.append(time.monotonic())
                self.change.notify_all()

    def wait(self, n, deadline_s=60):
        """When connection number n came."""
        with self.change:
            if not self.change.wait_for(lambda: len(self.came) >= n, deadline_s):
                raise TimeoutError(f"{len(self.came)} of {n} connections")
            return self.came[n - 1]

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for s in self.kept:
            s.close()


def timed(fn, *args):
    start = time.monotonic()
    fn(*args)
    return time.monotonic() - start


def median(fn, n=3):
    return statistics.median(timed(fn, i) for i in range(n))


class Other:
    """Another client, that asks for something ten times a second; the longest that an answer took."""

    def __init__(self, t):
        self.is_over, self.longest_s = threading.Event(), 0.0
        self.thread = threading.Thread(target=self.loop, args=(t,))
        self.thread.start()

    def loop(self, t):
        while not self.is_over.wait(0.1):
            self.longest_s = max(self.longest_s, timed(t.tell, "stats"))

    def stop(self):
        self.is_over.set()
        self.thread.join()
        return self.longest_s


def hold_list(b, port, n):
    path = f"{b.dir}/queue-{n}.tsv"
    with open(path, "w", encoding="ascii") as f:
        for i in range(n):
            f.write(f"http://127.0.0.1:{port}/downloads/2024/{i:06d}.bin?token=0123456789abcdef\t{b.out}/{i:06d}.bin\n")
    return path


def measure(bench, b, n):
    """The values of one row."""
    port = bench.free_ports(1)[0]
    hold = Hold(port)
    path = hold_list(b, port, n)
    b.clean()
    t = bench.Transferd(b)
    try:
        t.tell("limit", "tasks=8", "connections=8")
        other = Other(t)
        accept = timed(t.add, path)
        other_s = other.stop()
        hold.wait(8)
        peak = bench.memory_mib(t.daemon.pid, "VmHWM")
        t.stop_daemon()
        before = len(hold.came)
        answer = timed(t.start)
        hold.wait(before + 8)  # and goes on
        t.daemon.kill()
        t.daemon.wait()
        before = len(hold.came)
        killed = timed(t.start)
        hold.wait(before + 8)
        top = n - 100  # far from what runs
        some = min(10000, n // 4)
        row = [accept, accept * 1e6 / n, other_s * 1000, peak, answer, killed,
               median(lambda i: t.tell("list", "--no-pager", head=50)),
               median(lambda i: t.tell("stats")),
               median(lambda i: t.tell("show", top + i)),
               median(lambda i: t.tell("set", top + i, f"priority=0.{i + 1}")),
               timed(t.tell, "set", f"{n // 2}-{n // 2 + some - 1}", "priority=0.4"),
               median(lambda i: t.tell("cancel", top + i)),
               timed(t.tell, "cancel", f"{n // 2}-{n // 2 + some - 1}")]
        nexts = []
        for i in range(5):
            before = len(hold.came)
            start = time.monotonic()
            t.tell("cancel", i + 1)
            nexts.append((hold.wait(before + 1) - start) * 1000)
        row += [statistics.median(nexts), bench.memory_mib(t.daemon.pid, "VmRSS")]
        return row
    finally:
        t.stop()
        hold.close()
        os.unlink(path)


def waits(pid):
    """How often its threads have waited for something so far."""
    n = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as f:
            n += sum(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
    return n


def come_to_rest(pid):
    """Until it has slept for a second. One that never does is counted all the same."""
    deadline = time.monotonic() + REST_S
    before, since = waits(pid), time.monotonic()
    while time.monotonic() < min(since + 1, deadline):
        time.sleep(0.05)
        now = waits(pid)
        if now != before:
            before, since = now, time.monotonic()


def rest(bench, b, seconds):
    """Nothing queued, and a queue that may not start: memory, and wake-ups. What is too much."""
    over = []
    path = hold_list(b, b.hold, 10000)
    b.clean()
    t = bench.Transferd(b)
    try:
        for what in ("nothing queued", "10,000 queued, paused"):
            if "paused" in what:
                t.tell("limit", "mode=paused")
                t.add(path)
            come_to_rest(t.daemon.pid)
            before = waits(t.daemon.pid)
            time.sleep(seconds)  # what is counted is how often it wakes up meanwhile
            wakeups, memory = waits(t.daemon.pid) - before, bench.memory_mib(t.daemon.pid, "VmRSS")
            print(f"{what}: {memory:.1f} MiB, {wakeups} wake-ups in {seconds} s")
            if wakeups:
                over.append(f"{what}: wakes up")
            if what == "nothing queued" and memory > IDLE_MIB:
                over.append(f"{what}: over {IDLE_MIB} MiB")
    finally:
        t.stop()
        os.unlink(path)
    return over


def play(bench, b, is_quick):
    print(f"\nqueue (load {os.getloadavg()[0]:.1f}; other: the longest that another client waited meanwhile; 10k: ten thousand, or a "
          "quarter of a shorter queue)")
    print(f"{'tasks':>9}" + "".join(f"{c:>{max(len(c), 7) + 2}}" for c in COLUMNS))
    over = []
    for n in QUICK_ROWS if is_quick else ROWS:
        row = measure(bench, b, n)
        over += [f"{n} tasks: {c} over {BOUNDS[c]}" for c, v in zip(COLUMNS, row) if v > BOUNDS.get(c, v)]
        print(f"{n:9}" + "".join(f"{v:{max(len(c), 7) + 2}.{3 if c.endswith(' s') else 1}f}" for c, v in zip(COLUMNS, row)))
        sys.stdout.flush()
    over += rest(bench, b, 3 if is_quick else 10)
    for what in over:
        print(f"too much: {what}")
    return not over
