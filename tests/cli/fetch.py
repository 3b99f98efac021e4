#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""transferctl fetch with the real daemon: what it prints, what it sends, where it saves, and how it ends."""
import hashlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from rig import DEADLINE_S, Rig, Tap, on_private_bus, wait_for  # noqa: E402

# words behind fetch ("{}": the origin), exit status, all of stdout (None: anything), a part of stderr
ANSWERS = (
    ("{}/Nepal", 0, "Kathmandu", ""),
    ("-s {}/Nepal -L", 0, "Kathmandu", ""),
    ("{}/file?status=404", 0, "status 404\n", ""),
    ("-f {}/file?status=404", 6, "", "the server answered 404"),
    ("-f {}/Nepal", 0, "Kathmandu", ""),
    ("--no-redirect {}/redirect/2", 0, "Redirecting to /redirect/1", ""),
    ("-d a=1 -d b=2 {}/echo", 0, "a=1&b=2", ""),
    ("-X PUT -d a=1 {}/echo", 0, "a=1", ""),
    ("-d @sent {}/echo", 0, "what is in it\n", ""),
    ("-d @- {}/echo", 0, "typed", ""),
    ("-d @nowhere {}/echo", 9, "", "cannot read nowhere"),
    ("-d a -d @sent {}/echo", 2, "", "goes alone"),
    ("data:,hello%20you", 0, "hello you", ""),
    ("data:nothing", 2, "", "malformed"),
    ("file://{folder}/sent", 0, "what is in it\n", ""),
    ("file:///nowhere", 9, "", "does not exist"),
    ("gopher://a.example/", 2, "", "scheme"),
    ("nonsense", 2, "", "is no URL"),
    ("", 2, "", "one URL"),
    ("data:,1 data:,2", 2, "", "one URL"),
    ("-H nix data:,1", 2, "", "Name: value"),
    ("http://127.0.0.1:1/", 5, "", "connect"),
    ("--max-time=soon {}/Nepal", 2, "", "90s"),
    ("--max-time=1 {}/file?size=9&hang", 5, "", "time"),
    ("{}/file?size=200000&drop_after=1", 5, None, "partial"),
    ("--detach {}/Nepal", 2, "", "fetch does not have --detach"),
)


def answers(rig, ok):
    with open(os.path.join(rig.folder, "sent"), "w") as f:
        f.write("what is in it\n")
    for words, want, text, message in ANSWERS:
        args = words.replace("{}", rig.base).replace("{folder}", rig.folder).split()
        code, out, err = rig.run("fetch", "--allow-insecure", *args, stdin="typed")
        ok(code == want and text in (None, out) and (message in err if message else err == ""), f"fetch {words}",
           (code, out[:300], err))
    code, out, err = rig.run("fetch", "data:," + "x" * 100000)
    ok(code == 0 and out == "x" * 100000, "a long data: URL", (code, len(out), err))
    code, _, err = rig.run("fetch", rig.url("/Nepal"))
    ok(code == 2 and "--allow-insecure" in err, "plain http has to be allowed", err)


def heads(rig, ok):
    get = ["fetch", "--allow-insecure", rig.url("/Nepal")]
    head, _, body = rig.run(*get, "-i")[1].partition("\n\n")
    ok(head.startswith("HTTP/1.1 200\n") and "Content-Length: 9" in head and body == "Kathmandu", "-i: head and body", head)
    ok(rig.run(*get, "-I")[1].startswith("HTTP/1.1 200\n") and rig.run(*get, "-I")[1].endswith("\n\n"), "-I: the head alone")
    line, _, body = rig.run(*get, "-i", "--json=short")[1].partition("\n")
    found = json.loads(line)
    ok(found["status"] == 200 and found["expected_length"] == 9 and body == "Kathmandu"
       and {"name": "Server", "value": "origin"} in found["headers"], "-i with JSON", line)
    found = rig.json("fetch", "--allow-insecure", "-o", "beside", rig.url("/Nepal"))
    ok(found["mime_type"] == "text/plain", "with JSON the head of what is saved is printed", found)
    echoed = json.loads(rig.out("fetch", "--allow-insecure", "-H", "X-One: 1", "-A", "me", rig.url("/jsonBody")))
    ok(echoed["X-One"] == "1" and echoed["User-Agent"] == "me", "fields of its own are sent", echoed)


