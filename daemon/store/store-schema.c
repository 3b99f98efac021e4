/* SPDX-License-Identifier: MIT */
/*
 * Is this our database, is it whole, and is it of today? A database is trusted when its application id and the exact text of its schema
 * are what our migrations make of version N; so a foreign or forged one (triggers, views, other columns) never runs.
 *
 * How much is checked:
 *   clean mark fits      nothing more
 *   crash                PRAGMA quick_check for at most CHECK_QUICK_US: a small database wholly (integrity_check a very small one),
 *                        of a large one the tables that everything hangs on (SQLite looks at the clock between tables only). Its
 *                        WAL has checksums, so a crash does not damage; time is spent where a database is small enough that it
 *                        costs nothing
 *   older version        the same to the end, and all of a large one: the copy before the migration reads it, too
 *   damage was reported  PRAGMA integrity_check to the end; when it finds nothing, but the mark was there already, start anew
 * When only indexes are damaged they are made anew; all else is set aside.
 */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "schema/migrations.h"

#define CHECK_QUICK_US    (UINT64_C(150) * CLOCK_US_PER_MS)
#define CHECK_INDEX_PAGES 2048 /* 8 MiB: indexes are compared with their tables, too */
#define CHECK_WHOLE_PAGES 8192 /* 32 MiB */
#define CHECK_STEPS       2000 /* virtual machine instructions between two looks at the clock */

/* No memory, a disk that cannot be read and a file that cannot be opened just now are no damage: the queue is not given up for them. */
int store_schema_judge(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return err_raise(-ENOMEM);
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_NOMEM)
			return err_raise(-ENOMEM);
		if (rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
			return STORE_E_DAMAGED;
		return err_raise(-EIO);
	case SQLITE_FULL:
		return STORE_E_FULL;
	case SQLITE_READONLY:
		return err_raise(-EROFS);
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return err_raise(-EIO);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_raise(-EBUSY);
	default: /* SQLite's codes, not ours */
		return STORE_E_DAMAGED;
	}
}

static int first_exec(struct store *store, const char *sql)
{
	return store_schema_judge(sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

static int pragma_int(struct store *store, const char *sql, int *ret_value)
{
	sqlite3_stmt *stmt;
	int rc, r = store_schema_judge(sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL));

	if (r)
		return r;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret_value = sqlite3_column_int(stmt, 0);
	else
		r = store_schema_judge(rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
	sqlite3_finalize(stmt);
	return r;
}

/* All objects of the schema as one text. */
static int schema_text(sqlite3 *db, struct buf *buf)
{
	sqlite3_stmt *stmt;
	int rc, r;

	r = store_schema_judge(sqlite3_prepare_v2(db,
		"SELECT type || '|' || name || '|' || tbl_name || '|' || ifnull(sql, '') FROM sqlite_schema"
		" ORDER BY name, type",
		-1, &stmt, NULL));
	if (r)
		return r;
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		r = text ? buf_append_str(buf, text)
			 : store_schema_judge(sqlite3_extended_errcode(db));
		if (r == 0)
			r = buf_append(buf, "\n", 1);
		if (r == -EMSGSIZE)
			r = STORE_E_DAMAGED;
	}
	if (r == 0)
		r = store_schema_judge(rc);
	sqlite3_finalize(stmt);
	return r;
}

int store_schema_migrate(sqlite3 *db, int from, int to)
{
	for (size_t i = 0; i < schema_n_migrations; i++) {
		const struct schema_migration *migration = &schema_migrations[i];
		char tail[64];
		int rc;

		if (migration->version <= from || migration->version > to)
			continue;
		snprintf(
			tail, sizeof(tail), "PRAGMA user_version = %d; COMMIT", migration->version);
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, migration->sql, NULL, NULL, NULL);
		if (rc == SQLITE_OK && FAILPOINT("store.migrate"))
			rc = SQLITE_IOERR;
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, tail, NULL, NULL, NULL);
		if (rc) {
			if (!sqlite3_get_autocommit(db))
				sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
			return rc;
		}
	}
	return SQLITE_OK;
}

static int wanted_text(int version, struct buf *buf)
{
	sqlite3 *db = NULL;
	int r;

	if (sqlite3_open(":memory:", &db) || store_schema_migrate(db, 0, version)) {
		sqlite3_close(db);
		return err_raise(-ENOMEM);
	}
	r = schema_text(db, buf);
	sqlite3_close(db);
	return r;
}

static int compare_schema(struct store *store, int version)
{
	struct buf is = { .max_bytes = 1 << 20 }, wanted = { .max_bytes = 1 << 20 };
	int r = schema_text(store->db, &is);

	if (r == 0)
		r = wanted_text(version, &wanted);
	if (r == 0 && is.size_bytes != wanted.size_bytes)
		r = STORE_E_DAMAGED;
	if (r == 0 && is.size_bytes && memcmp(is.bytes, wanted.bytes, is.size_bytes) != 0)
		r = STORE_E_DAMAGED;
	buf_done(&is);
	buf_done(&wanted);
	return r;
}

/* ---- checks ---- */

static int on_progress(void *user)
{
	const uint64_t *deadline_us = user;

	return clock_now_us() > *deadline_us;
}

