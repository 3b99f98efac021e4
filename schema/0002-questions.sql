-- Cancelled tasks are counted apart from failed ones; what is asked of clients is kept until it is answered.

-- How many tasks a session has in each state (0 to 6), failed ones (7), events (8), cancelled ones (9).
CREATE TABLE tally_2 (
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	what INTEGER NOT NULL CHECK (what BETWEEN 0 AND 9),
	n INTEGER NOT NULL CHECK (n >= 0),
	PRIMARY KEY (session, what)
) STRICT, WITHOUT ROWID;
INSERT INTO tally_2(session, what, n) SELECT session, what, n FROM tally WHERE what <> 7;
INSERT INTO tally_2(session, what, n)
	SELECT session, CASE result_code WHEN -999 THEN 9 ELSE 7 END, count(*)
	FROM task WHERE state = 6 AND result_code <> 0 GROUP BY 1, 2;
DROP TABLE tally;
ALTER TABLE tally_2 RENAME TO tally;

-- Which delegate methods the last client had that can be asked: 1 << kind of question.
ALTER TABLE session ADD COLUMN implements INTEGER NOT NULL DEFAULT 0;
-- The date before which it does not begin has come, and who had to be asked was asked.
ALTER TABLE task ADD COLUMN is_begun INTEGER NOT NULL DEFAULT 0;

-- What a client is asked and has not answered (state 0); what it has answered (1); what needs no answer any more (2).
CREATE TABLE question (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	task INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 32),
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	asked_wall_us INTEGER NOT NULL
) STRICT;
CREATE INDEX question_by_session ON question(session, state, id);
CREATE INDEX question_by_task ON question(task);
INSERT INTO sequence(name, next) VALUES ('question', 1);
