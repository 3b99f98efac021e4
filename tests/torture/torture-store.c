/* SPDX-License-Identifier: MIT */
/* The store without memory: a change is there as a whole or not at all, and the next turn works. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "daemon/store/store.h"
#include "tests/lib/tmpdir.h"
#include "tests/torture/torture.h"

static struct store *store;
static uint64_t the_session, the_lane, the_task;
static char *world_dir;

static struct task *new_task(void)
{
	static const struct task_header headers[] = { { "Accept", "text/html" }, { "X-A", "1" } };
	struct task *task = task_new();

	if (!task)
		return NULL;
	task->session = the_session;
	task->lane = the_lane;
	task->kind = TRANSFER_TASK_DOWNLOAD;
	task->state = TASK_STATE_QUEUED;
	task->request.url = "https://example.org/a/file.iso";
	task->request.host = "https://example.org:443";
	task->request.method = "GET";
	task->request.priority = 0.5;
	task->request.headers = headers;
	task->request.n_headers = 2;
	task->request.description = "a file";
	task->created_wall_us = 1000;
	return task;
}

static uint64_t count_tasks(void)
{
	struct store_counts counts;
	uint64_t n = 0;

	torture_pause();
	TORTURE_CHECK(store_counts(store, &counts) == 0);
	for (size_t i = 0; i < sizeof(counts.by_state) / sizeof(counts.by_state[0]); i++)
		n += counts.by_state[i];
	torture_go_on();
	return n;
}

/* The end of a scenario's turn: with an error all of it is undone. */
static int end_turn(int r)
{
	if (!r)
		r = store_commit(store);
	if (r)
		store_rollback(store);
	TORTURE_CHECK(!store_is_dirty(store));
	return r;
}

