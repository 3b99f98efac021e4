#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each verb of transferctl in a pipe, with the real daemon: exit codes, JSON, plain lines, detaching, a daemon that dies."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unicodedata

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from rig import BUILD, Rig, Tap, on_private_bus, wait_for  # noqa: E402

TASK_KEYS = """id session session_kind kind state sub_state why url name description priority bytes_received
bytes_expected_to_receive bytes_sent bytes_expected_to_send receive_rate send_rate eta_usec attempts next_retry_usec
created_usec started_usec finished_usec response destination path source error last_error""".split()
ERROR_KEYS = "domain code name message hint failing_url resumable".split()

# words, exit status, a pattern in what is printed
WRONG = (
    ("statsu", 2, r'unknown command "statsu".  Did you mean "status" or "stats"\?'),
    ("nix", 2, r"Hint: .*help"),
    ("list --clumns=id", 2, r'did you mean "--columns"'),
    ("list --upload", 2, "list does not have"),
    ("list --json=x", 2, "use one of: off short pretty"),
    ("list --columns=nix", 2, "no column"),
    ("list --sort=nix", 2, "no column"),
    ("list --state=nix", 2, "no state"),
    ("list --state=running,nix", 2, "no state"),
    ("list --kind=nix", 2, "no kind"),
    ("list --timeout", 2, "needs a value"),
    ("list nobody", 4, "no task and no session"),
    ("list 998 999", 4, "no task 998(?s:.*)no task 999"),
    ("status 999", 4, "no task 999"),
    ("show 999", 4, "no task 999"),
    ("show 1 -p Nix", 4, "no property"),
    ("watch 999", 4, "no task 999"),
    ("wait 999", 4, "no task 999"),
    ("wait", 2, "wait needs"),
    ("wait 1 --timeout=soon", 2, "is no time"),
    ("events", 2, "events needs"),
    ("events nobody", 4, "no such session"),
    ("sessions nobody", 2, "takes no argument"),
    ("stats nobody", 2, "takes no argument"),
    ("get", 2, "get needs"),
    ("get -O nowhere https://a.example/1 https://a.example/2", 2, "folder"),
    ("get -o 1 -o 2 https://a.example/1", 2, "more -o than"),
    ("get https://a.example/1 https://b.example/1", 2, "would be saved as"),
    ("add https://a.example/1", 2, "is no list"),
    ("limit taks=1", 2, "did you mean"),
    ("get ftp://a.example/1", 2, "scheme"),
    ("get --checksum=nix https://a.example/1", 2, "sha256:HEX"),
    ("get --priority=2 https://a.example/1", 2, "0.0 to 1.0"),
    ("get --limit-rate=fast https://a.example/1", 2, "500K"),
    ("get --not-before=never https://a.example/1", 2, "tomorrow"),
    ("get -H nix https://a.example/1", 2, "Name: value"),
    ("get --cacert=nowhere https://a.example/1", 9, "cannot read"),
    ("put", 2, "put needs"),
    ("put nowhere https://a.example/", 9, "cannot read nowhere"),
    ("put . https://a.example/", 9, "folder"),
    ("add -i nowhere", 9, "cannot read nowhere"),
    ("cancel", 2, "cancel needs"),
    ("cancel 999", 4, "no such task"),
    ("cancel 'nothing*'", 4, "no task to cancel"),
    ("cancel --all", 2, "--yes"),
    ("remove", 2, "remove needs"),
    ("remove --all", 2, "--yes"),
    ("retry 999", 4, "no such task"),
    ("set 1", 2, "NAME=VALUE"),
    ("set 1 nix=1", 4, "no property"),
    ("set 1 priority=7", 2, "0.0 to 1.0"),
    ("set priority=1", 2, "set needs"),
    ("limit nix=1", 2, "is no limit"),
    ("limit down=fast", 2, "down takes bytes"),
    ("invalidate", 2, "invalidate needs"),
    ("invalidate nobody", 2, "--finish or --cancel"),
    ("invalidate nobody --finish", 4, "no such session"),
    ("invalidate nobody --cancel", 2, "--yes"),
    ("quit", 2, "quit needs"),
    ("quit nobody", 2, "--yes"),
    ("quit nobody --yes", 4, "no such session"),
    ("flush", 2, "flush needs"),
    ("flush nobody", 4, "no such session"),
    ("reset", 2, "reset needs"),
    ("reset nobody", 2, "--yes"),
    ("reset nobody --yes", 4, "no such session"),
    ("cookies", 2, "list or clear"),
    ("cookies eat nobody", 2, "list or clear"),
    ("cookies list", 2, "cookies needs the name"),
    ("cookies list nobody", 4, "no such session"),
    ("cookies clear nobody", 2, "--yes"),
    ("completion", 2, "bash"),
    ("help nix", 2, "unknown command"),
    ("list --metrics", 2, "list does not have --metrics"),
    ("list --all=yes", 2, 'option "--all" takes no value'),
    ("limit down", 2, "write down=VALUE: it takes bytes per second"),
    ("get https://a.example/f -d --session=", 2, "--session needs a name"),
    ("get https://a.example/f -d --checksum=md4:00", 2, "like sha256:HEX"),
    (f"get https://a.example/f -d --description={'n' * 1025}", 2, "--description is too long"),
    ("get https://a.example/f -d --checksum=sha256:00", 2, "with all digits"),
)


