#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""transferctl in a real terminal (tmux): bars that leave no dirt, detaching, stopping, resizing, the pager, plain terminals."""
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from rig import Rig, Tap, on_private_bus, wait_for  # noqa: E402

ROWS = 16
LONG = "a-very-long-name-of-a-file-that-does-not-fit-anywhere-at-all.tar.zst"


class Terminal:
    n = 0

    def __init__(self, rig, columns):
        Terminal.n += 1
        self.socket = os.path.join(rig.folder, f"tmux{Terminal.n}")
        self.env = dict(rig.env, HISTFILE="")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(ROWS), "-s", "s", "-c", rig.folder,
                  "env TERM=tmux-256color 'PS1=> ' bash --norc --noprofile")
        self.wait("^>")

    def tmux(self, *args):
        return subprocess.run(["tmux", "-S", self.socket, *args], env=self.env, check=True, capture_output=True, text=True).stdout

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "s", *keys)

    def clear(self):
        """An empty screen with a prompt, nothing of before."""
        self.keys("C-l")
        wait_for("an empty screen", lambda: self.lines() == [">"])

    def type(self, line):
        self.clear()
        self.keys("-l", line)
        self.keys("Enter")

    def text(self, *more):
        return self.tmux("capture-pane", "-p", "-t", "s", *more)

    def lines(self):
        return [line.rstrip() for line in self.text().rstrip("\n").split("\n") if line.strip()]

    def wait(self, pattern):
        try:
            return wait_for(pattern, lambda: re.search(pattern, self.text(), re.M), 12)
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{self.text()}")

    def wait_prompt(self):
        """Waits for the command to end."""
        wait_for("the prompt", lambda: self.lines()[-1:] == [">"], 30)

    def cursor(self):
        return self.tmux("display-message", "-p", "-t", "s", "#{cursor_flag}").strip() == "1"

    def resize(self, columns):
        self.tmux("resize-window", "-t", "s", "-x", str(columns), "-y", str(ROWS))

    def done(self):
        self.tmux("kill-server")


def block(lines):
    """The lines of bars on the screen, without what was typed and printed."""
    return [line for line in lines if re.match(r"[●○◌↻*o~r-] +\d+ |  total ", line)]


def bars(rig, ok, columns):
    t = Terminal(rig, columns)
    gate = f"gate=g{columns}&gate_after=300000"
    tasks = [rig.get(f"/file?size=1M&seed={i}&{gate}", "-o", name) for i, name in
             enumerate((f"one{columns}", f"{columns}{LONG}", f"日本語のとても長い名前のファイルです{columns}"))]
    tasks.append(rig.get("/file?status=503&retry_after=3000", "--retry-http-errors", "-o", f"refused-{columns}"))
    words = " ".join(map(str, tasks))
    t.type(f"transferctl watch {words}")
    t.wait(r"total 0 of 4 done")
    t.wait(r"next try")
    lines = t.lines()
    ok(len(block(lines)) == 5 and all(f" {n} " in t.text() for n in tasks), f"{columns}: a line for each task and a total", t.text())
    ok(not t.cursor(), f"{columns}: the cursor is hidden meanwhile")
    seen = set()
    wait_for("another round", lambda: seen.add(t.text()) or len(seen) >= 2)
    ok(len(block(t.lines())) == 5, f"{columns}: redrawing leaves no dirt", t.text())
    t.resize(columns - 30)
    wait_for("the narrow block", lambda: len(block(t.lines())) == 5 and
             max(len(line) for line in block(t.lines())) <= columns - 30, 15)
    ok(len(t.lines()) <= 9, f"{columns}: nor does a narrower window", t.text())
    t.resize(columns)
    wait_for("the block", lambda: len(block(t.lines())) == 5, 15)
    t.keys("C-z")
    t.wait("Stopped")
    t.wait_prompt()
    ok(t.cursor(), f"{columns}: stopping brings the cursor back")
    t.keys("-l", "fg")
    t.keys("Enter")
    t.wait(r"(?s)Stopped.*fg.*total 0 of 4 done")
    ok("Stopped" in t.text(), f"{columns}: what was written meanwhile stays", t.text())
    t.keys("C-c")
    t.wait("Still running in the background: " + words)
    t.wait_prompt()
    ok(t.cursor() and not block(t.lines()[-4:]), f"{columns}: Ctrl-C takes the bars off and says how to come back", t.text())
    t.type(f"transferctl watch {words}; echo code $?")
    t.wait(r"total 0 of 4 done")
    rig.release(f"g{columns}")
    t.wait(r"total 3 of 4 done")
    rig.out("cancel", tasks[3])
    t.wait("code 7")
    lines = [line for line in t.lines() if re.match("[✓×] ", line)]
    ok(len(lines) == 4 and not block(t.lines()) and t.cursor(), f"{columns}: a line stays for each finished task", t.text())
    t.type("transferctl list --all")
    t.wait_prompt()
    ok(all(len(line) <= columns for line in t.lines()), f"{columns}: list fits the window", t.text())
    t.type(f"transferctl status {tasks[3]}")
    t.wait("Hint: ")
    ok("cancelled" in t.text(), f"{columns}: status", t.text())
    t.done()


