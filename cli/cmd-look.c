/* SPDX-License-Identifier: MIT */
/* list, status, show, sessions, stats: they look and change nothing. */
#include "cli/command.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/format.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/view.h"

#define LOOK_ROWS_ON_TERMINAL 1000
#define LOOK_PAGES_MAX        1024

static uint64_t now_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Whether the daemon runs; says that it is idle when the command may not start it. */
static bool is_idle(struct ctx *ctx)
{
	if (ctx->options.is_all || transfer_manager_is_running(ctx->manager, NULL) != 0)
		return false;
	ctx_note(ctx,
		"transferd is idle: nothing is running or queued.\n"
		"Hint: \"transferctl list --all\" starts it and shows suspended and finished tasks.");
	return true;
}

/* ---- list ---- */

struct gather {
	transfer_task_list *pages[LOOK_PAGES_MAX];
	size_t n_pages, n_counted[16];
	struct table_rows rows;
	bool is_cut, is_streamed, is_first;
	uint64_t receive_bps, send_bps;
};

static void print_json_rows(const struct ctx *ctx, const transfer_task_list *list, struct gather *g)
{
	size_t flags = ctx->term.json == OPTIONS_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;

	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		json_t *o = view_json(transfer_task_list_get(list, i));

		fputs(g->is_first ? "[" : ",", stdout);
		if (ctx->term.json == OPTIONS_JSON_PRETTY)
			putchar('\n');
		g->is_first = false;
		json_dumpf(o, stdout, flags);
		json_decref(o);
	}
}

static int gather_page(struct ctx *ctx, transfer_task_list *list, void *user)
{
	struct gather *g = user;

	if (ctx->term.json != OPTIONS_JSON_OFF) {
		print_json_rows(ctx, list, g);
		return 0;
	}
	if (g->is_cut || g->n_pages == LOOK_PAGES_MAX ||
		(ctx->term.out_is_tty && g->rows.n >= LOOK_ROWS_ON_TERMINAL &&
			!ctx->options.sort)) {
		g->is_cut = true;
		return -1;
	}
	g->pages[g->n_pages++] = transfer_task_list_ref(list);
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		const struct transfer_task_row *row = transfer_task_list_get(list, i);

		if ((size_t)row->sub_state < 16)
			g->n_counted[row->sub_state]++;
		g->receive_bps += row->receive_rate_bps;
		g->send_bps += row->send_rate_bps;
		if (table_add(&g->rows, row))
			return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	}
	return 0;
}

static void print_legend(const struct ctx *ctx, const struct gather *g)
{
	char down[FORMAT_SIZE_BYTES], up[FORMAT_SIZE_BYTES];
	const char *separator = ": ";

	printf("\n%zu task%s", g->rows.n, g->rows.n == 1 ? "" : "s");
	for (size_t i = 0; i < 16; i++) {
		const char *word = transfer_task_sub_state_get_name(
			(enum transfer_task_sub_state)i);

		if (!g->n_counted[i] || !word)
			continue;
		printf("%s%zu %s", separator, g->n_counted[i], word);
		separator = ", ";
	}
	printf(".%s\n", g->is_cut ? "  There are more: narrow it down, or pipe the output." : "");
	printf("%s %s  %s %s.%s\n", ctx->term.is_utf8 ? "↓" : "down",
		g->receive_bps ? format_rate(g->receive_bps, false, down) : "0 B/s",
		ctx->term.is_utf8 ? "↑" : "up",
		g->send_bps ? format_rate(g->send_bps, false, up) : "0 B/s",
		ctx->options.is_all ? "" : "  Finished tasks are hidden; pass --all to see them.");
}

