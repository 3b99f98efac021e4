#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The main job against nginx: a big download and an upload that outlive their client and two deaths of the daemon.

Once over HTTP/1.1, once over HTTP/2 with TLS and a private CA; the C example does the same through libtransfer.
MAIN_JOB_MIB is the size of the download (256), MAIN_JOB_PUT_MIB of the upload (200).
"""
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../arch"))
from tap import BUILD, SOURCE, Tap  # noqa: E402

MIB = 1 << 20
GET_BYTES = int(os.environ.get("MAIN_JOB_MIB", "256")) * MIB
PUT_BYTES = int(os.environ.get("MAIN_JOB_PUT_MIB", "200")) * MIB
RATE = f"{max(GET_BYTES // (4 * MIB), 1)}m"  # four seconds for the download: the deaths hit
DEATH_BYTES = 64 * MIB + GET_BYTES // 20  # what a death inside a sync may cost: one checkpoint and 5 %
if "CK_TIMEOUT_MULTIPLIER" in os.environ:  # a daemon with a sanitizer is late with its checkpoints
    DEATH_BYTES *= 2
DEADLINE_S = 300
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
EXAMPLE = os.path.join(BUILD, "examples/bg_download")

CONFIG = """
daemon off; master_process off; pid {f}/nginx.pid; error_log {f}/nginx.err; worker_rlimit_nofile 512;
events {{ worker_connections 256; }}
http {{
  default_type application/octet-stream; client_max_body_size 0; client_body_temp_path {f}/tmp; proxy_temp_path {f}/tmp;
  fastcgi_temp_path {f}/tmp; uwsgi_temp_path {f}/tmp; scgi_temp_path {f}/tmp;
  log_format c '$request_method $uri $server_protocol $status $body_bytes_sent "$http_range"'; access_log {f}/access c;
  ssl_certificate {f}/server.pem; ssl_certificate_key {f}/server.key;
  server {{ listen 127.0.0.1:{plain}; root {f}/www; dav_methods PUT; limit_rate {rate}; }}
  server {{ listen 127.0.0.1:{tls} ssl http2; server_name localhost; root {f}/www; dav_methods PUT; limit_rate {rate}; }}
}}
"""
CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=private CA' \
  -addext basicConstraints=critical,CA:TRUE &&
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost &&
echo subjectAltName=DNS:localhost >ext &&
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile ext
"""


