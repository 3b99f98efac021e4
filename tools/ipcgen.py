#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes proto.h, proto.c, the manual page and the negative tests from the interface XML."""
import argparse
import sys
import xml.etree.ElementTree as ET

import ipcgen_c
import ipcgen_man
from ipcgen_model import Model, Refused, read_errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--errors", required=True, help="header with IPC_ERRORS")
    for name in ("header", "source", "manual", "cases"):
        parser.add_argument("--" + name, metavar="FILE")
    parser.add_argument("xml", nargs="+")
    args = parser.parse_args()
    try:
        model = Model(read_errors(args.errors))
        for path in args.xml:
            model.read_file(path)
        model.finish()
        made = [(args.header, ipcgen_c.header), (args.source, ipcgen_c.source),
                (args.manual, ipcgen_man.manual), (args.cases, ipcgen_c.cases)]
        texts = [(path, make(model)) for path, make in made if path]
    except (Refused, ET.ParseError) as e:
        sys.exit(f"ipcgen: {e}")
    for path, text in texts:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