def places(rig, ok):
    def size(name):
        path = os.path.join(rig.folder, name)
        return os.path.getsize(path) if os.path.exists(path) else -1

    get = ["fetch", "--allow-insecure"]
    before = set(os.listdir(rig.folder))
    ok(rig.run(*get, "-o", "new", rig.url("/file?size=1000")) == (0, "", "") and size("new") == 1000, "-o saves")
    code, _, err = rig.run(*get, "-o", "new", rig.url("/file?size=2000"))
    ok(code == 9 and "--overwrite" in err and size("new") == 1000, "never over an existing file", err)
    ok(rig.run(*get, "-o", "new", "--overwrite", rig.url("/file?size=2000"))[0] == 0 and size("new") == 2000,
       "unless it is asked to")
    ok(rig.run(*get, "-o", "cut", rig.url("/file?size=200000&drop_after=100000"))[0] == 5 and size("cut") == -1,
       "what is not whole does not appear")
    ok(rig.run(*get, "-o", "new", "--overwrite", rig.url("/file?size=200000&drop_after=100000"))[0] == 5
       and size("new") == 2000, "and replaces nothing")
    ok(rig.run(*get, "-o", ".", rig.url("/file?size=7"))[0] == 0 and size("file") == 7, "a folder gets the URL's name")
    ok(rig.run(*get, "-o", "/dev/null", rig.url("/file?size=7"))[0] == 0, "a device is written")
    ok(rig.run(*get, "-o", "nowhere/x", rig.url("/file?size=7"))[0] == 9, "a folder that is not there is said")
    ok(set(os.listdir(rig.folder)) - before == {"new", "file"}, "nothing else is left", os.listdir(rig.folder))
    done = subprocess.run(["bash", "-c", f"transferctl fetch {' '.join(get[1:])} '{rig.url('/file?size=100')}' >/dev/full"],
                          cwd=rig.folder, env=rig.env, capture_output=True, text=True, timeout=60)
    ok(done.returncode == 9 and "No space" in done.stderr, "a full disk is said", done)


def sums(rig, ok):
    def of(rest):
        done = subprocess.run(["transferctl", "fetch", "--allow-insecure", rig.url(rest)], cwd=rig.folder, env=rig.env,
                              capture_output=True, timeout=60)
        return len(done.stdout), hashlib.sha256(done.stdout).hexdigest()

    plain = of("/file?size=300000&seed=5")
    want = hashlib.sha256(urllib.request.urlopen(rig.url("/file?size=300000&seed=5")).read()).hexdigest()
    ok(plain == (300000, want), "every byte comes through")
    for coding in ("gzip", "br", "zstd"):
        ok(of(f"/file?size=300000&seed=5&coding={coding}") == plain, f"{coding} is taken off")


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1])


