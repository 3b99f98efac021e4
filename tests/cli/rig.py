# SPDX-License-Identifier: MIT
"""What the tests of transferctl share: a private bus with transferd on it, the scripted origin, and runs of the program."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../arch"))
from tap import BUILD, SOURCE, Tap  # noqa: E402

DEADLINE_S = 60
PLAIN_ENV = ("NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "TRANSFER_JSON", "TRANSFER_COLORS", "TRANSFER_PROGRESS",
             "TRANSFER_PAGER", "PAGER", "TRANSFER_LESS", "LESS", "SUDO_UID")


def on_private_bus(script):
    """Starts the script again on a bus of its own; its daemons end with it."""
    if os.environ.get("TRANSFERD_RUN_DIR"):
        return
    dev = os.path.join(os.path.realpath(SOURCE), "dev")
    os.execv(dev, [dev, "run", "--build", os.path.realpath(BUILD), "--", sys.executable, os.path.realpath(script)])


def wait_for(what, test, seconds=DEADLINE_S):
    end = time.monotonic() + seconds
    while not (found := test()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
    return found


class Rig:
    def __init__(self, tap):
        self.tap = tap
        self.folder = tempfile.mkdtemp(dir=os.environ["TRANSFERD_RUN_DIR"])
        self.env = {k: v for k, v in os.environ.items() if k not in PLAIN_ENV}
        self.env.update(LC_ALL="C.UTF-8", TERM="xterm")
        self.origin = subprocess.Popen([os.path.join(os.path.realpath(BUILD), "tests/origin"), "--stdin"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base = self.origin.stdout.readline().strip()

    def done(self):
        self.origin.stdin.close()
        self.origin.wait()
        self.tap.done()

    def url(self, rest):
        return self.base + rest

    def release(self, gate):
        urllib.request.urlopen(self.url(f"/_release?gate={gate}")).read()

    def start(self, *args, **more):
        env = dict(self.env, **more.pop("env", {}))
        return subprocess.Popen(["transferctl", *map(str, args)], cwd=self.folder, env=env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def run(self, *args, stdin=None, env=None):
        """(exit status, stdout, stderr)"""
        done = subprocess.run(["transferctl", *map(str, args)], cwd=self.folder, env=dict(self.env, **(env or {})),
                              input=stdin or "", capture_output=True, text=True, timeout=DEADLINE_S)
        return done.returncode, done.stdout, done.stderr

    def out(self, *args, **more):
        """stdout; the run must succeed"""
        code, out, err = self.run(*args, **more)
        if code:
            raise RuntimeError(f"{args}: {code}: {err}")
        return out.strip()

    def json(self, *args, **more):
        return json.loads(self.out(*args, "--json=short", **more))

    def get(self, rest, *args):
        """the number of a download that goes on in the background"""
        return int(self.out("get", "--allow-insecure", "-d", *args, self.url(rest)))

    def show(self, task, name):
        return self.out("show", task, "-p", name, "--value")

    def daemon_pid(self):
        with open(os.path.join(os.environ["TRANSFERD_RUN_DIR"], "daemon.pids")) as f:
            return int(f.read().split()[-1])

    def kill_daemon(self):
        os.kill(self.daemon_pid(), signal.SIGKILL)
