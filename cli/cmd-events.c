/* SPDX-License-Identifier: MIT */
/* events: what a session's delegate has not been told yet. Reads only; nothing is acknowledged. */
#include "cli/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/now.h"
#include "cli/follow.h"
#include "cli/format.h"
#include "cli/select.h"
#include "cli/view.h"

#define EVENTS_FOLLOW_US 500000

static json_t *event_json(const struct transfer_event_row *row)
{
	json_t *o = json_object();

	json_object_set_new(o, "seq", json_integer((json_int_t)row->seq));
	json_object_set_new(o, "id", row->task ? json_integer((json_int_t)row->task) : json_null());
	json_object_set_new(o, "time_usec", json_integer((json_int_t)row->wall_usec));
	json_object_set_new(o, "event", json_string(row->name));
	json_object_set_new(o, "path", row->path ? json_string(row->path) : json_null());
	json_object_set_new(o, "status",
		row->response ? json_integer(transfer_response_get_status(row->response))
			      : json_null());
	json_object_set_new(
		o, "offset", row->offset_bytes < 0 ? json_null() : json_integer(row->offset_bytes));
	json_object_set_new(o, "bytes", row->bytes < 0 ? json_null() : json_integer(row->bytes));
	json_object_set_new(o, "error", view_error_json(row->error));
	return o;
}

static void print_event(const struct transfer_event_row *row)
{
	char date[FORMAT_DATE_BYTES], *path = row->path ? format_safe(row->path) : NULL;

	printf("%6llu  %s  ", (unsigned long long)row->seq, format_date(row->wall_usec, date));
	if (row->task)
		printf("task %-6llu ", (unsigned long long)row->task);
	else
		printf("session     ");
	printf("%s", row->name);
	if (path)
		printf("  %s", path);
	if (row->error)
		printf("  %s (%d)", transfer_error_get_name(row->error),
			transfer_error_get_code(row->error));
	else if (row->response)
		printf("  status %d", transfer_response_get_status(row->response));
	putchar('\n');
	free(path);
}

/* Prints what is after *seq and moves it; *ret_n: how many. */
static int print_new(struct ctx *ctx, const char *session, uint64_t *seq, size_t *ret_n)
{
	uint64_t since_us = 0;
	size_t n;

	*ret_n = 0;
	do {
		transfer_auto(transfer_event_list) list = NULL;
		transfer_auto(transfer_error) error = NULL;

		while (transfer_manager_peek_events(
			ctx->manager, select_session_object(ctx, session), *seq, &list, &error)) {
			/* while following, a daemon that died is started again */
			if (!ctx->options.is_following || !follow_patience(error, &since_us))
				return ctx_fail_error(ctx, session, error);
			transfer_error_unref(error);
			error = NULL;
		}
		n = transfer_event_list_get_size(list);
		for (size_t i = 0; i < n; i++) {
			const struct transfer_event_row *row = transfer_event_list_get(list, i);

			*seq = row->seq;
			if (ctx->term.json == OPTIONS_JSON_OFF)
				print_event(row);
			else
				view_print_json_line(event_json(row));
		}
		*ret_n += n;
	} while (n);
	fflush(stdout);
	return 0;
}

int cmd_events(struct ctx *ctx, int argc, char **argv)
{
	const char *session = argc ? argv[0] : NULL;
	uint64_t seq = 0;
	size_t n, all;
	int r;

	if (argc != 1)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"\"transferctl sessions\" lists the sessions.",
			"events needs the name of one session");
	r = ctx_connect(ctx);
	if (r == 0)
		r = select_session(ctx, &session);
	if (r == 0)
		r = print_new(ctx, session, &seq, &all);
	while (r == 0 && ctx->options.is_following) {
		now_sleep_us(EVENTS_FOLLOW_US);
		r = print_new(ctx, session, &seq, &n);
	}
	if (r == 0 && ctx->term.json == OPTIONS_JSON_OFF && !ctx->options.no_legend)
		ctx_note(ctx, "%zu event%s wait%s for %s.", all, all == 1 ? "" : "s",
			all == 1 ? "s" : "", session);
	return r;
}