def slow_readers(rig, ok):
    target = rig.url("/file?size=1G&key=slow")
    fetch = subprocess.Popen(["transferctl", "fetch", "--allow-insecure", target], cwd=rig.folder, env=rig.env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = fetch.stdout.read(1 << 20)
    before = resident_kib(fetch.pid)
    more = sum(len(fetch.stdout.read(1 << 20)) for _ in range(40))
    ok(len(first) == 1 << 20 and more == 40 << 20 and resident_kib(fetch.pid) - before < 8 << 10,
       "a pipe that is read slowly costs no memory", (before, resident_kib(fetch.pid)))
    fetch.stdout.close()
    ok(fetch.stderr.read() == b"" and fetch.wait(60) == -signal.SIGPIPE, "who has read enough ends it, quietly", fetch.returncode)
    fetch.stderr.close()


def interrupted(rig, ok):
    fetch = rig.start("fetch", "--allow-insecure", "-o", "never", rig.url("/file?size=1000&gate=shut&gate_after=10&key=int"))
    wait_for("the request", lambda: rig.run("list", "--in-app", "--no-legend")[1].strip())
    fetch.send_signal(signal.SIGINT)
    ok(fetch.wait(60) == -signal.SIGINT and not os.path.exists(os.path.join(rig.folder, "never")),
       "Ctrl-C ends it and leaves nothing", fetch.returncode)
    wait_for("the end of its task", lambda: not rig.run("list", "--in-app", "--no-legend")[1].strip())
    ok(fetch.stderr.read() == "", "and says nothing")
    rig.release("shut")
    code, _, err = rig.run("fetch", "data:,x", env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"})
    ok(code == 8 and "cannot reach transferd" in err, "without a bus it says so", err)


def read_terminal(fd, until=None):
    """What a terminal shows, until the text or its end."""
    seen = b""
    try:
        while until is None or until not in seen:
            if not select.select([fd], [], [], DEADLINE_S)[0]:
                return seen + b"[nothing more came]"
            seen += os.read(fd, 65536)
    except OSError:
        pass  # the last that had it has gone
    return seen


def at_terminal(rig, *args):
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(rig.folder)
        os.execvpe("transferctl", ["transferctl", "fetch", "--allow-insecure", *args], rig.env)
    return pid, fd


def end_of(pid, fd):
    """What it showed to its end, and its code; one that waits for ever is ended."""
    seen = read_terminal(fd)
    if seen.endswith(b"[nothing more came]"):
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return code, seen


def typed(rig, ok):
    """-d @- at a terminal."""
    code, seen = end_of(*at_terminal(rig, "-d", "@-", rig.url("/store/a?status=413&early")))
    ok(code == 0 and b"status 413" in seen, "an early answer ends it, though nobody types", (code, seen))
    code, seen = end_of(*at_terminal(rig, "-d", "@-", "--no-redirect",
                                     rig.url("/store/b?redirect_to=/Nepal&status=307&early")))
    ok(code == 0 and b"moved" in seen, "a redirect is answered, though nobody types", (code, seen))
    pid, fd = at_terminal(rig, "-d", "@-", rig.url("/echo"))
    os.write(fd, b"first\n")
    read_terminal(fd, b"first")
    os.write(fd, b"second\n\x04")
    code, seen = end_of(pid, fd)
    ok(code == 0 and b"first\r\nsecond\r\n" in seen, "what is typed is sent", (code, seen))


def with_terminal(rig, *args):
    """Its standard error is a terminal; gives what it wrote there, its output and its code."""
    here, there = pty.openpty()
    fetch = subprocess.Popen(["transferctl", "fetch", "--allow-insecure", *args], cwd=rig.folder, env=rig.env,
                             stdout=subprocess.PIPE, stderr=there)
    os.close(there)
    return fetch, here


def progress(rig, ok):
    fetch, fd = with_terminal(rig, "-o", "drawn", rig.url("/file?size=1000000&gate=drawn&gate_after=500000&key=drawn"))
    seen = read_terminal(fd, b"%")
    rig.release("drawn")
    seen += read_terminal(fd)
    os.close(fd)
    ok(fetch.stdout.read() == b"" and fetch.wait(60) == 0 and os.path.getsize(os.path.join(rig.folder, "drawn")) == 1000000,
       "a file is saved, with a terminal", seen)
    ok(re.search(rb"\r.* \d+% .*B/s\x1b\[K", seen) and seen.endswith(b"\r\x1b[K"), "its progress is drawn and wiped away", seen)
    fetch, fd = with_terminal(rig, rig.url("/file?size=1000000&seed=3"))
    body = fetch.stdout.read()
    seen = read_terminal(fd)
    os.close(fd)
    ok(fetch.wait(60) == 0 and len(body) == 1000000 and seen == b"", "a body that goes on has no progress beside it", seen)
    fetch, fd = with_terminal(rig, "-q", "-o", "quiet", rig.url("/file?size=1000000&gate=quiet&gate_after=500000&key=quiet"))
    wait_for("the request", lambda: rig.run("list", "--in-app", "--no-legend")[1].strip())
    rig.release("quiet")
    seen = read_terminal(fd)
    os.close(fd)
    ok(fetch.wait(60) == 0 and seen == b"", "-q draws nothing", seen)
    fetch.stdout.close()


def main():
    on_private_bus(__file__)
    tap = Tap()
    rig = Rig(tap)
    for part in (answers, heads, places, sums, slow_readers, interrupted, typed, progress):
        part(rig, tap.ok)
    rig.done()


if __name__ == "__main__":
    main()
