-- SPDX-License-Identifier: MIT
-- The same tasks as before: for IN with three numbers SQLite made a table at each change of a state.
DROP INDEX task_unsettled;
CREATE INDEX task_unsettled ON task(id) WHERE state BETWEEN 3 AND 5;
