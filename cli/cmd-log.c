/* SPDX-License-Identifier: MIT */
/* log: the journal lines of tasks, or of the service. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/journal.h"
#include "cli/select.h"
#include "cli/view.h"

#define LOG_LINES_MAX 1000000

struct log {
	const struct ctx *ctx;
	json_t *all; /* NULL: each line is printed at once */
	size_t n;
};

static json_t *line_json(const struct journal_line *line)
{
	return json_pack("{s:I, s:o, s:i, s:I, s:s}", "time_usec", (json_int_t)line->wall_us, "id",
		line->task ? json_integer((json_int_t)line->task) : json_null(), "priority",
		line->priority, "pid", (json_int_t)line->pid, "message", line->message);
}

static int on_line(const struct journal_line *line, void *user)
{
	struct log *log = user;

	log->n++;
	if (log->all)
		json_array_append_new(log->all, line_json(line));
	else if (log->ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json_line(line_json(line));
	else
		journal_print(line);
	if (log->ctx->options.is_following)
		fflush(stdout);
	return ferror(stdout) ? 1 : 0;
}

static int parse_lines(const struct ctx *ctx, size_t *ret_n)
{
	const char *text = ctx->options.lines;
	char *end;
	unsigned long long n;

	if (!text || strcmp(text, "all") == 0)
		return 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n < 1 || n > LOG_LINES_MAX)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "use a number, or all.",
			"--lines: \"%s\" is no number of lines", text);
	*ret_n = (size_t)n;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The tasks that the words name, in order; finished ones too. */
static int find_ids(struct ctx *ctx, int argc, char **argv, struct journal_query *q, uint64_t **ret)
{
	struct select select;
	int r;

	ctx->options.is_all = true;
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	r = select_ids(ctx, &select, ret, &q->n_ids);
	select_done(&select);
	if (r)
		return r;
	qsort(*ret, q->n_ids, sizeof(**ret), compare_ids);
	q->ids = *ret;
	return 0;
}

static int print(struct ctx *ctx, const struct journal_query *q)
{
	struct log log = { .ctx = ctx };
	int r;

	if (ctx->term.json != OPTIONS_JSON_OFF && !q->is_following)
		log.all = json_array();
	r = journal_each(q, on_line, &log);
	if (log.all)
		view_print_json(ctx, log.all);
	if (r == -ENOENT)
		return ctx_fail(ctx, EXIT_CODE_FAILED,
			"without systemd, transferd writes to its standard error.",
			"journalctl cannot be run");
	if (r < 0)
		return ctx_fail(
			ctx, EXIT_CODE_FAILED, NULL, "cannot read the journal: %s", strerror(-r));
	if (!log.n)
		ctx_note(ctx, "The journal has no such line.");
	return EXIT_CODE_OK;
}

int cmd_log(struct ctx *ctx, int argc, char **argv)
{
	struct journal_query q = { .is_system = ctx->options.is_system,
		.since = ctx->options.since,
		.is_following = ctx->options.is_following };
	uint64_t *ids = NULL;
	int r = parse_lines(ctx, &q.n_last);

	if (r == 0 &&
		(argc > 0 || ctx->options.session || ctx->options.states || ctx->options.kinds))
		r = find_ids(ctx, argc, argv, &q, &ids);
	if (r == 0)
		r = print(ctx, &q);
	free(ids);
	return r;
}