int cmd_list(struct ctx *ctx, int argc, char **argv)
{
	const char *wanted = ctx->options.columns ? ctx->options.columns : ctx->options.output;
	struct gather *g;
	struct select select;
	int r;

	if (wanted && strcmp(wanted, "help") == 0) {
		table_print_columns();
		return EXIT_CODE_OK;
	}
	if (is_idle(ctx)) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			puts("[]");
		return EXIT_CODE_OK;
	}
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	g->is_first = true;
	r = select_each_page(ctx, &select, gather_page, g);
	if (r < 0)
		r = 0;
	if (r == 0 && ctx->term.json != OPTIONS_JSON_OFF)
		puts(g->is_first ? "[]" : ctx->term.json == OPTIONS_JSON_PRETTY ? "\n]" : "]");
	if (r == 0 && ctx->term.json == OPTIONS_JSON_OFF) {
		r = table_sort(ctx, &g->rows);
		if (r == 0 && (g->rows.n || wanted))
			r = table_print(ctx, &g->rows, now_wall_us());
		if (r == 0 && !ctx->options.no_legend && !ctx->options.is_quiet)
			print_legend(ctx, g);
	}
	if (r == 0 && select.is_exact && g->rows.n == 0 && ctx->term.json == OPTIONS_JSON_OFF)
		r = ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
			"finished tasks are listed with \"transferctl list --all\"; IDs are never reused.",
			"no task %llu", (unsigned long long)select.ids[0]);
	for (size_t i = 0; i < g->n_pages; i++)
		transfer_task_list_unref(g->pages[i]);
	table_done(&g->rows);
	free(g);
	select_done(&select);
	return r;
}

/* ---- status ---- */

static void line(const char *name, const char *value)
{
	char *safe;

	if (!value || !*value)
		return;
	safe = format_safe(value);
	printf("%12s: %s\n", name, safe ? safe : "");
	free(safe);
}

static void status_state(const struct transfer_task_row *row, uint64_t now_us)
{
	char text[256], ago[FORMAT_SPAN_BYTES], why[VIEW_WHY_BYTES];

	view_why(row, now_us, why);
	if (view_is_finished(row))
		snprintf(text, sizeof(text), "%s %s, %u attempt%s", view_word(row),
			format_ago(row->finished_wall_usec, now_us, ago), row->n_attempts,
			row->n_attempts == 1 ? "" : "s");
	else
		snprintf(text, sizeof(text), "%s%s%s, %u attempt%s", view_word(row),
			*why ? ": " : "", why, row->n_attempts, row->n_attempts == 1 ? "" : "s");
	line("State", text);
}

static void status_done(const struct ctx *ctx, const struct transfer_task_row *row)
{
	char done[FORMAT_SIZE_BYTES], all[FORMAT_SIZE_BYTES], rate[FORMAT_SIZE_BYTES],
		eta[FORMAT_SPAN_BYTES], text[200];
	int64_t total = view_total_bytes(row);
	size_t used;

	format_size(view_done_bytes(row), ctx->options.is_exact, done);
	if (total >= 0)
		used = (size_t)snprintf(text, sizeof(text), "%s of %s (%.0f%%)", done,
			format_size((uint64_t)total, ctx->options.is_exact, all),
			total ? (double)view_done_bytes(row) * 100 / (double)total : 100.0);
	else
		used = (size_t)snprintf(text, sizeof(text), "%s, size unknown", done);
	if (view_rate_bps(row) && !view_is_finished(row) && used < sizeof(text))
		used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s",
			format_rate(view_rate_bps(row), ctx->options.is_exact, rate));
	if (row->eta_usec != UINT64_MAX && !view_is_finished(row) && used < sizeof(text))
		snprintf(text + used, sizeof(text) - used, ", %s left",
			format_span(row->eta_usec, eta));
	line(row->kind == TRANSFER_TASK_UPLOAD ? "Sent" : "Done", text);
}

static void status_error(const char *name, const transfer_error *error)
{
	const transfer_error *under = error ? transfer_error_get_underlying(error) : NULL;
	char text[400];

	if (!error)
		return;
	snprintf(text, sizeof(text), "%s (%d): %s%s%s", transfer_error_get_name(error),
		transfer_error_get_code(error), transfer_error_get_message(error),
		under ? ": " : "", under ? transfer_error_get_message(under) : "");
	line(name, text);
}

static void status_hint(const struct transfer_task_row *row)
{
	char kept[FORMAT_SIZE_BYTES];

	if (row->error && row->is_resumable && row->received_bytes > 0)
		printf("\nHint: \"transferctl retry %llu\" continues at %s.\n",
			(unsigned long long)row->id,
			format_size((uint64_t)row->received_bytes, false, kept));
	else if (row->error)
		printf("\nHint: \"transferctl retry %llu\" tries again from the start.\n",
			(unsigned long long)row->id);
	else if (row->sub_state == TRANSFER_SUB_STATE_SUSPENDED)
		printf("\nHint: \"transferctl resume %llu\" lets it go on.\n",
			(unsigned long long)row->id);
}

