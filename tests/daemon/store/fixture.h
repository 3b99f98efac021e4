/* SPDX-License-Identifier: MIT */
/* What the store's tests share: a state folder of their own, and sessions and tasks with every member set. */
#ifndef TESTS_DAEMON_STORE_FIXTURE_H
#define TESTS_DAEMON_STORE_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/store/store-private.h"
#include "tests/lib/run.h"

#define UNUSED            __attribute__((unused))
#define ck_ok(expression) ck_assert_int_eq((expression), 0)

struct fixture {
	char dir[64];
	struct store *store;
	struct store_report report;
	uint64_t session, lane;
};

UNUSED static void fixture_dir(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/transferd-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
}

UNUSED static void fixture_reopen(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	ck_ok(store_open(f->dir, &f->store, &f->report));
}

/* The name of something in the state folder; two answers live at a time. */
UNUSED static const char *fixture_path(const struct fixture *f, const char *name)
{
	static char paths[2][160];
	static int turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", f->dir, name);
	return path;
}

UNUSED static size_t fixture_count(const struct fixture *f, const char *prefix)
{
	DIR *dir = opendir(f->dir);
	struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return n;
}

UNUSED static void fixture_empty(const struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)(unlinkat(dirfd(dir), entry->d_name, 0) &&
				unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR));
	closedir(dir);
}

UNUSED static void fixture_done(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
	fixture_empty(f);
	ck_ok(rmdir(f->dir));
}

UNUSED static uint64_t fixture_session(
	struct fixture *f, uid_t uid, const char *app_id, const char *identifier)
{
	struct session *session = session_new();
	uint64_t id;

	session->uid = uid;
	session->app_id = app_id;
	session->identifier = identifier;
	session->created_wall_us = 1;
	ck_ok(store_session_put(f->store, session));
	id = session->id;
	session_free(session);
	return id;
}

/* An open store with one session and one lane, committed. */
UNUSED static void fixture_init(struct fixture *f)
{
	fixture_dir(f);
	fixture_reopen(f);
	f->session = fixture_session(f, 1000, "org.example.App", "main");
	ck_ok(store_lane_get(f->store, f->session, "https://example.org:443", &f->lane));
	ck_ok(store_commit(f->store));
}

/* A plain task in the fixture's lane, not put yet. */
UNUSED static struct task *fixture_task(const struct fixture *f, enum task_state state)
{
	struct task *task = task_new();

	ck_assert_ptr_nonnull(task);
	task->session = f->session;
	task->lane = f->lane;
	task->kind = TRANSFER_TASK_DOWNLOAD;
	task->state = state;
	task->request.url = "https://example.org/a/file.iso";
	task->request.host = "https://example.org:443";
	task->request.method = "GET";
	task->request.priority = 0.5;
	task->created_wall_us = 1000;
	return task;
}

UNUSED static uint64_t fixture_put(struct fixture *f, enum task_state state)
{
	struct task *task = fixture_task(f, state);
	uint64_t id;

	ck_ok(store_task_put(f->store, task));
	id = task->id;
	task_free(task);
	return id;
}

UNUSED static struct task *fixture_load(struct fixture *f, uint64_t id)
{
	struct task *task = NULL;

	ck_ok(store_task_load(f->store, id, &task));
	return task;
}

/* SQL behind the store's back, in the store's own connection and turn. */
UNUSED static void fixture_sql(struct fixture *f, const char *sql)
{
	char *message = NULL;
	int rc = sqlite3_exec(f->store->db, sql, NULL, NULL, &message);

	ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, message);
}

UNUSED static int64_t fixture_number(struct fixture *f, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n;

	ck_ok(sqlite3_prepare_v2(f->store->db, sql, -1, &stmt, NULL));
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

#endif