def plain(rig, ok):
    """Terminals that can do less, and a program that is killed."""
    t = Terminal(rig, 80)
    task = rig.get("/file?size=1M&gate=p&gate_after=300000", "-o", "plain")
    t.type(f"LC_ALL=C transferctl watch {task}")
    t.wait(r"\[#+-+\]")
    ok(all(ord(c) < 128 for c in t.text()), "without UTF-8 the bars are ASCII", t.text())
    t.keys("C-c")
    t.wait("Still running")
    t.type(f"NO_COLOR=1 transferctl watch {task}")
    t.wait("total 0 of 1")
    ok("\033[3" not in t.text("-e"), "NO_COLOR: no colours", t.text("-e"))
    t.keys("C-c")
    t.wait("Still running")
    t.type(f"TERM=dumb transferctl watch {task}")
    t.wait(f"^{task} running")
    ok(not block(t.lines()) and t.cursor(), "TERM=dumb: lines instead of bars", t.text())
    t.keys("C-c")
    t.wait("Still running")
    t.type(f"transferctl watch {task} & wait")
    t.wait("total 0 of 1")
    t.keys("C-c")
    t.keys("-l", "kill %1; wait %1; echo ended $?")
    t.keys("Enter")
    t.wait("ended 143")
    ok(t.cursor(), "SIGTERM brings the cursor back")
    rig.release("p")
    rig.out("wait", task)
    t.done()


def service(rig, ok):
    """The line above the bars, and keys."""
    task = rig.get("/file?size=1M&gate=s&gate_after=300000", "-o", "service")
    later = rig.get("/file?size=9", "-o", "later", "--suspended")
    for columns in (80, 120):
        t = Terminal(rig, columns)
        t.type("transferctl watch; echo code $?")
        t.wait("total 0 of 2 done")
        t.wait("^transferd  ↓ .*↑ 0 B/s   1 running  0 queued")
        lines = block(t.lines())
        ok(f" {task} " in lines[0] and f" {later} " in lines[1], f"{columns}: what moves comes first", t.text())
        t.resize(columns - 20)
        t.wait("total 0 of 2 done")
        t.keys("q")
        t.wait("code 0")
        ok("Still running in the background" in t.text() and not block(t.lines()) and t.cursor(), f"{columns}: q leaves", t.text())
        t.type("stty -a | grep -c -e ' -echo ' -e ' -icanon'")
        t.wait("^0$")
        t.done()
    rig.release("s")
    rig.out("wait", task)
    rig.out("cancel", later)


