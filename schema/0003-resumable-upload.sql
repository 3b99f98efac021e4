-- SPDX-License-Identifier: MIT
-- An upload that was broken goes on where the server left it: the resource that it named for that,
-- and how many bytes it has acknowledged.
ALTER TABLE task ADD COLUMN upload_url TEXT;
ALTER TABLE task ADD COLUMN upload_offset_bytes INTEGER NOT NULL DEFAULT 0;
