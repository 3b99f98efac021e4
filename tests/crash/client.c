/* SPDX-License-Identifier: MIT */
/*
 * The client of the crash harness: makes the tasks once, then only attaches and handles events until all tasks have
 * ended. What it has handled goes to a journal before the callback returns, as an application would do with its own
 * books; it may kill itself inside any callback before that line is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/crash.h"

#define CLIENT_DEADLINE_MS 120000
#define LISTED_MAX         (20 * CRASH_TASKS)

struct client {
	struct crash_batch *batch;
	struct crash_journal journal;
	struct app *app;
	int journal_fd;
	int event_fd; /* written to at each end of a task */
	unsigned n_seen;
};

bool crash_is_resumable(const struct crash_batch *batch, unsigned task)
{
	return task >= CRASH_DOWNLOADS && task % 2 && crash_size(batch, task);
}

uint64_t crash_size(const struct crash_batch *batch, unsigned task)
{
	static const uint64_t sizes[] = { 0, 1, 1000, 65536, 300000, 1000000, 2000000, 3000000,
		4000000, 6000000 };

	return sizes[(task + batch->number) % 10] + (task % 3) * 777 * (task % 10 > 0);
}

uint64_t crash_seed(const struct crash_batch *batch, unsigned task)
{
	return batch->seed + batch->number * 100 + task;
}

void crash_key(const struct crash_batch *batch, unsigned task, char key[32])
{
	snprintf(key, 32, "b%u-t%u", batch->number, task);
}

char *crash_destination(const struct crash_batch *batch, unsigned task)
{
	char *path = NULL;

	if (batch->out && task < CRASH_DOWNLOADS && task % 2 &&
		asprintf(&path, "%s/%u", batch->out, task) < 0)
		return NULL;
	return path;
}

static int task_of(const struct crash_journal *journal, uint64_t id)
{
	for (int i = 0; i < CRASH_TASKS; i++)
		if (journal->ids[i] == id)
			return i;
	return -1;
}

static void read_line(const char *line, struct crash_journal *journal)
{
	unsigned long long id;
	unsigned task;
	int code, i;

	if (!strncmp(line, "created", 7)) {
		journal->created = true;
	} else if (sscanf(line, "task %llu %u", &id, &task) == 2 && task < CRASH_TASKS) {
		journal->ids[task] = id;
	} else if (sscanf(line, "done %llu %d", &id, &code) == 2) {
		i = task_of(journal, id);
		if (i >= 0) {
			journal->n_done[i]++;
			journal->code[i] = code;
		}
	} else if (!strncmp(line, "again", 5)) {
		journal->n_again++;
	} else if (!strncmp(line, "ghost", 5)) {
		journal->n_ghosts++;
	} else if (sscanf(line, "good %llu", &id) == 1) {
		i = task_of(journal, id);
		if (i >= 0)
			journal->n_file[i]++;
	} else if (sscanf(line, "bad %llu", &id) == 1) {
		i = task_of(journal, id);
		if (i >= 0)
			journal->n_bad[i]++;
	}
}

void crash_journal_read(const char *path, struct crash_journal *ret_journal)
{
	char *text = tmpdir_read(path);
	char *rest = NULL;

	*ret_journal = (struct crash_journal){ 0 };
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		read_line(line, ret_journal);
	free(text);
}

static void note(struct client *c, const char *word, uint64_t id, int value)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%s %llu %d\n", word, (unsigned long long)id, value);

	if (write(c->journal_fd, line, (size_t)n) != n)
		_exit(5);
}

/* is what a download or the answer to an upload brought right? */
static bool is_right(struct client *c, uint64_t id, int task)
{
	uint64_t seed = crash_seed(c->batch, (unsigned)task);
	uint64_t size = crash_size(c->batch, (unsigned)task);
	char hex[65];

	if (task < CRASH_DOWNLOADS)
		return !origin_bytes_check(app_file(c->app, id), seed, size);
	origin_bytes_sha256(seed, size, hex);
	return strstr(app_data(c->app, id), hex) != NULL;
}

static void on_event(struct app *app, uint64_t id, const char *what, void *user)
{
	struct client *c = user;
	int task;

	if (c->batch->death.at && !strcmp(what, c->batch->death.at) &&
		++c->n_seen == c->batch->death.nth)
		kill(getpid(), SIGKILL);
	c->app = app;
	task = task_of(&c->journal, id);
	/* one that could not be made is known by its address */
	if (id > UINT32_MAX)
		return;
	if (id && task < 0 && !strcmp(what, "done"))
		note(c, "ghost", id, 0);
	/* handled by a client that died before its acknowledgement was on the way: seen and dropped, as applications do */
	if (task >= 0 &&
		(!strcmp(what, "done") ? c->journal.n_done[task] : c->journal.n_file[task])) {
		note(c, "again", id, task);
		return;
	}
	if (!strcmp(what, "file") || !strcmp(what, "data"))
		note(c, task >= 0 && is_right(c, id, task) ? "good" : "bad", id, task);
	if (!strcmp(what, "done")) {
		const char *code = strstr(app_events(app, id), "done:");

		note(c, "done", id, code ? (int)strtol(code + 5, NULL, 10) : -12345);
	}
	if (!strcmp(what, "done") && write(c->event_fd, "x", 1) != 1)
		_exit(6);
}

