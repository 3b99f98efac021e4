#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The public headers are documented, what is documented is exported, and the tool sees gaps."""
from tap import BUILD, SOURCE, Tap, seeded, tool

HEADER = "client-lib/include/transfer/x.h"
GOOD = """/* What this is. */
#ifndef TRANSFER_X_H
#define TRANSFER_X_H

/* A limit, in bytes. */
#define TRANSFER_X_MAX 3

/* A thing. */
struct transfer_x;

/**
 * transfer_x_set - bound how fast it moves
 *
 * @x:        the thing; borrowed
 * @fn:       called when done
 *
 * Returns:  0, or TRANSFER_ERROR_CANCELLED
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask
 */
int transfer_x_set(struct transfer_x *x, void (*fn)(void *user, int n));

#endif
"""
ERRORS = "/* All. */\n#define TRANSFER_ERRORS(X) \\\n\tX(CANCELLED, -999, \"cancelled\", \"\")\n"
XML = '<node><interface name="org.transferd.Transfer1.Task"><method name="Resume"/></interface></node>'
SEEDS = [
    ("no block", GOOD.replace("/**", "/*")),
    ("no purpose", GOOD.replace("transfer_x_set - ", "")),
    ("a parameter missing", GOOD.replace(" * @fn:       called when done\n", "")),
    ("a parameter too many", GOOD.replace("@fn:", "@gn:")),
    ("no Returns", GOOD.replace("Returns: ", "Gives: ")),
    ("no Thread", GOOD.replace("Thread: ", "Place: ")),
    ("no Since", GOOD.replace("Since: ", "From: ")),
    ("no Source", GOOD.replace("Source: ", "Origin: ")),
    ("an error that does not exist", GOOD.replace("ERROR_CANCELLED", "ERROR_CANCELED")),
    ("a member that does not exist", GOOD.replace("NSURLSessionTask", "org.transferd.Transfer1.Task.Resum")),
    ("a source from nowhere", GOOD.replace("NSURLSessionTask", "hearsay")),
    ("a constant without comment", GOOD.replace("/* A limit, in bytes. */\n", "\n")),
    ("a type without comment", GOOD.replace("struct transfer_x;", "\nstruct transfer_y {\n\tint a;\n};")),
]
FINE = [
    ("a documented header", GOOD),
    ("a member that exists", GOOD.replace("NSURLSessionTask", "org.transferd.Transfer1.Task.Resume")),
    ("an RFC", GOOD.replace("NSURLSessionTask", "RFC 9110, section 14.2")),
]


def main():
    tap = Tap()
    status, text = tool("check-docs.py", SOURCE)
    tap.ok(status == 0, "public headers are documented", text)
    status, text = tool("check-docs.py", SOURCE, BUILD)
    tap.ok(status == 0, "exported = libtransfer.map = documented", text)
    rest = {"client-lib/include/transfer/error.h": ERRORS, "ipc/x.xml": XML}
    for name, code in SEEDS:
        with seeded({**rest, HEADER: code}) as tree:
            status, text = tool("check-docs.py", tree)
        tap.ok(status == 1 and HEADER in text, "seen: " + name, text)
    for name, code in FINE:
        with seeded({**rest, HEADER: code}) as tree:
            status, text = tool("check-docs.py", tree)
        tap.ok(status == 0, "allowed: " + name, text)
    tap.done()


if __name__ == "__main__":
    main()
