-- Cookies, and what sessions and tasks say about them.
ALTER TABLE session ADD COLUMN cookie_store TEXT;
ALTER TABLE session ADD COLUMN sends_cookies INTEGER NOT NULL DEFAULT 1;
ALTER TABLE session ADD COLUMN accepts_cookies INTEGER NOT NULL DEFAULT 2;
ALTER TABLE task ADD COLUMN ignores_cookies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN main_document_url TEXT;

CREATE TABLE jar (
	id INTEGER PRIMARY KEY,
	uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
	app_id TEXT NOT NULL,
	name TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX jar_by_name ON jar(uid, app_id, name);

CREATE TABLE cookie (
	id INTEGER PRIMARY KEY,
	jar INTEGER NOT NULL REFERENCES jar(id) ON DELETE CASCADE,
	domain TEXT NOT NULL,
	path TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	expires_wall_us INTEGER NOT NULL,
	created_wall_us INTEGER NOT NULL,
	same_site INTEGER NOT NULL CHECK (same_site BETWEEN 0 AND 3),
	is_host_only INTEGER NOT NULL,
	is_secure INTEGER NOT NULL,
	is_http_only INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX cookie_by_name ON cookie(jar, domain, path, name, is_host_only);
CREATE INDEX cookie_by_age ON cookie(jar, id);