static void status_response(const struct transfer_task_row *row)
{
	char text[160];
	const char *mime;

	if (!row->response)
		return;
	mime = transfer_response_get_mime_type(row->response);
	snprintf(text, sizeof(text), "HTTP/%s %d%s%s",
		transfer_response_get_http_version(row->response)
			? transfer_response_get_http_version(row->response)
			: "?",
		transfer_response_get_status(row->response), mime ? ", " : "", mime ? mime : "");
	line("Response", text);
}

static void status_task(const struct ctx *ctx, const struct transfer_task_row *row)
{
	uint64_t now_us = now_wall_us();
	char text[FORMAT_DATE_BYTES + 32], *name = format_safe(row->name ? row->name : row->url);

	printf("%s%s%s %llu %s\n", term_color(&ctx->term, view_color(row)),
		view_mark(&ctx->term, row), term_color(&ctx->term, TERM_PLAIN),
		(unsigned long long)row->id, name ? name : "");
	free(name);
	snprintf(text, sizeof(text), "(%s)", transfer_session_kind_get_name(row->session_kind));
	printf("%12s: %s %s\n", "Session", row->session ? row->session : "-", text);
	line("Note", row->description);
	status_state(row, now_us);
	line(row->kind == TRANSFER_TASK_UPLOAD ? "Target" : "Source", row->url);
	if (row->current_url && row->url && strcmp(row->current_url, row->url) != 0)
		line("Now at", row->current_url);
	line("File",
		row->kind == TRANSFER_TASK_UPLOAD ? row->source
			: row->path               ? row->path
						  : row->destination);
	status_done(ctx, row);
	status_response(row);
	if (row->digest_hex) {
		char digest[200];

		snprintf(digest, sizeof(digest), "%s:%s", row->digest_algorithm, row->digest_hex);
		line("Digest", digest);
	}
	status_error("Error", row->error);
	status_error("Last error", row->error ? NULL : row->last_error);
	if (row->kind == TRANSFER_TASK_DOWNLOAD && !view_is_finished(row) && row->response)
		line("Resumes",
			row->is_resumable ? "yes, from the bytes that are here"
					  : "no, it would start over");
	line("Created", format_date(row->created_wall_usec, text));
	if (row->not_before_wall_usec > now_us)
		line("Not before", format_date(row->not_before_wall_usec, text));
	status_hint(row);
}

static int status_page(struct ctx *ctx, transfer_task_list *list, void *user)
{
	size_t *n = user;

	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		if (ctx->term.json != OPTIONS_JSON_OFF) {
			view_print_json(ctx, view_json(transfer_task_list_get(list, i)));
		} else {
			if (*n)
				putchar('\n');
			status_task(ctx, transfer_task_list_get(list, i));
		}
		(*n)++;
	}
	return 0;
}

static void service_json(const struct ctx *ctx, const struct transfer_service *s)
{
	view_print_json(ctx,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i}", "version", s->version,
			"mode", s->is_paused ? "paused" : "running", "network", s->network_state,
			"max_download_rate", (json_int_t)s->max_download_rate_bps,
			"max_upload_rate", (json_int_t)s->max_upload_rate_bps, "max_active_tasks",
			(int)s->max_active_tasks, "max_connections_per_host",
			(int)s->max_connections_per_host, "active_tasks", (int)s->n_active_tasks,
			"queued_tasks", (int)s->n_queued_tasks));
}

