/* SPDX-License-Identifier: MIT */
/* sessions and stats: who has sessions, and how much there is of everything. */
#include "cli/command.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/now.h"
#include "cli/format.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "cli/view.h"

static uint64_t number_of(const struct transfer_session_row *row)
{
	const char *slash = row->object_path ? strrchr(row->object_path, '/') : NULL;

	return slash ? strtoull(slash + 1, NULL, 10) : 0;
}

/* "" is as unknown as NULL. */
static json_t *text_json(const char *text)
{
	json_t *value = text && *text ? json_string(text) : NULL;

	return value ? value : json_null();
}

static json_t *session_json(const struct transfer_session_row *row)
{
	return json_pack("{s:s, s:I, s:s?, s:s?, s:o, s:o, s:o, s:i, s:i, s:I, s:I}", "session",
		row->identifier, "number", (json_int_t)number_of(row), "kind",
		transfer_session_kind_get_name(row->kind), "state",
		transfer_session_state_get_name(row->state), "app_id", text_json(row->app_id),
		"description", text_json(row->description), "client", text_json(row->client_name),
		"tasks", (int)row->n_tasks, "active_tasks", (int)row->n_active_tasks,
		"pending_events", (json_int_t)row->n_pending_events, "created_usec",
		(json_int_t)row->created_wall_usec);
}

static const struct {
	const char *name, *heading;
	int flags;
	bool is_default;
} session_columns[] = {
	{ "number", "NUMBER", SCOLS_FL_RIGHT, false },
	{ "session", "SESSION", SCOLS_FL_TRUNC, true },
	{ "app", "APP", SCOLS_FL_TRUNC, false },
	{ "kind", "KIND", 0, true },
	{ "client", "CLIENT", 0, true },
	{ "tasks", "TASKS", SCOLS_FL_RIGHT, true },
	{ "active", "ACTIVE", SCOLS_FL_RIGHT, true },
	{ "events", "EVENTS", SCOLS_FL_RIGHT, true },
	{ "created", "CREATED", 0, true },
};
#define SESSION_CELL_BYTES 1024
#define N_SESSION_COLUMNS  (sizeof(session_columns) / sizeof(session_columns[0]))

static void put_plain(const struct ctx *ctx, const char *text, char *cell)
{
	char *safe = format_plain(text && *text ? text : "-", ctx->term.is_utf8);

	snprintf(cell, SESSION_CELL_BYTES, "%s", safe ? safe : "");
	free(safe);
}

static bool is_own(const struct transfer_session_row *row)
{
	return row->app_id && strcmp(row->app_id, "transferctl") == 0;
}

static void session_cells(const struct ctx *ctx, const struct transfer_session_row *row,
	char cells[N_SESSION_COLUMNS][SESSION_CELL_BYTES])
{
	char ago[FORMAT_SPAN_BYTES];
	size_t size = sizeof(cells[0]);

	snprintf(cells[0], size, "#%llu", (unsigned long long)number_of(row));
	put_plain(ctx, row->identifier, cells[1]);
	put_plain(ctx, row->app_id, cells[2]);
	snprintf(cells[3], size, "%s", transfer_session_kind_get_name(row->kind));
	snprintf(cells[4], size, "%s",
		row->state != TRANSFER_SESSION_STATE_ACTIVE     ? "ending"
			: row->client_name && *row->client_name ? "attached"
			: is_own(row)                           ? "-"
								: "not running");
	snprintf(cells[5], size, "%u", row->n_tasks);
	snprintf(cells[6], size, "%u", row->n_active_tasks);
	snprintf(cells[7], size, "%llu", (unsigned long long)row->n_pending_events);
	snprintf(cells[8], size, "%s", format_ago(row->created_wall_usec, now_wall_us(), ago));
}

static const char *session_column_name(size_t i)
{
	return i < N_SESSION_COLUMNS ? session_columns[i].name : NULL;
}

static bool has_session_column(const struct ctx *ctx, size_t i)
{
	const char *list = table_wanted(ctx);
	size_t len = strlen(session_columns[i].name);

	if (!list)
		return session_columns[i].is_default;
	for (; *list; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == len && strncmp(list, session_columns[i].name, len) == 0)
			return true;
	return false;
}

