#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/ipcgen.py takes the interface as it is and refuses each rule's breach, naming the place."""
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("top_srcdir") or os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(SOURCE, "tests", "arch"))
from tap import Tap, tool  # noqa: E402

XML = ["ipc/org.transferd.Transfer1.Manager.xml", "ipc/org.transferd.Transfer1.Session.xml",
       "ipc/org.transferd.Transfer1.Task.xml", "ipc/org.freedesktop.LogControl1.xml"]
SESSION = 1

# (name, file, what is replaced, by what, part of the complaint)
BREACHES = [
    ("a method without documentation", SESSION,
     "\t\t<!-- New requests use new connections; what is stored is on the disk when this is answered. -->\n",
     "",
     "Flush: not documented"),
    ("an argument without documentation", SESSION, "\t\t\t<!-- Sequence number. -->\n", "",
     "argument seq: not documented"),
    ("a key without documentation", SESSION, "\t\t\t\t<!-- Text for people. -->\n", "",
     "key description: not documented"),
    ("a property without documentation", SESSION, "\t\t<!-- Name of the session. -->\n", "",
     "Identifier: not documented"),
    ("a comment that documents nothing", SESSION, "\t</interface>", "\t<!-- Lost. -->\n\t</interface>",
     "comment without an element"),
    ("an error nobody knows", SESSION, 'value="NotAttached NoSuch', 'value="NotAmused NoSuch', "no error NotAmused"),
    ("a dictionary nobody defines", SESSION, 'value="Configuration"', 'value="Nothing"',
     "nobody defines Nothing"),
    ("a dictionary defined twice", SESSION, 'value="AttachOptions"', 'value="Request"', "defined twice"),
    ("a struct with a name too few", SESSION, "TaskRef(id,path)", "TaskRef(id)", "TaskRef has 1 names"),
    ("a type without a C form", SESSION, 'name="seq" type="t" direction="in"',
     'name="seq" type="n" direction="in"', "not documented|needs a Struct|no C form"),
    ("a key that cannot be read", SESSION, 'value="s max=128"', 'value="s maximum 128"', "cannot read"),
    ("an event without seq", SESSION, '<signal name="DidWriteData">',
     '<signal name="Bare"></signal>\n<!-- x -->\n<signal name="DidWriteData">', "must begin with seq"),
    ("an event argument that is no key", SESSION, 'name="offset" type="t"', 'name="begin" type="t"',
     "begin is no key of EventArgs"),
    ("text that is not XML", SESSION, "</node>", "", "ipcgen: "),
]


def generate(texts, outputs=()):
    """(exit status, output, {option: text made})"""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, text in enumerate(texts):
            paths.append(os.path.join(folder, f"{number}.xml"))
            with open(paths[-1], "w", encoding="utf-8") as f:
                f.write(text)
        options = [x for o in outputs for x in ("--" + o, os.path.join(folder, o))]
        status, said = tool("ipcgen.py", "--errors", os.path.join(SOURCE, "ipc/types.h"), "--source",
                            os.path.join(folder, "source"), *options, *paths)
        made = {}
        for o in outputs:
            if os.path.exists(os.path.join(folder, o)):
                with open(os.path.join(folder, o), encoding="utf-8") as f:
                    made[o] = f.read()
        return status, said, made


def main():
    tap = Tap()
    texts = []
    for path in XML:
        with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
            texts.append(f.read())
    status, said, made = generate(texts, ("header", "manual", "cases"))
    tap.ok(status == 0 and not said, "takes the interface", said)
    again = generate(texts, ("header", "manual", "cases"))[2]
    tap.ok(made == again, "makes the same text twice")
    missing = [name for name in ("OpenSession", "DidFinishDownloading", "resume-data", "PendingEvents")
               if name.replace("-", r"\-") not in made["manual"] and name not in made["manual"]]
    tap.ok(not missing, "the manual page names every kind of member", " ".join(missing))
    for name, number, old, new, complaint in BREACHES:
        broken = list(texts)
        tap.ok(old in broken[number], f"seeded: {name}")
        broken[number] = broken[number].replace(old, new, 1)
        status, said, _ = generate(broken)
        good = status == 1 and "Traceback" not in said and any(c in said for c in complaint.split("|"))
        tap.ok(good, f"refuses {name}", said)
    lint = subprocess.run(["sh", "-c", "command -v mandoc"], capture_output=True, check=False)
    if lint.returncode:
        tap.skip("the manual page is clean", "no mandoc")
    else:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=made["manual"], text=True,
                              capture_output=True, check=False)
        tap.ok(done.returncode == 0, "the manual page is clean", done.stdout)
    tap.done()


if __name__ == "__main__":
    main()
