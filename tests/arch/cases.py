#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/cases.tsv names every case once, and each test that it names is there and is run."""
import os
import re
from tap import SOURCE, Tap

TABLE = "tests/cases.tsv"
# every id that has to have a row
WANTED = {
    "BT": [*range(1, 92), "48a", "48b"],
    "SW": [*range(1, 86), *range(90, 98), *range(100, 145), *range(150, 182), *range(190, 235), *range(240, 256)],
    "GS": range(1, 24),
    "UDM": range(1, 48),
    "F": [*range(1, 13), 14, 18, 19, 20, 22],
    "N": range(1, 23),
    "S": [*range(8, 18), 24, 25, 26],
}


def read(path):
    try:
        with open(os.path.join(SOURCE, "tests", path), encoding="utf-8") as f:
            return f.read()
    except OSError:
        return None


def name_of(letters, number):
    width = 1 if len(letters) == 1 else 2
    return f"{letters}-{number:0{width}}" if isinstance(number, int) else f"{letters}-{number}"


def ids_of(text):
    """BT-01, or each id of SW-96..97."""
    found = re.fullmatch(r"([A-Z]+)-(\d+)\.\.(\d+)", text)
    if not found:
        return [text]
    return [name_of(found[1], n) for n in range(int(found[2]), int(found[3]) + 1)]


def is_there(evidence):
    """system/test-x:test, arch/x.py:function, crash/crash.c."""
    path, _, test = evidence.partition(":")
    text = read(path if path.endswith(".py") or not path.rpartition("/")[2].startswith("test-") else path + ".c")
    if text is None:
        return False
    if not test:
        return True
    if path.endswith(".py"):
        return len(re.findall(rf"\b{test}\b", text)) > 1 and f"def {test}(" in text
    return f"START_TEST({test})" in text and re.search(rf"TEST(_EACH|_LOOP)?\(\s*{test}\b", text) is not None


def mistakes(table):
    seen = []
    for line in table.splitlines():
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != 3 or not all(columns):
            yield f"not three columns: {line}"
            continue
        seen += ids_of(columns[0])
        if re.match(r"(later|none|open): \w", columns[2]):
            continue
        for evidence in columns[2].split(", "):
            if not is_there(evidence):
                yield f"{columns[0]}: there is no test {evidence}"
    for letters, numbers in WANTED.items():
        for name in (name_of(letters, n) for n in numbers):
            if seen.count(name) != 1:
                yield f"{name} has {seen.count(name)} rows"
    wanted = {name_of(letters, n) for letters, numbers in WANTED.items() for n in numbers}
    yield from (f"nobody knows {name}" for name in seen if name not in wanted)


def main():
    tap = Tap()
    table = read("cases.tsv")
    tap.ok(table, f"there is {TABLE}")
    found = list(mistakes(table))
    tap.ok(not found, "each case has its row, each test is there", "\n".join(found))
    good = next(line for line in table.splitlines() if line.startswith("BT-01\t"))
    for name, line in (
            ("a case without a row", "# nothing"),
            ("a case with two rows", f"{good}\n{good}"),
            ("an unknown case", f"{good}\nBT-92\tx\tlater: x"),
            ("a test that is not there", "BT-01\tx\tsystem/test-resume:sleeps_well"),
            ("a file that is not there", "BT-01\tx\tsystem/test-nothing:sleeps_well"),
            ("a function that is not called", "BT-01\tx\tsystem/faults.py:nothing"),
            ("a row without a reason", "BT-01\tx\tlater: "),
            ("a row without a column", "BT-01\tx")):
        tap.ok(list(mistakes(table.replace(good, line))), "seen: " + name)
    states = [line.split("\t")[2].split(" ")[0] for line in table.splitlines() if not line.startswith("#")]
    counts = {state: states.count(state) for state in ("later:", "none:", "open:")}
    print(f"# {len(states) - sum(counts.values())} shown, " + ", ".join(f"{n} {s[:-1]}" for s, n in counts.items()))
    tap.done()


if __name__ == "__main__":
    main()
