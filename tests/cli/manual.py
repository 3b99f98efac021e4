#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The option table, --help, the manual and the completions name the same commands and options.
import json, os, re, subprocess, sys

top, build = os.environ["top_srcdir"], os.environ["top_builddir"]
ctl = os.path.join(build, "transferctl")
env = dict(os.environ, LC_ALL="C.UTF-8")
run = lambda *words: subprocess.run([ctl, *words], capture_output=True, text=True, env=env, check=True).stdout
source = open(os.path.join(top, "cli/options.c")).read()
options = set(re.findall(r'(?:FLAG|TEXT)\(\s*"([a-z-]+)"', source)) | {"header", "output", "data"}
commands = re.findall(r'^\t\{ "([a-z]+)",', open(os.path.join(top, "cli/command.c")).read(), re.M)
manual = open(os.path.join(top, "man/transferctl.1")).read().replace("\\-", "-")
helps = run("help") + "".join(run("help", c) for c in commands)
results = []
# Options that few have: nobody else may offer or take them.
OF_ONE = {"metrics": {"stats"}, "value": {"show"}, "keep-partial": {"cancel"}, "finish": {"invalidate"}, "upload": {"add"},
          "reverse": {"list"}, "follow": {"events", "log"}, "plain": {"list", "sessions"}}

def check(name, ok):
    results.append((ok, name))

check("found the tables", len(options) > 40 and len(commands) > 15)
for c in commands:
    check(f"command {c} is in the manual", re.search(rf"^\.It Cm {c}\b", manual, re.M) is not None)
    check(f"command {c} is in help", re.search(rf"^  {c}\s", run("help"), re.M) is not None)
for o in sorted(options):
    check(f"--{o} is in the manual", f"Fl -{o}" in manual)
    check(f"--{o} is in a help", f"--{o}" in helps)
for c in commands:
    text = run("help", c)
    own = set(re.findall(r"^  (?:-\S, |    )--([a-z-]+)", text, re.M))
    examples = [line.strip() for line in text.split("\nExamples\n")[1].split("\n\n")[0].splitlines()]
    check(f"help {c} is {c} --help", text == run(c, "--help") == run("--help", c))
    check(f"help {c} has its options alone", own == {o["name"] for o in json.loads(run("help", c, "-j"))["options"]}
          and all((o in own) == (c in of) for o, of in OF_ONE.items()))
    check(f"help {c} has examples", 1 <= len(examples) <= 2
          and all(f"transferctl {c}" in e and set(re.findall(r" --([a-z-]+)", e)) <= own for e in examples))
    strange = next(o for o, of in OF_ONE.items() if c not in of)
    refused = subprocess.run([ctl, c, f"--{strange}"], capture_output=True, text=True, env=env)
    check(f"{c} refuses --{strange}", refused.returncode == 2 and f"{c} does not have --{strange}" in refused.stderr)
check("help fits one screen", len(run("help").splitlines()) <= 45)
for shell in ("bash", "zsh", "fish"):
    text = run("completion", shell)
    check(f"{shell} completion closes its quotes", all(len(re.findall("'", line.replace("'\\''", ""))) % 2 == 0
          for line in text.splitlines() if "sed" not in line))
    check(f"{shell} completion knows all", all(c in text for c in commands) and all(o in text for o in options))
for shell, script in (("bash", "COMP_WORDS=(transferctl {0} --metr); COMP_CWORD=2; _transferctl; echo ${{COMPREPLY[*]}}"),):
    for c, want in (("stats", "--metrics"), ("list", "")):
        text = run("completion", shell) + script.format(c)
        got = subprocess.run([shell], input=text, capture_output=True, text=True).stdout.strip()
        check(f"{shell} completes --metrics for stats alone: {c}", got == want)
bash = subprocess.run(["bash", "-n"], input=run("completion", "bash"), text=True)
check("bash completion is valid bash", bash.returncode == 0)

print(f"1..{len(results)}")
for i, (ok, name) in enumerate(results, 1):
    print(("ok" if ok else "not ok"), i, "-", name)
sys.exit(not all(ok for ok, _ in results))