static int status_service(struct ctx *ctx)
{
	struct transfer_service s = { .size = sizeof(s) };
	transfer_auto(transfer_error) error = NULL;
	char down[FORMAT_SIZE_BYTES], up[FORMAT_SIZE_BYTES];

	if (is_idle(ctx))
		return EXIT_CODE_OK;
	if (transfer_manager_get_service(ctx->manager, &s, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		service_json(ctx, &s);
		return EXIT_CODE_OK;
	}
	printf("%s transferd %s\n", ctx->term.is_utf8 ? "●" : "*", s.version);
	printf("%12s: %s\n", "Mode",
		s.is_paused ? "paused (\"transferctl limit mode=running\" goes on)" : "running");
	printf("%12s: %s\n", "Network", s.network_state);
	printf("%12s: %u running, %u queued\n", "Tasks", s.n_active_tasks, s.n_queued_tasks);
	printf("%12s: down %s, up %s, %u at once, %u connections for each host\n", "Limits",
		s.max_download_rate_bps ? format_rate(s.max_download_rate_bps, false, down)
					: "none",
		s.max_upload_rate_bps ? format_rate(s.max_upload_rate_bps, false, up) : "none",
		s.max_active_tasks, s.max_connections_per_host);
	return EXIT_CODE_OK;
}

static int none_found(const struct ctx *ctx, const struct select *select)
{
	if (select->is_exact)
		return ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
			"finished tasks are listed with \"transferctl list --all\"; IDs are never reused.",
			"no task %llu", (unsigned long long)select->ids[0]);
	return ctx_fail(
		ctx, EXIT_CODE_NOT_FOUND, "pass --all to include finished tasks.", "no such task");
}

int cmd_status(struct ctx *ctx, int argc, char **argv)
{
	struct select select;
	size_t n = 0;
	int r;

	if (argc == 0)
		return status_service(ctx);
	if (is_idle(ctx))
		transfer_manager_set_autostart(ctx->manager, true);
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	r = select_each_page(ctx, &select, status_page, &n);
	if (r == 0 && n == 0)
		r = none_found(ctx, &select);
	select_done(&select);
	return r;
}

/* ---- show ---- */

/* "bytes_received" -> "BytesReceived"; "id" -> "Id" */
static void property_name(const char *key, char *buf, size_t size)
{
	size_t used = 0;
	bool is_start = true;

	for (; *key && used + 1 < size; key++) {
		if (*key == '_') {
			is_start = true;
			continue;
		}
		buf[used++] = is_start && *key >= 'a' && *key <= 'z' ? (char)(*key - 'a' + 'A')
								     : *key;
		is_start = false;
	}
	buf[used] = 0;
}

static bool is_wanted(const struct ctx *ctx, const char *name)
{
	const char *list = ctx->options.properties;

	if (!list)
		return true;
	while (*list) {
		size_t len = strcspn(list, ",");

		if (strlen(name) == len && strncasecmp(list, name, len) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

static char *property_text(json_t *value)
{
	json_t *name = json_object_get(value, "name");
	char *text;

	if (json_is_null(value))
		return strdup("");
	if (json_is_string(value))
		return format_safe(json_string_value(value));
	if (name && json_is_string(name))
		return strdup(json_string_value(name));
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	return text;
}

static int show_page(struct ctx *ctx, transfer_task_list *list, void *user)
{
	size_t *n = user;

	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		json_t *o = view_json(transfer_task_list_get(list, i)), *value;
		const char *key;
		char name[64];

		if ((*n)++ && ctx->term.json == OPTIONS_JSON_OFF && !ctx->options.only_values)
			putchar('\n');
		if (ctx->term.json != OPTIONS_JSON_OFF) {
			view_print_json(ctx, o);
			continue;
		}
		json_object_foreach(o, key, value)
		{
			char *text;

			property_name(key, name, sizeof(name));
			if (!is_wanted(ctx, name))
				continue;
			text = property_text(value);
			if (ctx->options.only_values)
				printf("%s\n", text ? text : "");
			else
				printf("%s=%s\n", name, text ? text : "");
			free(text);
		}
		json_decref(o);
	}
	return 0;
}

int cmd_show(struct ctx *ctx, int argc, char **argv)
{
	struct select select;
	size_t n = 0;
	int r;

	if (argc > 0)
		transfer_manager_set_autostart(ctx->manager, true);
	else if (is_idle(ctx))
		return EXIT_CODE_OK;
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	r = select_each_page(ctx, &select, show_page, &n);
	if (r == 0 && n == 0 && argc > 0)
		r = none_found(ctx, &select);
	select_done(&select);
	return r;
}

/* ---- sessions ---- */

static json_t *session_json(const struct transfer_session_row *row)
{
	return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:i, s:i, s:I, s:I}", "session",
		row->identifier, "kind", transfer_session_kind_get_name(row->kind), "state",
		transfer_session_state_get_name(row->state), "app_id", row->app_id, "description",
		row->description, "client", row->client_name, "tasks", (int)row->n_tasks,
		"active_tasks", (int)row->n_active_tasks, "pending_events",
		(json_int_t)row->n_pending_events, "created_usec",
		(json_int_t)row->created_wall_usec);
}

