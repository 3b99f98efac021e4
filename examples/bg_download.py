#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows a background download over plain D-Bus, without libtransfer.

	bg_download.py [--allow-insecure] URL FILE	starts a download, waits for it, and moves it to FILE

Each event is a signal with a sequence number, sent to this program alone; it is sent again at the next
attach until it was acknowledged. Needs python3-dbus and python3-gi.
"""
import os
import shutil
import sys

import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.transferd.Transfer1"
IDENTIFIER = "com.example.python"


def main():
    arguments = sys.argv[1:]
    insecure = "--allow-insecure" in arguments
    if insecure:
        arguments.remove("--allow-insecure")
    if len(arguments) != 2:
        sys.exit("usage: bg_download.py [--allow-insecure] URL FILE")
    url, target = arguments

    DBusGMainLoop(set_as_default=True)
    loop = GLib.MainLoop()
    bus = dbus.SessionBus()
    manager = dbus.Interface(bus.get_object(NAME, "/org/transferd/Transfer1"), NAME + ".Manager")
    configuration = dbus.Dictionary({"allow-insecure": insecure}, signature="sv")
    path, info = manager.OpenSession("background", IDENTIFIER, configuration,
                                     dbus.Dictionary({"app-id": "bg_download.py"}, signature="sv"))
    print("session", info["disposition"])
    session = dbus.Interface(bus.get_object(NAME, path), NAME + ".Session")
    result = {"code": 1}

    def acknowledge(seq):
        if seq:
            session.Acknowledge(seq)

    def on_progress(seq, task, count, total, expected):
        print(f"{total} of {expected} bytes")
        acknowledge(seq)

    def on_finished(seq, task, source, args):
        shutil.move(source, target)
        acknowledge(seq)

    def on_complete(seq, task, error, args):
        acknowledge(seq)
        if error:
            print("failed:", error["name"])
        else:
            print("saved as", target)
            result["code"] = 0
        loop.quit()

    for name, handler in (("DidWriteData", on_progress), ("DidFinishDownloading", on_finished),
                          ("DidComplete", on_complete)):
        session.connect_to_signal(name, handler)
    session.Attach(dbus.Dictionary({}, signature="sv"))
    request = dbus.Dictionary({"kind": "download", "url": url}, signature="sv")
    tasks = session.CreateTasks([request], dbus.Dictionary({"start": "running"}, signature="sv"))
    print("task", int(tasks[0][0]))
    loop.run()
    session.Detach()
    sys.exit(result["code"])


if __name__ == "__main__":
    os.umask(0o077)
    main()
