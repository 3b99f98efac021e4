#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tree keeps to tools/layers, each library links alone, and the tool sees what is wrong."""
import importlib.util
import os
import subprocess
import tempfile

from tap import BUILD, SOURCE, Tap, seeded, tool

SEEDS = [
    ("core uses the store", "daemon/core/x.c", '#include "daemon/store/store.h"\n'),
    ("base uses curl", "base/x.c", "#include <curl/curl.h>\n"),
    ("the engine uses libdbus", "engine/x.c", "#include <dbus/dbus.h>\n"),
    ("the engine uses pthread", "engine/x.c", "#include <pthread.h>\n"),
    ("cli uses a private header", "cli/x.c", '#include "base/log.h"\n'),
    ("bus uses more of the daemon than flow.h", "daemon/bus/x.c", '#include "daemon/loop.h"\n'),
    ("the daemon uses the engine's inside", "daemon/x.c", '#include "engine/multi.h"\n'),
    ("a header without its folder", "engine/x.c", '#include "resume.h"\n'),
    ("a library that nobody declared", "engine/x.c", "#include <lzma.h>\n"),
]
FINE = [
    ("bus uses flow.h", "daemon/bus/x.c", '#include "daemon/flow.h"\n'),
    ("the engine uses curl and base", "engine/x.c", '#include <curl/curl.h>\n\n#include "base/log.h"\n'),
]


def module():
    spec = importlib.util.spec_from_file_location("check_layers",
                                                  os.path.join(SOURCE, "tools", "check-layers.py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def smuggled_call_is_found(layers):
    """A library that calls upwards without any include does not link alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, ".libs"))
        source = os.path.join(folder, "x.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write("void store_open(void);\nvoid core_x(void);\nvoid core_x(void) { store_open(); }\n")
        cc = (os.environ.get("CC") or "cc").split()
        subprocess.run(cc + ["-c", "-o", os.path.join(folder, "x.o"), source], check=True)
        for name in ("libcore", "libbase"):
            members = [os.path.join(folder, "x.o")] if name == "libcore" else []
            subprocess.run(["ar", "cr", os.path.join(folder, ".libs", name + ".a")] + members, check=True)
        why = layers.link_alone(folder, "daemon/core") or ""
    return "store_open" in why


def main():
    tap = Tap()
    status, text = tool("check-layers.py", SOURCE)
    tap.ok(status == 0, "includes keep to the table", text)
    layers = module().Layers(SOURCE)
    for layer, table in layers.layers.items():
        if table.get("library"):
            why = layers.link_alone(BUILD, layer)
            tap.ok(not why, f"{table['library']} links against its lower layers alone", why)
    for name, path, code in SEEDS:
        with seeded({path: code}) as tree:
            status, text = tool("check-layers.py", tree)
        tap.ok(status == 1 and path in text, "seen: " + name, text)
    for name, path, code in FINE:
        with seeded({path: code}) as tree:
            status, text = tool("check-layers.py", tree)
        tap.ok(status == 0, "allowed: " + name, text)
    tap.ok(smuggled_call_is_found(layers), "seen: core calls the store without a header")
    tap.done()


if __name__ == "__main__":
    main()
