#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The option table, --help, the manual and the completions name the same commands and options.
import os, re, subprocess, sys

top, build = os.environ["top_srcdir"], os.environ["top_builddir"]
ctl = os.path.join(build, "transferctl")
env = dict(os.environ, LC_ALL="C.UTF-8")
run = lambda *words: subprocess.run([ctl, *words], capture_output=True, text=True, env=env, check=True).stdout
source = open(os.path.join(top, "cli/options.c")).read()
options = set(re.findall(r'(?:FLAG|TEXT)\(\s*"([a-z-]+)"', source)) | {"header", "output"}
commands = re.findall(r'^\t\{ "([a-z]+)",', open(os.path.join(top, "cli/command.c")).read(), re.M)
manual = open(os.path.join(top, "man/transferctl.1")).read().replace("\\-", "-")
helps = run("help") + "".join(run("help", c) for c in commands)
results = []

def check(name, ok):
    results.append((ok, name))

check("found the tables", len(options) > 40 and len(commands) > 15)
for c in commands:
    check(f"command {c} is in the manual", re.search(rf"^\.It Cm {c}\b", manual, re.M) is not None)
    check(f"command {c} is in help", re.search(rf"^  {c}\s", run("help"), re.M) is not None)
for o in sorted(options):
    check(f"--{o} is in the manual", f"Fl -{o}" in manual)
    check(f"--{o} is in a help", f"--{o}" in helps)
check("help fits one screen", len(run("help").splitlines()) <= 45)
for shell in ("bash", "zsh", "fish"):
    text = run("completion", shell)
    check(f"{shell} completion knows all", all(c in text for c in commands) and all(o in text for o in options))
bash = subprocess.run(["bash", "-n"], input=run("completion", "bash"), text=True)
check("bash completion is valid bash", bash.returncode == 0)

print(f"1..{len(results)}")
for i, (ok, name) in enumerate(results, 1):
    print(("ok" if ok else "not ok"), i, "-", name)
sys.exit(not all(ok for ok, _ in results))