static int check_columns(const struct ctx *ctx)
{
	const char *list = table_wanted(ctx), *name;
	char hint[SUGGEST_HINT_BYTES];

	for (; list && *list; list += strcspn(list, ","), list += *list == ',') {
		size_t len = strcspn(list, ","), i = 0;

		while ((name = session_column_name(i)) &&
			(strlen(name) != len || strncmp(name, list, len) != 0))
			i++;
		if (!name)
			return ctx_fail(ctx, EXIT_CODE_USAGE,
				suggest_hint(list, len, session_column_name,
					"\"transferctl sessions --columns=help\" lists them.",
					hint),
				"no column \"%.*s\"", (int)len, list);
	}
	return 0;
}

static void print_sessions(const struct ctx *ctx, const transfer_session_list *list)
{
	char cells[N_SESSION_COLUMNS][SESSION_CELL_BYTES];
	struct libscols_table *table = scols_new_table();

	if (!table)
		return;
	scols_table_enable_noheadings(table, ctx->options.no_legend);
	scols_table_set_termforce(
		table, ctx->term.out_is_tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (!ctx->options.is_full)
		scols_table_set_termwidth(table, term_columns(stdout));
	for (size_t c = 0; c < N_SESSION_COLUMNS; c++)
		if (has_session_column(ctx, c))
			scols_table_new_column(table, session_columns[c].heading, 0,
				ctx->options.is_full ? session_columns[c].flags & ~SCOLS_FL_TRUNC
						     : session_columns[c].flags);
	for (size_t i = 0; i < transfer_session_list_get_size(list); i++) {
		struct libscols_line *row = scols_table_new_line(table, NULL);
		size_t n = 0;

		session_cells(ctx, transfer_session_list_get(list, i), cells);
		for (size_t c = 0; row && c < N_SESSION_COLUMNS; c++)
			if (has_session_column(ctx, c))
				scols_line_set_data(row, n++, cells[c]);
	}
	scols_print_table(table);
	scols_unref_table(table);
}

int cmd_sessions(struct ctx *ctx, int argc, char **argv)
{
	transfer_auto(transfer_session_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	json_t *all;
	size_t n;
	int r;

	(void)argc;
	(void)argv;
	if (table_wanted(ctx) && strcmp(table_wanted(ctx), "help") == 0) {
		for (n = 0; n < N_SESSION_COLUMNS; n++)
			puts(session_columns[n].name);
		return EXIT_CODE_OK;
	}
	ctx->can_start = true;
	r = check_columns(ctx);
	if (r == 0)
		r = ctx_connect(ctx);
	if (r)
		return r;
	if (transfer_manager_list_sessions(ctx->manager, &list, &error))
		return ctx_fail_error(ctx, NULL, error);
	n = transfer_session_list_get_size(list);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		all = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append_new(
				all, session_json(transfer_session_list_get(list, i)));
		view_print_json(ctx, all);
		return EXIT_CODE_OK;
	}
	if (n)
		print_sessions(ctx, list);
	if (ctx->options.no_legend || ctx->options.is_quiet)
		return EXIT_CODE_OK;
	printf("%s%zu session%s.\n", n ? "\n" : "", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < n; i++) {
		const struct transfer_session_row *row = transfer_session_list_get(list, i);

		/* those of our own sessions nobody waits for; they go with the tasks */
		if (row->n_pending_events && !is_own(row) &&
			!(row->client_name && *row->client_name))
			printf("%llu event%s for %s; see \"transferctl events %s\".\n",
				(unsigned long long)row->n_pending_events,
				row->n_pending_events == 1 ? " waits" : "s wait", row->identifier,
				row->identifier);
	}
	return EXIT_CODE_OK;
}

/* ---- stats ---- */

static int stat_json(const char *name, uint64_t value, void *user)
{
	char key[64];
	size_t i;

	for (i = 0; name[i] && i + 1 < sizeof(key); i++)
		key[i] = name[i] == '-' ? '_' : name[i];
	key[i] = 0;
	json_object_set_new(user, key, json_integer((json_int_t)value));
	return 0;
}

static int stat_line(const char *name, uint64_t value, void *user)
{
	const struct ctx *ctx = user;
	char text[FORMAT_SIZE_BYTES];
	bool is_size = strstr(name, "bytes") != NULL, is_rate = strstr(name, "rate") != NULL;

	if (strcmp(name, "started-usec") == 0) {
		char date[FORMAT_DATE_BYTES];

		printf("%20s: %s\n", "started", format_date(value, date));
		return 0;
	}
	if (is_size)
		format_size(value, ctx->options.is_exact, text);
	else if (is_rate && (value || ctx->options.is_exact))
		format_rate(value, ctx->options.is_exact, text);
	else if (is_rate)
		snprintf(text, sizeof(text), "0 B/s");
	else
		snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	printf("%20s: %s\n", name, text);
	return 0;
}

static void print_limits(const struct ctx *ctx, const struct transfer_service *s)
{
	char down[FORMAT_SIZE_BYTES], up[FORMAT_SIZE_BYTES];
	bool is_exact = ctx->options.is_exact;

	printf("%20s: %s\n%20s: %s\n%20s: %u\n%20s: %u\n%20s: %s\n", "limit-down",
		s->max_download_rate_bps ? format_rate(s->max_download_rate_bps, is_exact, down)
					 : "none",
		"limit-up",
		s->max_upload_rate_bps ? format_rate(s->max_upload_rate_bps, is_exact, up) : "none",
		"limit-tasks", s->max_active_tasks, "limit-connections",
		s->max_connections_per_host, "mode", s->is_paused ? "paused" : "running");
}

/* No limit is null. */
static void set_limits(json_t *o, const struct transfer_service *s)
{
	json_object_set_new(o, "limit_down",
		s->max_download_rate_bps ? json_integer((json_int_t)s->max_download_rate_bps)
					 : json_null());
	json_object_set_new(o, "limit_up",
		s->max_upload_rate_bps ? json_integer((json_int_t)s->max_upload_rate_bps)
				       : json_null());
	json_object_set_new(o, "limit_tasks", json_integer(s->max_active_tasks));
	json_object_set_new(o, "limit_connections", json_integer(s->max_connections_per_host));
	json_object_set_new(o, "mode", json_string(s->is_paused ? "paused" : "running"));
}

static const struct {
	const char *statistic, *metric, *type, *help;
} metrics[] = {
	{ "tasks-queued", "transferd_tasks{state=\"queued\"}", "gauge", "Tasks by state." },
	{ "tasks-active", "transferd_tasks{state=\"active\"}", NULL, NULL },
	{ "tasks-waiting", "transferd_tasks{state=\"waiting\"}", NULL, NULL },
	{ "tasks-suspended", "transferd_tasks{state=\"suspended\"}", NULL, NULL },
	{ "tasks-completed", "transferd_tasks{state=\"completed\"}", NULL, NULL },
	{ "tasks-failed", "transferd_tasks{state=\"failed\"}", NULL, NULL },
	{ "tasks-cancelled", "transferd_tasks{state=\"cancelled\"}", NULL, NULL },
	{ "bytes-received", "transferd_received_bytes_total", "counter",
		"Payload bytes received." },
	{ "bytes-sent", "transferd_sent_bytes_total", "counter", "Payload bytes sent." },
	{ "retries", "transferd_retries_total", "counter", "Attempts that were tried again." },
	{ "commits", "transferd_commits_total", "counter", "Transactions of the database." },
	{ "events-pending", "transferd_events_pending", "gauge",
		"Delegate events not yet acknowledged." },
	{ "database-bytes", "transferd_database_bytes", "gauge", "Size of the database." },
};

static void print_metrics(const transfer_statistics *statistics)
{
	uint64_t value;

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		size_t len = strcspn(metrics[i].metric, "{");

		if (!transfer_statistics_get(statistics, metrics[i].statistic, &value))
			continue;
		if (metrics[i].type)
			printf("# HELP %.*s %s\n# TYPE %.*s %s\n", (int)len, metrics[i].metric,
				metrics[i].help, (int)len, metrics[i].metric, metrics[i].type);
		printf("%s %llu\n", metrics[i].metric, (unsigned long long)value);
	}
}

int cmd_stats(struct ctx *ctx, int argc, char **argv)
{
	transfer_auto(transfer_statistics) statistics = NULL;
	transfer_auto(transfer_error) error = NULL;
	struct transfer_service service = { .size = sizeof(service) };
	json_t *all;
	int r = ctx_connect(ctx);

	(void)argc;
	(void)argv;
	if (r)
		return r;
	if (transfer_manager_get_statistics(ctx->manager, &statistics, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->options.as_metrics) {
		print_metrics(statistics);
		return EXIT_CODE_OK;
	}
	if (transfer_manager_get_service(ctx->manager, &service, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->term.json == OPTIONS_JSON_OFF) {
		transfer_statistics_foreach(statistics, stat_line, ctx);
		print_limits(ctx, &service);
		return EXIT_CODE_OK;
	}
	all = json_object();
	transfer_statistics_foreach(statistics, stat_json, all);
	set_limits(all, &service);
	view_print_json(ctx, all);
	return EXIT_CODE_OK;
}
