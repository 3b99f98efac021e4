/* SPDX-License-Identifier: MIT */
/*
 * Runs journalctl as a child and reads its JSON lines. Messages name tasks as "task 377", so journalctl greps for few of them and we
 * look at each line ourselves; the last lines are found by keeping a ring while reading forward.
 */
#include "cli/journal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "cli/format.h"

#define JOURNAL_WORDS_MAX 12
#define JOURNAL_UNIT      "transferd.service"

struct reader {
	const struct journal_query *query;
	journal_fn fn;
	void *user;
	json_t **ring; /* the last lines; NULL: each is handed on at once */
	size_t n_seen;
};

/* "\btask (3|377)\b"; NULL: all lines, or too many tasks to name. The caller frees. */
static char *pattern_of(const struct journal_query *q)
{
	char *text = NULL;
	size_t size;
	FILE *stream;

	if (!q->ids || !q->n_ids || q->n_ids > JOURNAL_IDS_NAMED)
		return NULL;
	stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	fputs("--grep=\\btask (", stream);
	for (size_t i = 0; i < q->n_ids; i++)
		fprintf(stream, "%s%llu", i ? "|" : "", (unsigned long long)q->ids[i]);
	fputs(")\\b", stream);
	fclose(stream);
	return text;
}

static void __attribute__((noreturn)) run(const struct journal_query *q, int out_fd)
{
	char program[] = "journalctl", quiet[] = "--quiet", pager[] = "--no-pager";
	char json[] = "--output=json", follow[] = "--follow", all[] = "--lines=all";
	char user_unit[] = "--user-unit=" JOURNAL_UNIT, unit[] = "--unit=" JOURNAL_UNIT;
	char *words[JOURNAL_WORDS_MAX] = { program, quiet, pager, json,
		q->is_system ? unit : user_unit };
	char *since = NULL, *pattern = pattern_of(q);
	int null_fd = open("/dev/null", O_RDWR), n = 5;

	if (q->is_following) {
		words[n++] = follow;
		words[n++] = all;
	}
	if (q->since && asprintf(&since, "--since=%s", q->since) > 0)
		words[n++] = since;
	if (pattern)
		words[n++] = pattern;
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDERR_FILENO);
	dup2(out_fd, STDOUT_FILENO);
	execvp(program, words);
	_exit(127);
}

/* The number after a "task " that begins a word; 0: none. */
static uint64_t task_in(const char *message)
{
	for (const char *p = message; (p = strstr(p, "task ")); p++)
		if ((p == message || p[-1] == ' ') && p[5] >= '0' && p[5] <= '9')
			return strtoull(p + 5, NULL, 10);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t number_of(json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? strtoull(text, NULL, 10) : 0;
}

static int hand_on(struct reader *r, json_t *o)
{
	struct journal_line line = { .wall_us = number_of(o, "__REALTIME_TIMESTAMP"),
		.pid = number_of(o, "_PID"),
		.message = json_string_value(json_object_get(o, "MESSAGE")) };

	line.priority = json_object_get(o, "PRIORITY") ? (int)number_of(o, "PRIORITY") : 6;
	line.task = task_in(line.message);
	return r->fn(&line, r->user);
}

/* Takes o. */
static int take_line(struct reader *r, json_t *o)
{
	const struct journal_query *q = r->query;
	const char *message = json_string_value(json_object_get(o, "MESSAGE"));
	uint64_t task = message ? task_in(message) : 0;
	int result = 0;

	if (!message ||
		(q->ids && !bsearch(&task, q->ids, q->n_ids, sizeof(*q->ids), compare_ids))) {
		json_decref(o);
		return 0;
	}
	if (r->ring) {
		json_t **place = &r->ring[r->n_seen++ % q->n_last];

		json_decref(*place);
		*place = o;
		return 0;
	}
	result = hand_on(r, o);
	json_decref(o);
	return result;
}

static int read_lines(struct reader *r, FILE *stream)
{
	char *text = NULL;
	size_t size = 0;
	int result = 0;

	while (result == 0 && getline(&text, &size, stream) > 0) {
		json_t *o = json_loads(text, 0, NULL);

		if (o)
			result = take_line(r, o);
	}
	free(text);
	return result;
}

static int empty_ring(struct reader *r)
{
	size_t n = r->query->n_last, first = r->n_seen > n ? r->n_seen - n : 0;
	int result = 0;

	for (size_t i = first; i < r->n_seen && result == 0; i++)
		result = hand_on(r, r->ring[i % n]);
	for (size_t i = 0; i < n; i++)
		json_decref(r->ring[i]);
	free(r->ring);
	r->ring = NULL;
	return result;
}

int journal_each(const struct journal_query *query, journal_fn fn, void *user)
{
	struct reader r = { .query = query, .fn = fn, .user = user };
	int fds[2], status = 0, result;
	FILE *stream;
	pid_t pid;

	if (query->n_last && !query->is_following)
		r.ring = calloc(query->n_last, sizeof(json_t *));
	if ((query->n_last && !query->is_following && !r.ring) || pipe2(fds, O_CLOEXEC))
		return -ENOMEM;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		run(query, fds[1]);
	close(fds[1]);
	stream = fdopen(fds[0], "r");
	result = pid < 0 || !stream ? -ENOMEM : read_lines(&r, stream);
	if (stream)
		fclose(stream);
	else
		close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r.ring && result == 0)
		result = empty_ring(&r);
	if (result == 0 && !r.n_seen && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return result;
}

void journal_print(const struct journal_line *line)
{
	time_t seconds = (time_t)(line->wall_us / 1000000);
	char date[32] = "-", *safe = format_safe(line->message);
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%b %d %H:%M:%S", &tm);
	printf("%s transferd[%llu]: %s\n", date, (unsigned long long)line->pid, safe ? safe : "");
	free(safe);
}