def wait_for(what, test):
    end = time.monotonic() + DEADLINE_S
    while not (found := test()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def make_file(path, size):
    """Content that differs in every block."""
    with open(path, "wb") as f:
        for n in range(size // MIB):
            f.write(hashlib.shake_256(b"%d" % n).digest(4096) * 256)


class Origin:
    def __init__(self, folder):
        self.folder = folder
        for name in ("tmp", "www"):
            os.mkdir(os.path.join(folder, name))
        subprocess.run(["sh", "-c", CERTIFICATES], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        for _ in range(5):  # another program may take a port that was free
            self.plain, self.tls = free_port(), free_port()
            conf = os.path.join(folder, "nginx.conf")
            with open(conf, "w", encoding="utf-8") as f:
                f.write(CONFIG.format(f=folder, plain=self.plain, tls=self.tls, rate=RATE))
            self.process = subprocess.Popen([NGINX, "-p", folder, "-c", conf], stderr=subprocess.DEVNULL)
            wait_for("nginx", lambda: self.process.poll() is not None or answers(self.tls))
            if self.process.poll() is None:
                return
        raise RuntimeError("nginx does not start")

    def log(self, method, path):
        with open(os.path.join(self.folder, "access"), encoding="utf-8") as f:
            return [line.split() for line in f if line.startswith(f"{method} {path} ")]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def ctl(*words, check=True):
    done = subprocess.run(["transferctl", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"transferctl {' '.join(words)}: {done.returncode} {done.stdout}{done.stderr}")
    return done.stdout.strip()


def moved(task, member):
    try:
        return int(ctl("show", task, "-p", member, "--value"))
    except (RuntimeError, ValueError):  # on its way back
        return 0


def daemon_pids():
    with open(os.path.join(os.environ["TRANSFERD_RUN_DIR"], "daemon.pids"), encoding="utf-8") as f:
        return [int(line) for line in f]


def kill_daemon():
    """SIGKILL; returns when the process is gone. Whoever asks next makes the bus start another."""
    pid = daemon_pids()[-1]
    os.kill(pid, signal.SIGKILL)
    wait_for("the end of the daemon", lambda: not os.path.exists(f"/proc/{pid}/exe") or zombie(pid))


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def is_syncing(path):
    """Is its part marked? A death then costs a checkpoint (engine/disk-file.h), and on a busy machine a sync takes long."""
    folder, name = os.path.split(path)
    parts = [os.path.join(folder, f) for f in os.listdir(folder) if f.startswith(f".{name}.") and f.endswith(".part")]
    return any(os.stat(part).st_mode & stat.S_IXUSR for part in parts)


def kinds(session):
    """The kinds of the events that wait, for each task."""
    found = {}
    for line in ctl("events", session, "-j").splitlines():
        event = json.loads(line)
        found.setdefault(event["id"], []).append(event["event"])
    return found


def main_job(tap, origin, folder, name, base, options):
    big, source = f"{origin.folder}/www/big", f"{folder}/source"
    saved, path = f"{folder}/saved-{name}", f"/put-{name}"
    get = ctl("get", "-d", f"--session=job-{name}", *options, "-o", saved, f"{base}/big")
    put = ctl("put", "-d", f"--session=job-{name}", *options, f"--limit-rate={max(PUT_BYTES // (4 * MIB), 1)}M", source, f"{base}{path}")
    starts = len(daemon_pids())
    for part in (1, 2):
        wait_for("bytes to come", lambda: moved(get, "BytesReceived") > part * GET_BYTES // 4)
        tap.ok(ctl("show", get, "-p", "State", "--value") == "running", f"{name}: runs when death {part} comes")
        wait_for("the end of a sync", lambda: not is_syncing(saved))
        kill_daemon()
    code = subprocess.run(["transferctl", "wait", get, put, "--timeout", str(DEADLINE_S)], check=False).returncode
    tap.ok(code == 0, f"{name}: both finish", f"exit code {code}")
    tap.ok(len(daemon_pids()) == starts + 2, f"{name}: the bus started the daemon twice", daemon_pids())
    tap.ok(os.path.exists(saved) and sha256(saved) == sha256(big), f"{name}: the download is equal")
    sent = f"{origin.folder}/www{path}"
    tap.ok(os.path.exists(sent) and sha256(sent) == sha256(source), f"{name}: the upload is equal")
    lines = origin.log("GET", "/big")
    twice = sum(int(line[4]) for line in lines) - GET_BYTES
    print(f"# {name}: {twice / MIB:.1f} MiB of {GET_BYTES // MIB} fetched again after two deaths")
    tap.ok(len(lines) == 3 and all(line[3] == "206" for line in lines[1:]) and twice <= 2 * DEATH_BYTES,
           f"{name}: goes on where it was", lines)
    lines = [line for line in origin.log("PUT", path) if line[3] in ("201", "204")]
    tap.ok(len(lines) == 1, f"{name}: the server took one upload", lines)
    protocol = "HTTP/2.0" if "tls" in name else "HTTP/1.1"
    tap.ok(origin.log("GET", "/big")[0][2] == protocol, f"{name}: over {protocol}", origin.log("GET", "/big"))
    events = kinds(f"job-{name}")
    tap.ok([k for k in events.get(int(get), []) if "Metrics" not in k] == ["DidFinishDownloading", "DidComplete"] and
           events.get(int(put), [])[-1:] == ["DidComplete"],
           f"{name}: events tells what nobody has acknowledged", events)
    ctl("remove", get, put)
    tap.ok(not kinds(f"job-{name}"), f"{name}: remove acknowledges")
    os.unlink(os.path.join(origin.folder, "access"))
    origin.process.send_signal(signal.SIGUSR1)
    wait_for("a new log", lambda: os.path.exists(os.path.join(origin.folder, "access")))


def example(tap, origin, folder, base, ca):
    """An application that is killed inside a session and comes back to it."""
    words = [EXAMPLE, "-c", ca, "example", folder]
    done = subprocess.run([*words[:1], "-d", *words[1:], f"{base}/part", f"{base}/part"], check=False)
    tap.ok(done.returncode == 0, "example: hands two downloads over and leaves", done)
    kill_daemon()
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    kill_daemon()
    told = [line for line in done.stdout.splitlines() if " resumed " not in line]
    ids = sorted(set(re.findall(r"^(\d+) ", done.stdout, re.M)))
    plain = sorted(line.replace("status 206", "status 200") for line in told[1:])  # 206: the daemon went on where it was
    tap.ok(done.returncode == 0 and len(ids) == 2 and plain == sorted(
        text for i in ids for text in (f"{i} finished {folder}/{i}", f"{i} complete, status 200")),
        "example: comes back and is told each event once", done)
    tap.ok(told[:1] == ["back in session example"], "example: knows that it has been here before", done)
    want = sha256(f"{origin.folder}/www/part")
    tap.ok(all(sha256(f"{folder}/{i}") == want for i in ids), "example: its files are equal")
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    tap.ok(done.stdout == "back in session example\n", "example: is told nothing twice", done)


def inside():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        origin = Origin(folder)
        try:
            make_file(f"{folder}/www/big", GET_BYTES)
            make_file(f"{folder}/source", PUT_BYTES)
            make_file(f"{folder}/www/part", 8 * MIB)
            ca = f"{folder}/ca.pem"
            plain, tls = f"http://127.0.0.1:{origin.plain}", f"https://localhost:{origin.tls}"
            main_job(tap, origin, folder, "http1", plain, ["--allow-insecure"])
            main_job(tap, origin, folder, "http2-tls", tls, [f"--cacert={ca}"])
            out = os.path.join(folder, "out")
            os.mkdir(out)
            example(tap, origin, out, tls, ca)
        finally:
            origin.stop()
    tap.done()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        inside()
    else:
        dev = os.path.join(SOURCE, "dev")
        os.execv(dev, [dev, "run", "--build", BUILD, "--", sys.executable, os.path.realpath(__file__), "--inside"])