/* 0: nothing found (or no time to look further). */
static int check_content(struct store *store, const char *sql, uint64_t limit_us)
{
	uint64_t deadline_us = clock_now_us() + limit_us;
	sqlite3_stmt *stmt;
	int rc, r = store_schema_judge(sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL));

	if (r)
		return r;
	if (limit_us)
		sqlite3_progress_handler(store->db, CHECK_STEPS, on_progress, &deadline_us);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		if (!text)
			r = store_schema_judge(sqlite3_extended_errcode(store->db));
		else if (strcmp(text, "ok") != 0)
			r = STORE_E_DAMAGED;
	}
	sqlite3_progress_handler(store->db, 0, NULL, NULL);
	sqlite3_finalize(stmt);
	return r || (rc & 0xff) == SQLITE_INTERRUPT ? r : store_schema_judge(rc);
}

/*
 * Tables that are whole whose indexes say something else: a task that only an index misses would not be listed, or never
 * run, and nobody would know. Indexes can be made anew from their tables.
 */
static int mend_indexes(struct store *store, struct store_report *report)
{
	int r = check_content(store, "PRAGMA quick_check(1)", 0);

	if (r == 0)
		r = first_exec(store, "REINDEX");
	if (r == 0)
		r = check_content(store, "PRAGMA integrity_check(1)", 0);
	report->has_new_indexes = r == 0;
	return r;
}

static int check_whole(struct store *store, uint64_t limit_us, struct store_report *report)
{
	int r = check_content(store, "PRAGMA integrity_check(1)", limit_us);

	return r == STORE_E_DAMAGED ? mend_indexes(store, report) : r;
}

/* limit_us 0: to the end. */
static int check_quick(struct store *store, uint64_t limit_us, struct store_report *report)
{
	static const char *const tables[] = { "session", "lane", "tally", "sequence", "setting",
		"placing" };
	uint64_t deadline_us = clock_now_us() + limit_us;
	char sql[64];
	int n_pages, r = pragma_int(store, "PRAGMA page_count", &n_pages);

	if (r)
		return r;
	if (n_pages <= CHECK_INDEX_PAGES)
		return check_whole(store, limit_us, report);
	if (n_pages <= CHECK_WHOLE_PAGES || !limit_us)
		return check_content(store, "PRAGMA quick_check(1)", limit_us);
	for (size_t i = 0; !r && i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(sql, sizeof(sql), "PRAGMA quick_check('%s')", tables[i]);
		if (clock_now_us() < deadline_us)
			r = check_content(store, sql, limit_us);
	}
	return r;
}

static int check(struct store *store, bool is_clean, int version, struct store_report *report)
{
	int r;

	if (store->file.is_hopeless)
		return STORE_E_DAMAGED;
	if (store->file.is_suspect) {
		r = check_whole(store, 0, report);
		if (r == 0)
			store->file.is_suspect = false; /* the file stays until a clean end */
		return r;
	}
	if (version != SCHEMA_VERSION)
		return check_quick(store, 0, report);
	return is_clean ? 0 : check_quick(store, CHECK_QUICK_US, report);
}

static int back_up(struct store *store, int version, struct store_report *report)
{
	char sql[512];
	int r;

	snprintf(
		report->backup, sizeof(report->backup), "%s.backup-v%d", store->file.path, version);
	if (unlink(report->backup) && errno != ENOENT)
		return err_raise(-errno);
	sqlite3_snprintf(sizeof(sql), sql, "VACUUM INTO %Q", report->backup);
	r = first_exec(store, sql);
	if (r == 0 && chmod(report->backup, 0600))
		r = err_raise(-errno);
	return r;
}

/* The application id goes in first, in one atomic write, so that a half-made database is still known as ours. */
static int begin_new(struct store *store)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
	return first_exec(store, sql);
}

/* Also the first read of the file: a damaged one shows itself here. */
static int identify(struct store *store, int *ret_version)
{
	int application_id, n_pages, r;

	r = pragma_int(store, "PRAGMA page_count", &n_pages);
	if (r == 0)
		r = pragma_int(store, "PRAGMA application_id", &application_id);
	if (r == 0)
		r = pragma_int(store, "PRAGMA user_version", ret_version);
	if (r)
		return r;
	if (n_pages == 0)
		return begin_new(store);
	if (application_id != STORE_APPLICATION_ID || *ret_version < 0)
		return STORE_E_DAMAGED;
	if (*ret_version > SCHEMA_VERSION) {
		/* closing must not even move its WAL */
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return STORE_E_NEWER_SCHEMA;
	}
	return 0;
}

int store_schema_settle(struct store *store, bool is_clean, struct store_report *report)
{
	int version, r;

	r = identify(store, &version);
	if (r == 0)
		r = compare_schema(store, version);
	if (r == 0)
		r = check(store, is_clean, version, report);
	if (r == 0)
		r = first_exec(store, "PRAGMA journal_mode = WAL");
	if (r)
		return r;
	report->migrated_from = report->migrated_to = SCHEMA_VERSION;
	if (version == SCHEMA_VERSION)
		return 0;
	if (version > 0)
		r = back_up(store, version, report);
	if (r)
		return r;
	report->migrated_from = version;
	return store_schema_judge(store_schema_migrate(store->db, version, SCHEMA_VERSION));
}
