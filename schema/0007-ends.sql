-- SPDX-License-Identifier: MIT
-- The end of a task is one row, which stands for its n events: seq is the number of the last of them.
ALTER TABLE event ADD COLUMN n INTEGER NOT NULL DEFAULT 1 CHECK (n BETWEEN 1 AND 3);
-- The row of the last end. One of all three events is found by this alone and is in no index but the session's.
ALTER TABLE task ADD COLUMN end_seq INTEGER NOT NULL DEFAULT 0;
DROP INDEX event_by_task;
CREATE INDEX event_by_task ON event(task) WHERE n < 3;