static const struct {
	const char *name, *heading;
	int flags;
} session_columns[] = {
	{ "session", "SESSION", 0 },
	{ "app", "APP", SCOLS_FL_TRUNC },
	{ "kind", "KIND", 0 },
	{ "client", "CLIENT", 0 },
	{ "tasks", "TASKS", SCOLS_FL_RIGHT },
	{ "active", "ACTIVE", SCOLS_FL_RIGHT },
	{ "events", "EVENTS", SCOLS_FL_RIGHT },
	{ "created", "CREATED", 0 },
};
#define N_SESSION_COLUMNS (sizeof(session_columns) / sizeof(session_columns[0]))

static void session_cells(const struct transfer_session_row *row, uint64_t now_us,
	char cells[N_SESSION_COLUMNS][FORMAT_DATE_BYTES + 16])
{
	char ago[FORMAT_SPAN_BYTES];
	size_t size = sizeof(cells[0]);

	snprintf(cells[0], size, "%.60s", row->identifier);
	snprintf(cells[1], size, "%.60s", row->app_id ? row->app_id : "-");
	snprintf(cells[2], size, "%s", transfer_session_kind_get_name(row->kind));
	snprintf(cells[3], size, "%s",
		row->client_name && *row->client_name ? "attached" : "not running");
	snprintf(cells[4], size, "%u", row->n_tasks);
	snprintf(cells[5], size, "%u", row->n_active_tasks);
	snprintf(cells[6], size, "%llu", (unsigned long long)row->n_pending_events);
	snprintf(cells[7], size, "%s", format_ago(row->created_wall_usec, now_us, ago));
}

static bool has_session_column(const struct ctx *ctx, const char *name)
{
	const char *list = ctx->options.columns ? ctx->options.columns : ctx->options.output;
	const char *at = list ? strstr(list, name) : NULL;

	return !list || (at && (at == list || at[-1] == ',') && strchr(",", at[strlen(name)]));
}

static void print_sessions(const struct ctx *ctx, const transfer_session_list *list)
{
	char cells[N_SESSION_COLUMNS][FORMAT_DATE_BYTES + 16];
	struct libscols_table *table = scols_new_table();

	if (!table)
		return;
	scols_table_enable_noheadings(table, ctx->options.no_legend);
	scols_table_set_termforce(
		table, ctx->term.out_is_tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	scols_table_set_termwidth(table, term_columns(stdout));
	for (size_t c = 0; c < N_SESSION_COLUMNS; c++)
		if (has_session_column(ctx, session_columns[c].name))
			scols_table_new_column(
				table, session_columns[c].heading, 0, session_columns[c].flags);
	for (size_t i = 0; i < transfer_session_list_get_size(list); i++) {
		struct libscols_line *row = scols_table_new_line(table, NULL);
		size_t n = 0;

		session_cells(transfer_session_list_get(list, i), now_wall_us(), cells);
		for (size_t c = 0; row && c < N_SESSION_COLUMNS; c++)
			if (has_session_column(ctx, session_columns[c].name))
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

	(void)argc;
	(void)argv;
	transfer_manager_set_autostart(ctx->manager, true);
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

		if (row->n_pending_events && !(row->client_name && *row->client_name))
			printf("%llu events wait for %s; see \"transferctl events %s\".\n",
				(unsigned long long)row->n_pending_events, row->identifier,
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
	else if (is_rate && value)
		format_rate(value, ctx->options.is_exact, text);
	else
		snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	printf("%20s: %s\n", name, text);
	return 0;
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
	json_t *all;

	(void)argc;
	(void)argv;
	if (transfer_manager_get_statistics(ctx->manager, &statistics, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->options.as_metrics) {
		print_metrics(statistics);
		return EXIT_CODE_OK;
	}
	if (ctx->term.json == OPTIONS_JSON_OFF) {
		transfer_statistics_foreach(statistics, stat_line, ctx);
		return EXIT_CODE_OK;
	}
	all = json_object();
	transfer_statistics_foreach(statistics, stat_json, all);
	view_print_json(ctx, all);
	return EXIT_CODE_OK;
}
