#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bus interface only grows: whatever ipc/released has is in ipc with the same signature."""
import copy
import glob
import os
import re
import xml.etree.ElementTree as ET

from tap import SOURCE, Tap


def members(root):
    """{member: signature} of all interfaces of one file."""
    found = {}
    for interface in root.iter("interface"):
        found[interface.get("name")] = ("interface",)
        for member in interface:
            if member.tag in ("method", "signal"):
                default = "in" if member.tag == "method" else "out"
                signature = tuple((arg.get("direction", default), arg.get("type"), arg.get("name"))
                                  for arg in member.findall("arg"))
            elif member.tag == "property":
                signature = (member.get("type"), member.get("access"))
            else:
                continue
            name = f"{interface.get('name')}.{member.get('name')}"
            found[name] = (member.tag,) + signature
            for annotation in member.iter("annotation"):
                short = annotation.get("name").split(".")
                if "Key" in short:
                    key = f"{name} key {annotation.get('name')}"
                    found[key] = ("key", re.sub(r" max=\d+", "", annotation.get("value")))
    return found


def losses(released, now):
    for name, signature in released.items():
        if name not in now:
            yield f"{name} is gone"
        elif now[name] != signature:
            yield f"{name} was {signature}, is {now[name]}"


def load(path):
    return ET.parse(path).getroot()


def main():
    tap = Tap()
    released = sorted(glob.glob(os.path.join(SOURCE, "ipc", "released", "*.xml")))
    current = sorted(glob.glob(os.path.join(SOURCE, "ipc", "*.xml")))
    tap.ok(released, "there is a released copy of the interface")
    now = {}
    for path in current:
        now.update(members(load(path)))
    for path in released:
        found = list(losses(members(load(path)), now))
        tap.ok(not found, f"{os.path.basename(path)} has only grown", "\n".join(found))
    root = load(released[0])
    smaller = copy.deepcopy(root)
    interface = next(x for x in smaller.iter("interface") if x.find("method") is not None)
    interface.remove(interface.find("method"))
    tap.ok(list(losses(members(root), members(smaller))), "seen: a method is gone")
    changed = copy.deepcopy(root)
    next(changed.iter("arg")).set("type", "aay")
    tap.ok(list(losses(members(root), members(changed))), "seen: a signature has changed")
    tap.ok(not list(losses(members(smaller), members(root))), "allowed: a method more")
    tap.done()


if __name__ == "__main__":
    main()