static transfer_task *make_upload(struct client *c, unsigned task, const char *key)
{
	char *path = tmpdir_path("source-%u", task);
	transfer_request *request;
	transfer_task *made;
	char target[128];

	if (origin_bytes_write(path, crash_seed(c->batch, task), crash_size(c->batch, task)))
		_exit(3);
	snprintf(target, sizeof(target), "/store/%s?key=%s&recv_bps=8M%s", key, key,
		crash_is_resumable(c->batch, task) ? "&resumable" : "");
	request = app_request(c->app, target);
	transfer_request_set_method(request, "PUT");
	made = app_make_upload(c->app, request, path);
	free(path);
	return made;
}

static transfer_task *make_download(struct client *c, unsigned task, const char *key)
{
	char *destination = crash_destination(c->batch, task);
	transfer_request *request;
	char target[160];

	snprintf(target, sizeof(target), "/file?size=%llu&seed=%llu&rate_bps=4M&key=%s",
		(unsigned long long)crash_size(c->batch, task),
		(unsigned long long)crash_seed(c->batch, task), key);
	request = app_request(c->app, target);
	if (destination)
		transfer_request_set_destination(request, destination, false);
	free(destination);
	return app_make(c->app, request);
}

/* what a client made that died before all was made and written down */
static void adopt(struct client *c, transfer_task *tasks[CRASH_TASKS])
{
	uint64_t ids[LISTED_MAX];
	unsigned n = app_tasks(c->app, ids, LISTED_MAX);

	for (unsigned i = 0; i < n && i < LISTED_MAX; i++) {
		transfer_task *task = app_find_task(c->app, ids[i]);
		const char *url = task
			? transfer_request_get_url(transfer_task_get_original_request(task))
			: "";
		const char *key = strstr(url, "key=b");
		unsigned batch, index;

		if (key && sscanf(key, "key=b%u-t%u", &batch, &index) == 2 && index < CRASH_TASKS)
			tasks[index] = task;
	}
}

static transfer_task *make(struct client *c, unsigned task)
{
	char key[32];

	crash_key(c->batch, task, key);
	return task < CRASH_DOWNLOADS ? make_download(c, task, key) : make_upload(c, task, key);
}

/*
 * All tasks exist and have been written down before any of them runs. A daemon that dies again and again while it is asked
 * makes a task end with an error instead; then it is made again, and must not exist twice.
 */
static void create(struct client *c)
{
	transfer_task *tasks[CRASH_TASKS] = { NULL };
	unsigned missing = CRASH_TASKS;

	adopt(c, tasks);
	for (unsigned tries = 0; missing && tries < 20; tries++) {
		for (unsigned i = 0; i < CRASH_TASKS; i++)
			if (!tasks[i])
				tasks[i] = make(c, i);
		app_flush(c->app);
		missing = 0;
		for (unsigned i = 0; i < CRASH_TASKS; i++) {
			c->journal.ids[i] = transfer_task_get_id(tasks[i]);
			if (!c->journal.ids[i])
				tasks[i] = NULL;
			missing += !tasks[i];
		}
	}
	if (missing)
		_exit(4);
	for (unsigned i = 0; i < CRASH_TASKS; i++)
		note(c, "task", c->journal.ids[i], (int)i);
	note(c, "created", 0, 0);
	if (c->batch->death.at && !strcmp(c->batch->death.at, "created"))
		kill(getpid(), SIGKILL);
}

/* Those of an earlier client may still be suspended; and such as could not be made may still be listed. */
static void resume_all(struct client *c)
{
	uint64_t ids[LISTED_MAX];
	unsigned n = app_tasks(c->app, ids, LISTED_MAX);

	for (unsigned i = 0; i < n && i < LISTED_MAX; i++) {
		transfer_task *task = app_find_task(c->app, ids[i]);

		if (task && transfer_task_get_state(task) == TRANSFER_TASK_STATE_SUSPENDED)
			transfer_task_resume(task);
	}
	app_flush(c->app);
}

static bool all_ended(struct client *c)
{
	struct crash_journal journal;

	crash_journal_read(c->batch->journal, &journal);
	for (unsigned i = 0; i < CRASH_TASKS; i++)
		if (!journal.n_done[i])
			return false;
	return true;
}

/* The daemon may die while it is being asked, and die again at its next start: an application tries again. */
static struct app *open_again(struct rig *rig, const struct app_config *config, uint64_t until_ms)
{
	transfer_error *error = NULL;
	struct app *app;

	while (app_try_open(rig, config, &app, &error)) {
		if (!proc_left_ms(until_ms)) {
			fprintf(stderr, "crash: no session: %s\n",
				transfer_error_get_message(error));
			_exit(9);
		}
		transfer_error_unref(error);
		error = NULL;
	}
	return app;
}

void crash_client(struct rig *rig, void *user)
{
	struct client c = { .batch = user };
	struct app_config config = {
		.base = origin_base(rig->origin), .lazy = true, .on_event = on_event, .user = &c
	};
	uint64_t until_ms = proc_now_ms() + CLIENT_DEADLINE_MS;
	int fds[2];
	char byte;

	if (pipe(fds))
		_exit(3);
	c.event_fd = fds[1];
	c.journal_fd = open(c.batch->journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	crash_journal_read(c.batch->journal, &c.journal);
	c.app = open_again(rig, &config, until_ms);
	if (!c.journal.created)
		create(&c);
	resume_all(&c);
	while (!all_ended(&c)) {
		if (proc_wait_fd(fds[0], (unsigned)proc_left_ms(until_ms)))
			_exit(2);
		if (read(fds[0], &byte, 1) != 1)
			_exit(3);
	}
	if (app_tasks(c.app, NULL, 0) != 0) {
		fprintf(stderr, "crash: ended tasks are still listed\n");
		_exit(8);
	}
	app_close(c.app);
}
