#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tree keeps to the sizes of the house, and the tool sees what is too big or banned."""
from tap import SOURCE, Tap, seeded, tool

HEAD = "/* SPDX-License-Identifier: MIT */\n/* What this is for. */\n"


def function(body, parameters="void"):
    return f"{HEAD}int base_x({parameters})\n{{\n{body}\treturn 0;\n}}\n"


SEEDS = [
    ("a long function", "base/x.c", function("\tx();\n" * 60)),
    ("a long file", "base/x.c", HEAD + "extern int x;\n" * 700),
    ("a very long test", "tests/base/test-x.c", HEAD + "extern int x;\n" * 1000),
    ("six parameters", "base/x.c", function("", "int a, int b, int c, int d, int (*e)(int, int), int f")),
    ("four levels", "base/x.c", function(
        "\tif (a) {\n\t\twhile (b) {\n\t\t\tif (c) {\n\t\t\t\tdo {\n\t\t\t\t} while (d);\n\t\t\t}\n\t\t}\n\t}\n")),
    ("sprintf", "base/x.c", function("\tsprintf(a, b);\n")),
    ("a sleeping test", "tests/base/test-x.c", function("\tusleep(3);\n")),
    ("the clock read elsewhere", "engine/x.c", function("\tclock_gettime(CLOCK_MONOTONIC, &t);\n")),
    ("unfinished work", "base/x.c", function("\t/* " + "TO" + "DO: later */\n")),
    ("a typedef", "base/x.c", HEAD + "typedef struct x x;\n"),
    ("no licence", "base/x.c", "int x;\n"),
    ("no purpose", "base/x.c", "/* SPDX-License-Identifier: MIT */\nint x;\n"),
    ("a wrong guard", "base/x.h", HEAD + "#ifndef X\n#define X\n#endif\n"),
]
FINE = [
    ("sixty lines, five parameters, three levels", "base/x.c", function(
        "\tif (a) {\n\t\twhile (b) {\n\t\t\tif (c) {\n\t\t\t}\n\t\t}\n\t}\n" + "\tx();\n" * 47,
        "int a, int b, int c, int d, int e")),
    ("a word in a comment or a string", "base/x.c", function('\tx("sprintf(1)"); /* strcpy(2) */\n')),
    ("unfinished work with a number", "base/x.c", function("\t/* " + "TO" + "DO (#12): later */\n")),
]


def main():
    tap = Tap()
    status, text = tool("check-sizes.py", SOURCE)
    tap.ok(status == 0, "the tree keeps to the sizes", text)
    for name, path, code in SEEDS:
        with seeded({path: code}) as tree:
            status, text = tool("check-sizes.py", tree)
        tap.ok(status == 1 and path in text, "seen: " + name, text)
    for name, path, code in FINE:
        with seeded({path: code}) as tree:
            status, text = tool("check-sizes.py", tree)
        tap.ok(status == 0, "allowed: " + name, text)
    tap.done()


if __name__ == "__main__":
    main()
