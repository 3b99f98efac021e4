-- SPDX-License-Identifier: MIT
-- A file of a plain download that is on its way to its place: one row lists them all, instead of a change of each task's row.
CREATE TABLE placing (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	tasks BLOB NOT NULL
) STRICT;