def adding(rig, ok):
    with open(os.path.join(rig.folder, "hundred"), "w") as f:
        f.writelines(f"https://a.example/{i}\tadding/{i}\n" for i in range(100000))
    t = Terminal(rig, 80)
    t.type("transferctl add --suspended -i hundred >ids; echo code $?")
    t.wait(r"\d+ queued, +\d+% of the list")
    ok(True, "a long list shows how far it is")
    t.keys("C-c")
    t.wait(r"Interrupted: \d+ tasks are queued; nothing from line \d+ on")
    t.wait("code 130")
    with open(os.path.join(rig.folder, "ids")) as f:
        n = len(f.read().split())
    ok(n % 8000 == 256 and f" {n} tasks" in t.text(), "Ctrl-C says what is queued", (n, t.text()))
    t.done()
    rig.out("cancel", "--state=suspended", "--yes")


def taskbar(rig, ok):
    """The bytes that go to a terminal."""
    import pty
    task = rig.get("/file?size=1M&gate=t&gate_after=300000", "-o", "taskbar")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(rig.folder)
        os.execvpe("transferctl", ["transferctl", "watch", str(task)], rig.env)
    seen = b""
    while b"]9;4;1;" not in seen:
        seen += os.read(fd, 65536)
    rig.release("t")
    try:
        while more := os.read(fd, 65536):
            seen += more
    except OSError:
        pass  # the terminal is closed
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ok(code == 0 and seen.rfind(b"]9;4;0") > seen.rfind(b"]9;4;1;"), "the taskbar is cleared in the end", seen[-300:])
    ok(seen.rfind(b"\033[?25h") > seen.rfind(b"\033[?25l") > -1, "and the cursor shown", seen[-300:])


def pager(rig, ok):
    lines = "".join(f"https://a.example/{i}\tpager/{i}\n" for i in range(40))
    rig.out("add", "--suspended", "-q", stdin=lines)
    t = Terminal(rig, 100)
    t.type("TRANSFER_PAGER='sed s/^/paged/' transferctl list; echo code $?")
    t.wait("code 0")
    ok("paged" in t.text() and "40 suspended" in t.text(), "a long list goes through the pager", t.text())
    t.type("TRANSFER_PAGER='sed s/^/paged/' transferctl list --no-pager; echo code $?")
    t.wait("code 0")
    ok("paged" not in t.text(), "--no-pager", t.text())
    t.type("PAGER=nothing-like-this transferctl list; echo code $?")
    t.wait("code 0")
    ok("40 suspended" in t.text(), "a pager that is not there does no harm", t.text())
    if shutil.which("less"):
        t.type("transferctl list; echo code $?")
        t.wait("^lines 1-|^:")
        t.keys("q")
        t.wait("code 0")
        ok(True, "less can be left early")
    rig.out("cancel", "--state=suspended", "--yes")
    t.done()


def many(rig, ok):
    lines = "".join(f"https://a.example/{i}\tmany/{i}\n" for i in range(10000))
    rig.out("add", "--suspended", "-q", stdin=lines)
    begin = time.monotonic()
    out = rig.out("list")
    took = time.monotonic() - begin
    ok("10000 suspended" in out and took < 10, f"10000 tasks are listed in {took:.1f} s")
    t = Terminal(rig, 80)
    t.type("transferctl watch")
    t.wait("total 0 of 10000 done")
    ok(len(block(t.lines())) == ROWS - 4 + 1 and "more" in t.text(), "and watched in what the window has", t.text())
    t.keys("C-c")
    t.wait("Still running in the background")
    t.done()


def main():
    on_private_bus(__file__)
    tap = Tap()
    if not shutil.which("tmux"):
        tap.skip("screens", "needs tmux")
        tap.done()
    rig = Rig(tap)
    for part, *args in ((bars, 80), (bars, 120), (plain,), (service,), (adding,), (taskbar,), (pager,), (many,)):
        begin = time.monotonic()
        try:
            part(rig, tap.ok, *args)
        except (RuntimeError, TimeoutError, ValueError, subprocess.SubprocessError) as e:
            tap.ok(False, part.__name__, e)
        print(f"# {part.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    rig.done()


main()
