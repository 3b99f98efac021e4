#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""schema/schema.sql, written for readers, is the same database as all migrations together.

Compares tables, columns, indexes, foreign keys, views and triggers, not the SQL text: ALTER changes that.
"""
import glob
import os
import re
import sqlite3

from tap import SOURCE, Tap


def built(scripts):
    database = sqlite3.connect(":memory:", isolation_level=None)
    for path in scripts:
        with open(path, encoding="utf-8") as f:
            database.executescript(f.read())
    return database


def rows(database, pragma, name):
    return [tuple(row) for row in database.execute(f"PRAGMA {pragma}('{name}')")]


def names(database, kind):
    return sorted(x for (x,) in database.execute(
        "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%'", (kind,)))


def words(text):
    return re.sub(r"\s+", " ", re.sub(r"--[^\n]*", " ", text or "")).strip().rstrip(";")


def described(database):
    """{what: description} of everything that a database consists of."""
    found = {}
    for table in names(database, "table"):
        found["table " + table] = rows(database, "table_xinfo", table)
        found["options of " + table] = [row[3:] for row in rows(database, "table_list", table)]
        found["foreign keys of " + table] = sorted(rows(database, "foreign_key_list", table))
        found["checks of " + table] = sorted(re.findall(
            r"\bCHECK\s*\(.*?\)(?=\s*(?:,|\)|$))", words(database.execute(
                "SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])))
        for index in rows(database, "index_list", table):
            name = index[1] if not index[1].startswith("sqlite_") else f"automatic {rows(database, 'index_xinfo', index[1])}"
            found[f"index {name} of {table}"] = (index[2:], rows(database, "index_xinfo", index[1]))
    for index in names(database, "index"):
        found["words of index " + index] = words(database.execute(
            "SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()[0])
    for kind in ("view", "trigger"):
        for name in names(database, kind):
            found[f"{kind} {name}"] = words(database.execute(
                "SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0])
    return found


def differences(one, other):
    for key in sorted(set(one) | set(other)):
        if one.get(key) != other.get(key):
            yield f"{key}: schema.sql {one.get(key)}, migrations {other.get(key)}"


def main():
    tap = Tap()
    migrations = sorted(glob.glob(os.path.join(SOURCE, "schema", "[0-9][0-9][0-9][0-9]-*.sql")))
    tap.ok(migrations, "there are migrations")
    numbers = [int(os.path.basename(path)[:4]) for path in migrations]
    tap.ok(numbers == list(range(1, len(numbers) + 1)), "they are numbered 1, 2, 3 …", numbers)
    whole = described(built(migrations))
    reading = described(built([os.path.join(SOURCE, "schema", "schema.sql")]))
    found = list(differences(reading, whole))
    tap.ok(not found and whole, "schema.sql = all migrations", "\n".join(found))
    changed = built(migrations)
    table = names(changed, "table")[0]
    changed.execute(f'ALTER TABLE "{table}" ADD COLUMN one_too_many INTEGER')
    tap.ok(list(differences(reading, described(changed))), "seen: a column too many")
    changed = built(migrations)
    for name in names(changed, "index")[:1]:
        changed.execute(f'DROP INDEX "{name}"')
        tap.ok(list(differences(reading, described(changed))), "seen: an index too few")
    tap.done()


if __name__ == "__main__":
    main()
