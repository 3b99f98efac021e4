-- SPDX-License-Identifier: MIT
-- Of a file that had no name before it was put in place: an inode with its number may be another file by now.
ALTER TABLE task ADD COLUMN file_mtime_ns INTEGER NOT NULL DEFAULT 0;