def idle(rig, ok):
    code, out, err = rig.run("list")
    ok(code == 0 and "transferd is idle" in err and not out, "list does not start the daemon and says so", err)
    ok(rig.json("list") == [] and rig.json("show") == [], "list and show of an idle daemon are empty arrays")
    ok(rig.json("status")["running"] is False, "status --json says that the daemon does not run")
    code, out, err = rig.run("list", env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus"})
    ok(code == 8, "without a bus: 8", err)
    for words, want, pattern in WRONG:
        if want != 2 or words.startswith("get ftp"):
            continue  # these need an answer of the daemon
        code, out, err = rig.run(*[w.strip("'") for w in words.split()],
                                 env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus"})
        ok(code == 2 and re.search(pattern, err), f"{words}: also without a bus", f"{code}: {out}{err}")


def wrong(rig, ok):
    rig.out("stats")  # starts the daemon: an idle one has no list
    for words, want, pattern in WRONG:
        code, out, err = rig.run(*[w.strip("'") for w in words.split()])
        ok(code == want and re.search(pattern, out + err), f"{words}: {want}", f"{code}: {out}{err}")
        if re.match("list --(json|columns|sort|timeout)", words):
            continue  # mean nothing with -j
        code, out, err = rig.run(*[w.strip("'") for w in words.split()], "-j")
        try:
            found = json.loads(err.splitlines()[0])["error"]
            good = all(k in found for k in ERROR_KEYS)
        except (ValueError, IndexError, KeyError):
            good = False
        ok(code == want and good, f"{words} -j: the error is an object", err)


def start(rig, ok):
    code, out, err = rig.run("get", "--allow-insecure", "-q", "-o", "plain", rig.url("/file?size=3M&seed=1"))
    ok((code, out, err) == (0, f"{rig.folder}/plain\n", ""), "get -q prints exactly the path", (code, out, err))
    code, out, err = rig.run("get", "--allow-insecure", rig.url("/file?size=9"), "-o", "lines")
    ok(code == 0 and re.fullmatch(r"(\d+ (connecting|running|finishing|queued) .*\n)*\d+ done +9 B, saved as \S+/lines\n", err) and
       out == f"{rig.folder}/lines\n", "get in a pipe prints a line per state, and the path", err)
    rows = rig.json("get", "--allow-insecure", rig.url("/file?size=9"), "-o", "j")
    ok(len(rows) == 1 and all(k in rows[0] for k in TASK_KEYS) and rows[0]["destination"] == f"{rig.folder}/j",
       "get --json prints the tasks", rows)
    ok(rig.run("get", "--allow-insecure", "--json", rig.url("/file?size=9"), "-o", "k")[2] == "", "and nothing else")
    code, out, err = rig.run("get", "--allow-insecure", "-q", rig.url("/404"), "-o", "gone")
    ok(code == 6 and not out and "404 Not Found" in err, "a refusal is 6, and prints no path", (code, out, err))
    code, out, err = rig.run("get", "--allow-insecure", "-q", "-o", "plain", rig.url("/file?size=9"))
    ok(code == 9, "a file that is there is not overwritten: 9", err)
    ok(rig.run("get", "-q", "-o", "n", rig.url("/file?size=9"))[0] == 2, "plain http needs --allow-insecure: 2")
    ok(rig.run("get", "-q", "--allow-insecure", "--checksum=sha256:" + 64 * "0", "-o", "n", rig.url("/file?size=9"))[0]
       == 12, "a wrong checksum: 12")
    ok(rig.run("get", "-q", "--allow-insecure", "--timeout=300ms", "-o", "n", rig.url("/file?hang"))[0] == 3, "--timeout: 3")
    rig.out("cancel", "@last")
    code, out, err = rig.run("get", "-n", "https://a.example/f", "-o", "dry")
    ok((code, out) == (0, f"https://a.example/f -> {rig.folder}/dry\n"), "get --dry-run says what would happen", out)
    ok(rig.json("get", "-n", "https://a.example/f")[0]["url"] == "https://a.example/f", "also as JSON")
    task = rig.json("get", "-d", "--suspended", "https://a.example/f", "-o", "later")[0]["id"]
    ok(rig.show(task, "SubState") == "suspended", "get --suspended makes a task and returns")
    ok(rig.run("wait", task)[0] == 7, "wait for a suspended task: 7")
    code, out, err = rig.run("put", "--allow-insecure", "plain", rig.url("/store/"))
    ok(code == 0 and "201 Created, " in err and "/store/plain" in err and not out, "put adds the name to a slash", err)
    rows = rig.json("put", "--allow-insecure", "plain", "lines", rig.url("/store/"))
    ok([r["kind"] for r in rows] == ["upload"] * 2 and rows[0]["bytes_sent"] == 3 << 20, "put --json prints the tasks")
    ok(rig.run("put", "-q", "--allow-insecure", "plain", rig.url("/store/a?status=403"))[0] == 6, "put that is refused: 6")


def add_while_it_reads(rig, ok):
    early = os.path.join(rig.folder, "early")
    os.mkdir(early)
    with subprocess.Popen(["transferctl", "add", "--allow-insecure", "-q"], cwd=rig.folder, env=rig.env, text=True,
                          stdin=subprocess.PIPE) as p:
        p.stdin.write("".join(f"{rig.url('/file?size=1&n=')}{i}\tearly/{i}\n" for i in range(300)))
        p.stdin.flush()
        wait_for("the first files", lambda: len(os.listdir(early)) == 256)
        p.stdin.close()
        ok(p.wait() == 0, "add begins before it has read the list")
    wait_for("all files", lambda: len(os.listdir(early)) == 300)


def add(rig, ok):
    lines = f"{rig.url('/file?size=5')}\n# a comment\n\n{rig.url('/file?size=6')}\tadded\n" + \
        json.dumps({"url": rig.url("/file?size=7"), "destination": "added-json", "description": "mine"}) + "\n"
    out = rig.out("add", "--allow-insecure", "-o", rig.folder, stdin=lines).split()
    ok(len(out) == 3 and rig.run("wait", *out)[0] == 0, "add takes URLs, files and JSON lines", out)
    sizes = [os.path.getsize(os.path.join(rig.folder, f)) for f in ("file", "added", "added-json")]
    ok(sizes == [5, 6, 7], "and each goes where it should", sizes)
    ok(rig.show(out[2], "Description") == "mine", "with what the JSON line says")
    ids = rig.json("add", "--allow-insecure", "--upload", stdin=f"{rig.url('/store/x')}\tadded\n")
    ok(rig.run("wait", *ids)[0] == 0 and rig.show(ids[0], "Kind") == "upload", "add --upload takes URL and source")
    code, out, err = rig.run("add", stdin='{"url":"https://a.example/","nix":1}\n')
    ok(code == 2 and "line 1: unknown key" in err and "queued" not in err, "add names the line that is wrong", err)
    code, out, err = rig.run("add", "--suspended", "-q", stdin="https://a.example/\ttoo-late\n" * 300 + "nix\n")
    ok(code == 2 and not out and "line 301: " in err and "256 tasks are queued; nothing from line 257 on" in err,
       "and what was queued before it", err)
    rig.out("cancel", "--state=suspended", "--yes")
    os.mkdir(os.path.join(rig.folder, "many"))
    lines = "".join(f"{rig.url('/file?size=1&n=')}{i}\tmany/{i}\n" for i in range(3000))
    begin = time.monotonic()
    code, out, err = rig.run("add", "--allow-insecure", "-q", stdin=lines)
    ok(code == 0 and not out and not err, "add -q of 3000 lines says nothing", err)
    code = rig.run("wait", "--session=cli", "--state=running", "--timeout=60s")[0]
    ok(code == 0 and len(os.listdir(os.path.join(rig.folder, "many"))) == 3000, "and all of it arrives", code)
    print(f"# 3000 in {time.monotonic() - begin:.1f} s")
    add_while_it_reads(rig, ok)

    code, out, err = rig.run("add", "-n", "-O", "many", stdin="https://a.example/f\nhttps://a.example/g\tx\n")
    ok((code, out) == (0, f"https://a.example/f -> {rig.folder}/many/f\nhttps://a.example/g -> {rig.folder}/x\n"),
       "add --dry-run says what would happen", (code, out, err))
    code, out, err = rig.run("add", "-q", stdin="https://a.example/1\there\n" * 3 + "ftp://a.example/2\tthere\n")
    ok(code == 2 and "line 4: " in err, "add names the line that the daemon refuses", err)


def journal(rig, ok):
    """A stand-in for journalctl, for there is no journal on a private bus."""
    tools = os.path.join(rig.folder, "tools")
    os.mkdir(tools)
    lines = [{"__REALTIME_TIMESTAMP": str(1780394467000000 + i), "_PID": "812", "PRIORITY": "6",
              "MESSAGE": f"task {1 + i % 2}: line {i}\033[31m" if i else "network is up"} for i in range(40)]
    with open(os.path.join(tools, "journalctl"), "w") as f:
        f.write("#!/bin/sh\nprintf '%s\\n' \"$*\" >>" + tools + "/calls\ncat <<'E'\n" +
                "".join(json.dumps(line) + "\n" for line in lines) + "E\n")
    os.chmod(f.name, 0o755)
    env = {"PATH": tools + ":" + rig.env["PATH"], "TZ": "UTC"}
    code, out, err = rig.run("status", 1, env=env)
    found = re.findall(r"^Jun 02 10:01:07 transferd\[812\]: task 1: line (\d+)\\x1b", out, re.M)
    ok(code == 0 and found == [str(i) for i in range(20, 40, 2)], "status ends with the task's last ten lines", out)
    code, out, err = rig.run("log", 2, "-n", 3, "--since=today", env=env)
    ok(code == 0 and [line.split()[7] for line in out.splitlines()] == [f"{n}\\x1b[31m" for n in (35, 37, 39)],
       "log prints the last lines", out)
    rows = json.loads(rig.run("log", "-j", env=env)[1])
    ok(len(rows) == 40 and rows[0]["id"] is None and rows[1]["id"] == 2 and rows[1]["priority"] == 6, "log --json", rows[:2])
    with open(os.path.join(tools, "calls")) as f:
        calls = f.read()
    ok("--since=today" in calls and r"--grep=\btask (2)\b" in calls and "--user-unit=transferd.service" in calls,
       "journalctl is asked for what is wanted", calls)
    code, out, err = rig.run("log", env={"PATH": os.path.dirname(shutil.which("transferctl"))})
    ok(code == 1 and "journalctl cannot be run" in err, "log without journalctl says so", err)
    ok(rig.run("status", 1, env={"PATH": os.path.dirname(shutil.which("transferctl"))})[0] == 0, "status does without")


def look(rig, ok):
    begin = time.monotonic()
    rows = rig.json("list", "--all")
    ok(len(rows) > 3000 and time.monotonic() - begin < 10, "list --all --json has them all")
    ok(all(k in rows[0] for k in TASK_KEYS), "with the keys of the manual", rows[0])
    code, out, err = rig.run("list", "--all", "--no-legend", "--plain", "--columns=id,state", "--sort=id", "-r")
    ids = [int(line.split()[0]) for line in out.splitlines()]
    ok(ids == sorted(ids, reverse=True) and len(ids) == len(rows), "columns, order and no legend")
    weird = rig.out("get", "-d", "--suspended", "https://a.example/f", "-o", "we\033[31mird\u202ename")
    code, out, err = rig.run("list")
    ok("\033" not in out and "\u202e" not in out and "ird" in out, "names cannot send sequences to the terminal", out)
    code, out, err = rig.run("status", weird)
    ok("\033" not in out and "\u202e" not in out, "nor in status", out)
    long = "https://a.example/" + "x" * 2000
    task = rig.out("get", "-d", "--suspended", long, "-o", "long")
    ok(rig.out("list", task, "--no-legend", "--plain", "--columns=url") == long, "a long URL is whole in a pipe")
    code, out, err = rig.run("list", env={"LC_ALL": "C"})
    ok(all(ord(c) < 128 for c in out), "without UTF-8 only ASCII", out)
    code, out, err = rig.run("list", "--color=always", env={"NO_COLOR": "1"})
    ok("\033[" in out, "--color wins over NO_COLOR")
    ok("\033[" not in rig.run("list", env={"NO_COLOR": "1", "CLICOLOR_FORCE": "1"})[1], "NO_COLOR over CLICOLOR_FORCE")
    one, two = rig.json("status", 1), rig.json("show", 1, 2)
    ok(one["id"] == 1 and [t["id"] for t in two] == [1, 2], "one number is an object, several are an array")
    ok(rig.out("show", 1, "-p", "Id,State", "--value") == "1\ncompleted", "show -p --value")
    ok(rig.out("list", "@last", "--no-legend", "--plain", "--columns=id") == str(task), "@last is the newest")
    ok(rig.out("list", f"cli/{task}", "--no-legend", "--plain", "--columns=id") == str(task), "SESSION/ID")
    number = rig.out("sessions", "--no-legend", "--columns=number")
    ok(number == "#1" and "cli" in rig.out("list", number, "--all", "--no-legend", "--columns=session").split() and
       rig.json("flush", number, "-n")["session"] == "cli" and rig.out("events", number, "-j") != "", "#NUMBER is a session")
    ok(rig.run("events", "#77")[0] == 4 and rig.run("list", "--session=#77")[0] == 4, "#NUMBER that is not there: 4")
    ok(rig.run("list", "cli/9999999")[0] == 4, "SESSION/ID that is not there: 4")
    ok("cli" in rig.out("sessions") and rig.json("sessions")[0]["session"] == "cli", "sessions")
    ok(rig.json("stats")["tasks_completed"] > 3000, "stats --json")
    metrics = rig.out("stats", "--metrics")
    ok(all(re.fullmatch(r'# (HELP|TYPE) .*|[a-z_]+(\{[a-z]+="[a-z]+"\})? \d+', m) for m in metrics.splitlines()),
       "stats --metrics is Prometheus text", metrics)
    events = [json.loads(e) for e in rig.out("events", "cli", "-j").splitlines()]
    ok(len(events) > 3000 and all(k in events[0] for k in ("seq", "id", "time_usec", "event", "path", "status", "error")),
       "events --json are lines", events[:1])
    ok(rig.json("version")["transferctl"] and "transferd" in rig.out("--version"), "version")
    ok(any(c["command"] == "get" for c in rig.json("help")), "help --json")
    ok(rig.run("list", "--json=pretty")[1].startswith("[\n") and isinstance(
        json.loads(rig.run("list", "--json=pretty")[1]), list), "list --json=pretty")
    ok(rig.run("list", "-j", env={"TRANSFER_JSON": "off"})[1].startswith("["), "-j wins over TRANSFER_JSON")


def reasons(rig, ok):
    """Why a task waits, in list, status and JSON."""
    retry = rig.get("/file?status=503&retry_after=600", "-o", "w1", "--retry-http-errors")
    date = rig.get("/file?size=9", "-o", "w2", "--not-before=+2h")
    wait_for("retry", lambda: rig.show(retry, "SubState") == "waiting-retry")
    rig.out("limit", "tasks=1")
    slot = rig.get("/file?size=1M&gate=slot&gate_after=1000", "-o", "w3")
    wait_for("running", lambda: rig.show(slot, "SubState") == "transferring")
    queued = rig.get("/file?size=9", "-o", "w4")
    for task, sub_state, reason, text in (
            (retry, "waiting-retry", "retry", "503, next try in"), (date, "waiting-date", "date", "starts "),
            (queued, "queued", "slot", "waits for a slot")):
        row = rig.json("show", task)
        ok((row["sub_state"], row["why"]) == (sub_state, [reason]), f"{sub_state} says why as JSON", row["why"])
        ok(text in rig.out("list", task) and text in rig.out("status", task), f"{sub_state} says why in list and status")
    ok(rig.json("limit", "mode=paused")["mode"] == "paused", "limit --json prints what is set now")
    wait_for("paused", lambda: rig.show(slot, "SubState") == "waiting-mode")
    ok("the service is paused" in rig.out("list", slot) and "paused" in rig.out("status"), "a paused service says so")
    code, out, err = rig.run("list", date, retry)
    ok("starts -" not in out and "in 0:00" not in out and out.count("paused") == 2, "also of tasks with a date", out)
    rig.out("limit", "mode=running", "tasks=32", "down=0")
    ok(rig.json("limit")["down"] is None, "no limit is null")
    rig.release("slot")
    ok(rig.run("wait", slot, queued)[0] == 0, "and goes on")
    rig.out("cancel", retry, date)


def streams(rig, ok):
    """Where the output goes that nobody can take: never into a connection or a file, and never unsaid."""
    def shell(words):
        done = subprocess.run(["sh", "-c", words, "sh", rig.url("/file?size=70000&seed=1")], cwd=rig.folder, env=rig.env,
                              capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr
    code, err = shell("transferctl list --all >/dev/full")
    ok(code == 1 and "cannot write the output" in err, "a full disk is told", err)
    code, err = shell("transferctl help >/dev/full")
    ok(code == 1 and "No space left on device" in err, "with the reason, where it is known", err)
    code, err = shell("transferctl list --all >&-")
    ok(code == 1 and "cannot write the output" in err, "a closed stdout is told", err)
    code, err = shell('transferctl get --progress=plain -q --allow-insecure -o closed "$1" <&- >&- 2>&-')
    ok(code == 1 and os.path.getsize(f"{rig.folder}/closed") == 70000, "a get without any stream gets its file", code)
    # a daemon on a bus of its own: none of its files is stderr
    daemon = subprocess.Popen(["dbus-run-session", "--", "sh", "-c", 'echo $$; exec "$0" --state-dir="$1" <&- >&- 2>&-',
                               os.path.join(os.path.realpath(BUILD), "transferd"), f"{rig.folder}/state"],
                              stdout=subprocess.PIPE, text=True)
    pid = int(daemon.stdout.readline())
    wait_for("the database", lambda: os.path.exists(f"{rig.folder}/state/queue.db"))
    ok([os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3, "transferd fills its streams")
    os.kill(pid, signal.SIGTERM)
    daemon.wait(60)


def steer(rig, ok):
    a = rig.get("/file?size=1M&gate=a&gate_after=1000&seed=3", "-o", "s1", "--session=steer")
    b = rig.get("/file?size=9", "-o", "s2", "--suspended", "--session=steer")
    rows = rig.json("suspend", "steer", "-n")
    ok(rows == {"command": "suspend", "dry_run": True, "ids": [a], "failures": []}, "a session: the tasks that run", rows)
    ok(rig.out("resume", "steer", "-n") == f"resume {b}", "or those that are suspended")
    ok(rig.json("suspend", a)["ids"] == [a] and rig.show(a, "SubState") == "suspended", "suspend")
    code, out, err = rig.run("remove", a)
    ok(code == 1 and "has not finished" in err and "Hint:" in err, "remove of an unfinished task says what to do", err)
    code, out, err = rig.run("suspend", a, 9999999, "-j")
    ok(code == 4 and json.loads(out)["ids"] == [a] and json.loads(out)["failures"][0]["id"] == 9999999,
       "the others still happen; failures are named", out)
    ok(rig.json("set", a, "priority=0.9", "description=x", "rate=1M")["ids"] == [a] and
       rig.json("show", a)["priority"] == 0.9, "set")
    ok(rig.run("cancel", "--session=steer")[0] == 2, "cancel of a whole session wants a confirmation")
    ok(rig.json("cancel", "--session=steer", "--yes")["ids"] == [a, b], "and takes --yes")
    ok(rig.run("wait", a, b)[0] == 7 and rig.show(a, "SubState") == "cancelled", "wait for a cancelled task: 7")
    rig.release("a")
    ok(rig.json("retry", "steer")["ids"] == [a, b] and rig.run("wait", a, b)[0] == 0, "retry of a session")
    code, out, err = rig.run("retry", a)
    ok(code == 1 and "has succeeded" in err, "retry of what has succeeded", err)
    ok(rig.json("remove", "steer")["ids"] == [a, b] and rig.run("show", a)[0] == 4, "remove of a session")
    ok(rig.run("remove", "--all", "-n", "--state=failed")[0] == 0, "remove --all --dry-run asks nothing")
    ok(rig.json("cookies", "list", "steer") == [] and "0 cookies" in rig.run("cookies", "list", "steer")[1], "cookies list")
    ok(rig.json("flush", "steer")["command"] == "flush" and rig.run("reset", "steer", "-n")[1] == "reset steer\n", "flush; reset --dry-run")
    ok(rig.json("reset", "steer", "--yes")["session"] == "steer" and rig.run("cookies", "clear", "steer", "--yes")[0] == 0, "reset; cookies clear")
    ok(rig.json("invalidate", "steer", "--cancel", "--yes")["session"] == "steer", "invalidate --json")
    ok(all(s["session"] != "steer" for s in rig.json("sessions")), "and its name is free again")


def interrupted(rig, ok, words, want_text):
    before = rig.json("stats")["tasks_total"]
    p = rig.start(*words)
    if words[0] in ("get", "put"):
        wait_for("the task", lambda: rig.json("stats")["tasks_total"] > before)
    line = p.stderr.readline() if words[0] != "wait" else ""
    if words[0] == "wait":
        wait_for("its handler", lambda: handles_sigint(p.pid))
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30)
    ok(p.returncode == 130 and want_text in line + err, f"Ctrl-C in {words[0]}: 130", (p.returncode, line + err))


def handles_sigint(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"SigCgt:\s*(\w+)", f.read())[1], 16) >> (signal.SIGINT - 1) & 1


def detach(rig, ok):
    gate = "size=1M&gate=d&gate_after=1000"
    insecure = "--allow-insecure"
    interrupted(rig, ok, ("get", insecure, "-o", "d1", rig.url(f"/file?{gate}")), "Still running in the background: ")
    task = rig.json("list")[-1]["id"]
    interrupted(rig, ok, ("watch", task), f"transferctl cancel {task}")
    interrupted(rig, ok, ("wait", task), "")
    interrupted(rig, ok, ("put", insecure, "plain", rig.url(f"/upload?{gate}")), "transferctl watch ")
    interrupted(rig, ok, ("get", insecure, "--cancel-on-interrupt", "-o", "d2", rig.url(f"/file?{gate}&seed=2")), "Cancelled")
    wait_for("cancelled", lambda: rig.json("list", "--all")[-1]["sub_state"] == "cancelled")
    rig.release("d")
    ok(rig.run("wait", task)[0] == 0, "what was left goes on")


def daemon_dies(rig, ok):
    gate = "/file?size=1M&gate=k&gate_after=1000"
    task = rig.get(gate, "-o", "k1")
    # with the suspended ones gone, wait --all waits for this one only
    rig.run("cancel", "--state=suspended", "--yes")
    rig.run("remove", "--all", "--yes")
    waits = [rig.start("wait", task), rig.start("wait", "--all"), rig.start("watch", task),
             rig.start("get", "--allow-insecure", "-o", "k2", rig.url(gate + "&seed=2"))]
    wait_for("both", lambda: len(rig.json("list")) == 2)
    for _ in range(2):
        wait_for("running", lambda: {t["sub_state"] for t in rig.json("list")} == {"transferring"})
        rig.kill_daemon()
    wait_for("running", lambda: {t["sub_state"] for t in rig.json("list", "--all")} == {"transferring"})
    ok(all(w.poll() is None for w in waits), "wait, wait --all, watch and get survive two deaths of the daemon",
       [w.poll() for w in waits])
    rig.release("k")
    for name, w in zip(("wait", "wait --all", "watch", "get"), waits):
        out, err = w.communicate(timeout=60)
        ok(w.returncode == 0, f"{name} ends well", (w.returncode, err))


def wait_all_and_cancel(rig, ok):
    rig.run("remove", "--all", "--yes")
    task = rig.get("/file?size=1M&gate=w&gate_after=1000", "-o", "w1")
    with subprocess.Popen(["dbus-monitor", "--session", "member='GetStatistics'"], stdout=subprocess.PIPE,
                          text=True) as monitor:
        # the monitor says so once it listens; then the first question is that of wait
        while "NameLost" not in monitor.stdout.readline():
            pass
        w = rig.start("wait", "--all")
        while "member=GetStatistics" not in monitor.stdout.readline():
            pass
        monitor.kill()
    rig.out("cancel", task)
    w.communicate(timeout=60)
    ok(w.returncode == 7, "wait --all: cancelled while waiting is 7, not failed", w.returncode)
    stats = rig.json("stats")
    ok(stats["tasks_failed"] == 0 and stats["tasks_cancelled"] == 1, "cancelled tasks have not failed", stats)
    ok(rig.run("wait", "--all")[0] == 0, "wait --all: what was cancelled before does not count")


def taken_place(rig, ok):
    task = rig.get("/file?size=1M&gate=q&gate_after=1000", "-o", "q1")
    wait_for("running", lambda: rig.json("list")[0]["sub_state"] == "transferring")
    with open(f"{rig.folder}/q1", "w", encoding="ascii") as file:
        file.write("mine")
    rig.release("q")
    wait_for("end", lambda: rig.json("list", "--all")[-1]["state"] == "completed")
    line = [x for x in rig.out("status", task).splitlines() if "(-3005)" in x]
    ok(len(line) == 1 and line[0].count("File exists") == 1, "an error says its words once", line)


def watch(rig, ok):
    task = rig.get("/file?size=1M&gate=r&gate_after=1000", "-o", "r1")
    p = rig.start("watch", "--json")
    first = json.loads(p.stdout.readline())
    ok(first["id"] == task, "watch --json prints a line for each task", first)
    new = rig.get("/file?size=1M&gate=r&gate_after=1000&seed=9", "-o", "r2")
    line = json.loads(p.stdout.readline())
    while line["id"] != new:
        line = json.loads(p.stdout.readline())
    ok(line["name"] == "r2", "also for one that is made meanwhile")
    rig.out("cancel", new)
    rig.out("remove", new) if wait_for("end", lambda: rig.show(new, "State") == "completed") else None
    rig.release("r")
    rest = p.communicate(timeout=60)[0].splitlines()
    ok(json.loads(rest[-1])["sub_state"] in ("done", "cancelled") and p.returncode in (1, 4, 7),
       "and ends when all have ended or were removed", p.returncode)
    p = rig.start("monitor", "--json")
    wait_for("its handler", lambda: handles_sigint(p.pid))
    task = rig.get("/file?size=9", "-o", "r3")
    line = json.loads(p.stdout.readline())
    while line["id"] != task:
        line = json.loads(p.stdout.readline())
    ok(all(k in line for k in ("time_usec", "id", "state", "sub_state")), "monitor --json prints changes", line)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=30)
    ok(p.returncode == 130, "Ctrl-C in monitor: 130", p.returncode)
    p = rig.start("events", "cli", "-f", "-j")
    wanted = rig.get("/file?size=9", "-o", "r4")
    line = json.loads(p.stdout.readline())
    while line["id"] != wanted:
        line = json.loads(p.stdout.readline())
    p.kill()
    p.communicate()
    ok(line["event"].startswith("Did"), "events -f follows", line)


# What each command prints as JSON: words, and whether it prints lines. Others must complain in JSON.
JSON = {
    "list": ("list --all", False), "status": ("status", False), "show": ("show {done}", False),
    "watch": ("watch --timeout=300ms", True), "wait": ("wait {done}", False), "log": ("log", False),
    "events": ("events cli", True), "sessions": ("sessions", False), "stats": ("stats", False),
    "monitor": ("monitor --timeout=100ms", True), "get": ("get -n https://a.example/f -o json-f", False),
    "put": ("put -n plain https://a.example/", False), "add": ("add -n -i {list}", False),
    "resume": ("resume {open}", False), "suspend": ("suspend {open}", False), "cancel": ("cancel -n {open}", False),
    "retry": ("retry -n {done}", False), "remove": ("remove -n {done}", False), "set": ("set {open} priority=0.7", False),
    "limit": ("limit", False), "invalidate": ("invalidate -n cli --finish", False), "help": ("help get", False),
    "version": ("version", False), "completion": ("completion zsh", False),
    "cookies": ("cookies list cli", False), "flush": ("flush -n cli", False), "reset": ("reset -n cli", False),
    "quit": ("quit -n transferctl", False),
}


def check_json(value, where, bad):
    """snake_case keys; what is not known is null, never -1 or an empty string; no number is a string."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not re.fullmatch("[a-z][a-z0-9_]*", key):
                bad.append(f"{where}: key {key}")
            if isinstance(inner, int) and inner < 0 and key != "code":
                bad.append(f"{where}.{key}: {inner}")
            if inner == "" or (key.endswith(("_usec", "bytes", "id")) and isinstance(inner, (str, float))
                               and key != "app_id"):
                bad.append(f"{where}.{key}: {inner!r}")
            if key.endswith("url") and isinstance(inner, str) and "@" in inner:
                bad.append(f"{where}.{key}: {inner}")
            check_json(inner, f"{where}.{key}", bad)
    elif isinstance(value, list):
        for inner in value:
            check_json(inner, where, bad)


def json_everywhere(rig, ok):
    done = rig.get("/file?size=9", "-o", "json-done")
    rig.run("wait", done)
    secret = rig.base.replace("://", "://me:word@") + "/file?size=9"
    words = {"done": done, "open": int(rig.out("get", "-d", "--suspended", "https://a.example/f", "-o", "json-open")),
             "list": "json-list"}
    rig.run("get", "--allow-insecure", "-d", "--suspended", "-o", "json-secret", secret)
    with open(os.path.join(rig.folder, "json-list"), "w") as f:
        f.write("https://a.example/1\n")
    env = {"PATH": os.path.join(rig.folder, "tools") + ":" + rig.env["PATH"]}
    for name in [c["command"] for c in rig.json("help")]:
        line, is_lines = JSON.get(name, (name, False))
        code, out, err = rig.run(*line.format(**words).split(), "-j", env=env)
        bad = []
        try:
            found = [json.loads(one) for one in (out.splitlines() if is_lines else [out or err])]
            check_json(found, name, bad)
        except ValueError as e:
            bad.append(str(e))
        ok(not bad and code in ((0, 3) if name in JSON else (0, 2)), f"{name} --json", (code, bad, out[:300], err))
    ok("word" not in rig.out("list", "--all") and "word" not in rig.out("status", "@last"), "URLs are shown without passwords")
    rig.out("cancel", "--state=suspended", "--yes")


def pipes(rig, ok):
    rig.out("add", "--suspended", "-q", stdin="".join(f"https://a.example/{i}\tpipes/{i}\n" for i in range(3000)))
    for words in ("list", "list -j", "show --all", "list --sort=name"):
        done = subprocess.run(["bash", "-c", f"transferctl {words} | head -n 1; echo ${{PIPESTATUS[0]}}"], cwd=rig.folder,
                              env=rig.env, capture_output=True, text=True, timeout=60)
        ok(done.stderr == "" and done.stdout.splitlines()[-1] in ("0", "141"), f"{words} | head is quiet", done)
    names = ["narrow", "日本語ファイル", "e\u0301te\u0301", "zero\u200bwidth", "tab\there"]
    tasks = [rig.out("get", "-d", "--suspended", "https://a.example/f", "-o", name) for name in names]
    out = rig.out("list", *tasks, "--no-legend", "--plain", "--columns=name,state").splitlines()

    def columns(text):
        return sum(0 if unicodedata.combining(c) or c == "\u200b" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
                   for c in text)
    at = {columns(line[:line.index("suspended")]) for line in out}
    ok(len(at) == 1, "wide letters and combining marks are aligned", out)
    rig.out("cancel", "--state=suspended", "--yes")


def completion(rig, ok):
    script = rig.out("completion", "bash") + """
complete_it() { COMP_WORDS=(transferctl "$@"); COMP_CWORD=$#; _transferctl 2>/dev/null; echo "${COMPREPLY[*]}"; }
complete_it stat; complete_it list --col; complete_it limit up; complete_it events cl; complete_it completion f"""
    done = subprocess.run(["bash", "-c", script], env=rig.env, cwd=rig.folder, capture_output=True, text=True)
    ok(done.stdout.splitlines() == ["status stats", "--color= --columns=", "up=", "cli", "fish"],
       "bash completes commands, options, limits and sessions", done.stdout + done.stderr)


def quits(rig, ok):
    """All work of an application, in all its sessions; another's is not touched (and this is the last part: it is ours)."""
    tasks = [rig.get("/file?hang", "-o", f"quit{i}", f"--session=quit{i}") for i in range(3)]
    ok(rig.out("quit", "transferctl", "-n") == "quit transferctl" and rig.show(tasks[0], "State") == "running", "quit --dry-run")
    done = rig.json("quit", "transferctl", "--yes")
    ok(done["app_id"] == "transferctl" and done["tasks"] >= 3 and not done["dry_run"], "quit --json", done)
    ok(rig.run("wait", *tasks)[0] == 7, "all its tasks end as cancelled ones")
    ok({f"quit{i}" for i in range(3)} <= {s["session"] for s in rig.json("sessions")}, "its sessions stay")


def main():
    on_private_bus(__file__)
    tap = Tap()
    rig = Rig(tap)
    for part in (idle, wrong, start, add, journal, look, reasons, steer, detach, daemon_dies, wait_all_and_cancel,
                 taken_place, watch, json_everywhere, pipes, streams, completion, quits):
        begin = time.monotonic()
        try:
            part(rig, tap.ok)
        except (RuntimeError, TimeoutError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as e:
            tap.ok(False, part.__name__, repr(e))
        print(f"# {part.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
    rig.done()


main()