static void clear_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	TORTURE_CHECK(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static int open_store(const char *dir)
{
	struct store_report report;
	struct store *s = NULL;
	int r = store_open(dir, &s, &report);

	TORTURE_CHECK(r == 0 || !s);
	TORTURE_CHECK(!report.set_aside[0]); /* no memory is no damage */
	store_close(s);
	return r;
}

static int opens_new(void)
{
	int r = open_store(world_dir);

	torture_pause();
	clear_folder(world_dir);
	torture_go_on();
	return r;
}

static int opens_old(void)
{
	return open_store(world_dir);
}

static int session_comes_and_goes(void)
{
	static const struct task_header headers[] = { { "X-B", "2" } };
	struct session *session = session_new();
	int r;

	if (!session)
		return -ENOMEM;
	session->uid = 1000;
	session->app_id = "org.example.Torture";
	session->identifier = "more";
	session->config.headers = headers;
	session->config.n_headers = 1;
	r = store_session_put(store, session);
	if (!r)
		r = store_session_save(store, session);
	if (!r)
		r = store_session_del(store, session->id);
	session_free(session);
	return end_turn(r);
}

static int put_task(void)
{
	uint64_t before = count_tasks(), after, id = 0;
	struct task *task = new_task();
	int r;

	if (!task)
		return -ENOMEM;
	r = store_task_put(store, task);
	id = task->id;
	task_free(task);
	r = end_turn(r);
	after = count_tasks();
	TORTURE_CHECK(after == before + (r == 0));
	if (!r) {
		torture_pause();
		TORTURE_CHECK(end_turn(store_task_del(store, id)) == 0);
		torture_go_on();
	}
	TORTURE_CHECK(count_tasks() == before);
	return r;
}

static int delete_task(void)
{
	uint64_t before, id;
	struct task *task;
	int r;

	torture_pause();
	task = new_task();
	TORTURE_CHECK(task && end_turn(store_task_put(store, task)) == 0);
	id = task->id;
	task_free(task);
	before = count_tasks();
	torture_go_on();
	r = end_turn(store_task_del(store, id));
	TORTURE_CHECK(count_tasks() == before - (r == 0));
	if (r) {
		torture_pause();
		TORTURE_CHECK(end_turn(store_task_del(store, id)) == 0);
		torture_go_on();
	}
	return r;
}

static int load_task(void)
{
	struct task *task = NULL;
	int r = store_task_load(store, the_task, &task);

	if (r)
		return end_turn(r);
	TORTURE_CHECK(task->state == TASK_STATE_QUEUED); /* no memory is no damage */
	TORTURE_CHECK(task->request.n_headers == 2);
	TORTURE_CHECK(strcmp(task->request.headers[1].value, "1") == 0);
	task_free(task);
	return end_turn(0);
}

static int save_task(void)
{
	static const uint8_t digest[40] = { 1, 2, 3 };
	struct task *task = NULL;
	int r;

	torture_pause();
	TORTURE_CHECK(store_task_load(store, the_task, &task) == 0);
	torture_go_on();
	task->offset_bytes = 77;
	task->etag = "\"abc\"";
	task->digest_state = digest;
	task->digest_state_bytes = sizeof(digest);
	r = store_task_save(store, task,
		STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESPONSE | STORE_SAVE_RESULT |
			STORE_SAVE_REQUEST);
	task_free(task);
	return end_turn(r);
}

static int on_event(const struct store_event *event, void *user)
{
	TORTURE_CHECK(event->session == the_session);
	++*(int *)user;
	return 0;
}

static int tell_and_acknowledge(void)
{
	struct store_event event = {
		.session = the_session,
		.task = the_task,
		.type = STORE_EVENT_COMPLETED,
	};
	struct store_event_range range = { .session = the_session, .limit = 10 };
	int n = 0, r;

	r = store_event_put(store, &event);
	range.after_seq = event.seq - 1;
	if (!r)
		r = store_event_each(store, &range, on_event, &n);
	if (!r) {
		TORTURE_CHECK(n == 1);
		r = store_event_ack(store, the_session, event.seq, on_event, &n);
	}
	return end_turn(r);
}

static int remember_token(void)
{
	static const uint64_t ids[] = { 1, 2, 3 };
	struct arena arena = { 0 };
	struct store_ids got = { 0 };
	int r = store_token_put(store, the_session, "token", ids, 3);

	if (!r)
		r = store_token_load(store, the_session, "token", &arena, &got);
	if (!r)
		TORTURE_CHECK(got.n == 3 && got.ids[2] == 3);
	arena_done(&arena);
	store_rollback(store);
	return r;
}

static int keep_setting(void)
{
	char value[8];
	size_t size;
	int r = end_turn(store_setting_put(store, "torture", "abc", 4));

	if (!r)
		r = store_setting_load(store, "torture", value, sizeof(value), &size);
	if (!r)
		TORTURE_CHECK(size == 4 && strcmp(value, "abc") == 0);
	return end_turn(r);
}

static int on_lane(const struct store_lane *lane, void *user)
{
	(void)user;
	TORTURE_CHECK(lane->n_queued >= 1);
	return 0;
}

static int read_queue(void)
{
	struct store_candidate candidates[8];
	uint64_t due;
	size_t n = 0;
	int r = store_lane_each(store, on_lane, NULL);

	if (!r)
		r = store_lane_window(
			store, &(struct store_window){ the_lane, 8, { 0 } }, candidates, &n);
	if (!r)
		TORTURE_CHECK(n >= 1);
	if (!r)
		r = store_due_next(store, &due);
	if (!r)
		r = store_expiry_next(store, &due);
	return end_turn(r);
}

static int on_task(struct task *task_take, void *user)
{
	++*(int *)user;
	task_free(task_take);
	return 0;
}

static int list_tasks(void)
{
	struct store_filter filter = {
		.session = the_session,
		.uid = (uid_t)-1,
		.limit = 10,
		.app_id = "org.example.App",
		.name_glob = "*.iso",
	};
	uint64_t ids[10];
	size_t n_ids = 0;
	int n = 0, r = store_task_each(store, &filter, on_task, &n);

	if (!r)
		r = store_task_ids(store, &filter, ids, &n_ids);
	if (!r)
		TORTURE_CHECK((size_t)n == n_ids);
	return end_turn(r);
}

static int on_session(struct session *session_take, void *user)
{
	++*(int *)user;
	session_free(session_take);
	return 0;
}

static int list_sessions(void)
{
	uint64_t n_events;
	int n = 0, r = store_session_each(store, on_session, &n);

	if (!r)
		TORTURE_CHECK(n == 1);
	if (!r)
		r = store_session_events(store, the_session, &n_events);
	if (!r)
		r = store_session_unfinished(store, the_session, &n_events);
	return end_turn(r);
}

static int on_due(uint64_t task, uint64_t lane, void *user)
{
	(void)task;
	(void)lane;
	(void)user;
	return 0;
}

static int tidy_up(void)
{
	int r = store_prune(store, 1, 10, on_due, NULL);

	if (!r)
		r = store_due_take(store, 1, 10, on_due, NULL);
	return end_turn(r);
}

static int make_lane(void)
{
	uint64_t lane;
	int r = store_lane_get(store, the_session, "https://more.example.org:443", &lane);

	store_rollback(store);
	return r;
}

static void make_world(const char *folder)
{
	struct store_report report;
	struct session *session = session_new();
	struct task *task;
	char *dir = NULL;

	TORTURE_CHECK(asprintf(&dir, "%s/store", folder) > 0 && mkdir(dir, 0700) == 0);
	TORTURE_CHECK(asprintf(&world_dir, "%s/opened", folder) > 0 && mkdir(world_dir, 0700) == 0);
	TORTURE_CHECK(store_open(dir, &store, &report) == 0);
	free(dir);
	TORTURE_CHECK(session);
	session->uid = 1000;
	session->app_id = "org.example.App";
	session->identifier = "main";
	TORTURE_CHECK(store_session_put(store, session) == 0);
	the_session = session->id;
	session_free(session);
	TORTURE_CHECK(
		store_lane_get(store, the_session, "https://example.org:443", &the_lane) == 0);
	task = new_task();
	TORTURE_CHECK(task && store_task_put(store, task) == 0 && store_commit(store) == 0);
	the_task = task->id;
	task_free(task);
}

int main(void)
{
	static const struct torture scenarios[] = {
		TORTURE("store opens new", opens_new),
		TORTURE("store opens old", opens_old),
		TORTURE("session comes and goes", session_comes_and_goes),
		TORTURE("lane is made", make_lane),
		TORTURE("task is put", put_task),
		TORTURE("task is deleted", delete_task),
		TORTURE("task is loaded", load_task),
		TORTURE("task is saved", save_task),
		TORTURE("event is told and acknowledged", tell_and_acknowledge),
		TORTURE("token is remembered", remember_token),
		TORTURE("setting is kept", keep_setting),
		TORTURE("queue is read", read_queue),
		TORTURE("tasks are listed", list_tasks),
		TORTURE("sessions are listed", list_sessions),
		TORTURE("old things go", tidy_up),
	};

	log_set_level(LOG_LEVEL_ERROR);
	setenv("TEST_TMPDIR", "/dev/shm", access("/dev/shm", W_OK) == 0);
	make_world(tmpdir_new());
	return torture_main(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
