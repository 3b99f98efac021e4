/* SPDX-License-Identifier: MIT */
/*
 * One client of the soak: attaches to its session, makes tasks of which a few meet a faulty server, suspends, resumes and
 * cancels some, checks every byte of what ends, and leaves: in the end, in the middle, or by SIGKILL.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/soak/soak.h"

#define TASKS_MAX 128

struct client {
	struct soak_shift *shift;
	struct app *app;
	uint64_t random_state;
	int event_fd; /* a byte for each end of a task */
	unsigned n_ends; /* that were read from the other side */
	transfer_task *tasks[TASKS_MAX];
};

static unsigned draw(struct client *c, unsigned n)
{
	c->random_state = c->random_state * 6364136223846793005u + 1442695040888963407u;
	return n ? (unsigned)(c->random_state >> 33) % n : 0;
}

uint64_t soak_source_bytes(unsigned source)
{
	static const uint64_t sizes[SOAK_SOURCES] = { 0, 1, 4000, 70000, 900000, 3000000 };

	return sizes[source];
}

char *soak_place(unsigned shift, unsigned place)
{
	return tmpdir_path("out/%u-%u", shift, place);
}

/* ---- what is told ---- */

static bool is_right(struct client *c, uint64_t id, const struct soak_task *task)
{
	const char *path = app_file(c->app, id);
	char hex[65];

	if (task->kind == SOAK_UPLOAD) {
		origin_bytes_sha256(task->seed, task->size_bytes, hex);
		return strstr(app_data(c->app, id), hex) != NULL;
	}
	return path && !origin_bytes_check(path, task->seed, task->size_bytes);
}

static void note_end(struct client *c, uint64_t id, struct soak_task *task)
{
	const char *code = strstr(app_events(c->app, id), "done:");

	if (task->n_done && c->shift->books->has_left[task->told_in_shift])
		task->n_again++;
	else if (task->n_done)
		task->n_double++;
	if (!task->n_done++)
		c->shift->books->n_ended[task->session]++;
	task->told_in_shift = (uint16_t)c->shift->number;
	task->code = code ? (int)strtol(code + 5, NULL, 10) : -12345;
	if (write(c->event_fd, "x", 1) != 1)
		_exit(6);
}

static void on_event(struct app *app, uint64_t id, const char *what, void *user)
{
	struct client *c = user;
	struct soak_task *task = id < SOAK_TASKS_MAX ? &c->shift->books->tasks[id] : NULL;

	c->app = app;
	if (!id)
		return;
	if (!task || !task->is_made) {
		c->shift->books->n_ghosts++;
		return;
	}
	/* told again to the next client: the file may be what the first one took */
	if ((!strcmp(what, "file") || !strcmp(what, "data")) && !task->n_file) {
		task->n_file++;
		if (!is_right(c, id, task))
			task->n_bad++;
	}
	if (!strcmp(what, "done"))
		note_end(c, id, task);
}

/* ---- what is asked for ---- */

static uint64_t draw_size(struct client *c)
{
	unsigned kind = draw(c, 100);

	if (kind < 2)
		return 4000000 + draw(c, 4000000);
	if (kind < 17)
		return 64000 + draw(c, 1000000);
	return draw(c, 64000);
}

/*
 * What the server does to the first requests (it counts them by their key, and has not room for many keys); then it is good, but for the last one. Lies are told about plain bodies: over
 * others they would be lies for ever.
 */
static void add_fault(struct client *c, char target[256], struct soak_task *task, bool is_plain)
{
	size_t used = strlen(target);
	unsigned at = draw(c, (unsigned)task->size_bytes + 1);
	char *p = target + used;
	size_t room = 256 - used;

	switch (draw(c, task->kind == SOAK_UPLOAD ? 3 : is_plain ? 8 : 5)) {
	case 0:
		snprintf(p, room, "&only=1&drop_after=%u&drop=rst", at);
		break;
	case 1:
		snprintf(p, room, "&only=2&drop_after=%u&drop=fin", at);
		break;
	case 2:
		snprintf(p, room, "&only=1&hang");
		break;
	case 3:
		snprintf(p, room, "&only=1&hang_after=%u", at);
		break;
	case 4:
		snprintf(p, room, "&only=2&status=503&retry_after=1");
		break;
	case 5:
		snprintf(p, room, "&only=1&length_lie=%llu",
			(unsigned long long)task->size_bytes + 7);
		break;
	case 6:
		snprintf(p, room, "&only=2&drop_after=%u&drop_times=1&wrong_start=1", at);
		break;
	case 7:
		snprintf(p, room, "&length_lie=%llux", (unsigned long long)task->size_bytes);
		task->must_fail = true;
		break;
	}
}

static transfer_task *make_upload(struct client *c, struct soak_task *task, const char *key)
{
	unsigned source = draw(c, 100) < 90 ? draw(c, 4) : draw(c, SOAK_SOURCES);
	transfer_request *request;
	char target[256];

	task->seed = source;
	task->size_bytes = soak_source_bytes(source);
	task->is_resumable = !draw(c, 3);
	task->is_faulty = draw(c, 1000) < c->shift->fault_permille;
	snprintf(target, sizeof(target), "/store/soak?key=%s%s", task->is_faulty ? key : "good",
		task->is_resumable ? "&resumable" : "");
	if (task->is_faulty)
		add_fault(c, target, task, false);
	request = app_request(c->app, target);
	transfer_request_set_method(request, "PUT");
	transfer_request_set_timeout(request, 3000000);
	return app_make_upload(c->app, request, c->shift->books->sources[source]);
}

static transfer_task *make_download(struct client *c, struct soak_task *task, const char *key)
{
	static const char *const ways[] = { "", "", "", "", "", "", "&chunked", "&coding=gzip" };
	const char *way = ways[draw(c, 8)];
	transfer_request *request;
	char target[256];
	char *path;

	task->seed = draw(c, 1000000);
	task->size_bytes = draw_size(c);
	task->is_faulty = draw(c, 1000) < c->shift->fault_permille;
	snprintf(target, sizeof(target), "/file?size=%llu&seed=%llu&key=%s%s%s",
		(unsigned long long)task->size_bytes, (unsigned long long)task->seed,
		task->is_faulty ? key : "good", way,
		task->size_bytes > 4000000 ? "&rate_bps=2M" : "");
	if (task->is_faulty)
		add_fault(c, target, task, !*way);
	request = app_request(c->app, target);
	transfer_request_set_timeout(request, 3000000);
	transfer_request_set_retry_http_errors(request, true);
	if (task->kind == SOAK_PLACED) {
		path = soak_place(c->shift->number, task->place);
		transfer_request_set_destination(request, path, false);
		free(path);
	}
	return app_make(c->app, request);
}

static void make_all(struct client *c)
{
	struct soak_task rows[TASKS_MAX] = { 0 };
	char key[64];

	for (unsigned i = 0; i < c->shift->n_tasks; i++) {
		rows[i].kind = draw(c, 100) < 12 ? SOAK_UPLOAD
			: draw(c, 2)             ? SOAK_PLACED
						 : SOAK_DOWNLOAD;
		rows[i].place = (uint16_t)i;
		rows[i].made_in_shift = (uint16_t)c->shift->number;
		snprintf(key, sizeof(key), "s%u-%u", c->shift->number, i);
		c->tasks[i] = rows[i].kind == SOAK_UPLOAD ? make_upload(c, &rows[i], key)
							  : make_download(c, &rows[i], key);
	}
	app_flush(c->app);
	for (unsigned i = 0; i < c->shift->n_tasks; i++) {
		uint64_t id = transfer_task_get_id(c->tasks[i]);

		if (!id || id >= SOAK_TASKS_MAX)
			_exit(4);
		rows[i].is_made = true;
		rows[i].session = (uint16_t)c->shift->session;
		c->shift->books->tasks[id] = rows[i];
	}
	c->shift->books->n_made[c->shift->session] += c->shift->n_tasks;
	for (unsigned i = 0; i < c->shift->n_tasks; i++)
		transfer_task_resume(c->tasks[i]);
	app_flush(c->app);
}

/* Those that an earlier client left suspended. The answer may come when this one has made some, which are not in the books yet. */
static void resume_all(transfer_task *const *tasks, size_t n_tasks, void *user)
{
	const struct client *c = user;

	for (size_t i = 0; i < n_tasks; i++) {
		uint64_t id = transfer_task_get_id(tasks[i]);

		if (id < SOAK_TASKS_MAX && c->shift->books->tasks[id].is_made &&
			transfer_task_get_state(tasks[i]) == TRANSFER_TASK_STATE_SUSPENDED)
			transfer_task_resume(tasks[i]);
	}
}

/* ---- the shift ---- */

static bool wait_one(struct client *c, int fd, uint64_t until_ms)
{
	char byte;

	if (proc_wait_fd(fd, (unsigned)proc_left_ms(until_ms)))
		return false;
	c->n_ends += read(fd, &byte, 1) == 1;
	return true;
}

/* some are suspended for a while, and some cancelled, at any moment of their lives */
static void meddle(struct client *c, int fd, uint64_t until_ms)
{
	unsigned n_events = 1 + draw(c, 8);
	unsigned paused = draw(c, c->shift->n_tasks), cancelled = draw(c, c->shift->n_tasks);

	transfer_task_suspend(c->tasks[paused]);
	if (draw(c, 2)) {
		c->shift->books->tasks[transfer_task_get_id(c->tasks[cancelled])].is_cancelled =
			true;
		transfer_task_cancel(c->tasks[cancelled]);
	}
	while (n_events-- && c->n_ends + 2 < c->shift->n_tasks && wait_one(c, fd, until_ms))
		;
	transfer_task_resume(c->tasks[paused]);
}

static bool is_over(const struct client *c)
{
	const struct soak_books *books = c->shift->books;
	unsigned session = c->shift->session;

	if (c->shift->leave_after)
		return c->n_ends >= c->shift->leave_after;
	return books->n_ended[session] == books->n_made[session];
}

void soak_client(struct rig *rig, void *user)
{
	struct soak_shift *shift = user;
	struct client c = { .shift = shift, .random_state = shift->seed };
	char name[16];
	struct app_config config = { .identifier = name,
		.base = origin_base(rig->origin),
		.lazy = true,
		.on_event = on_event,
		.user = &c };
	uint64_t until_ms = proc_now_ms() + shift->patience_ms;
	int fds[2];

	snprintf(name, sizeof(name), "soak-%u", shift->session);
	if (pipe(fds))
		_exit(3);
	c.event_fd = fds[1];
	c.app = app_open(rig, &config);
	transfer_session_get_tasks(app_session(c.app), resume_all, &c);
	if (shift->n_tasks) {
		make_all(&c);
		for (unsigned i = 0; i < 1 + shift->n_tasks / 20; i++)
			meddle(&c, fds[0], until_ms);
		app_flush(c.app);
	}
	while (!is_over(&c))
		if (!wait_one(&c, fds[0], until_ms))
			_exit(2);
	if (shift->leave_after)
		shift->books->has_left[shift->number] = true;
	if (shift->is_killed)
		kill(getpid(), SIGKILL);
	app_settle(c.app);
	app_close(c.app);
}
