/* SPDX-License-Identifier: MIT */
/* list, status, show: they look and change nothing. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/now.h"
#include "cli/format.h"
#include "cli/pager.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/view.h"

#define LOOK_ROWS_ON_TERMINAL 20000
#define LOOK_PAGES_MAX        1024

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
	size_t n_pages, n_counted[VIEW_LOOKS];
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
		(ctx->term.out_is_tty && g->rows.n >= LOOK_ROWS_ON_TERMINAL && !ctx->options.sort &&
			!ctx->options.is_reverse)) {
		g->is_cut = true;
		return -1;
	}
	g->pages[g->n_pages++] = transfer_task_list_ref(list);
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		const struct transfer_task_row *row = transfer_task_list_get(list, i);

		g->n_counted[view_look(row)]++;
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

	if (!g->rows.n) {
		puts(ctx->options.is_all ? "No task."
					 : "No unfinished task.  Pass --all to see finished ones.");
		return;
	}
	printf("\n%zu task%s", g->rows.n, g->rows.n == 1 ? "" : "s");
	for (size_t i = 0; i < VIEW_LOOKS; i++) {
		if (!g->n_counted[i])
			continue;
		printf("%s%zu %s", separator, g->n_counted[i], view_look_word(i));
		separator = ", ";
	}
	printf(".%s\n", g->is_cut ? "  There are more: narrow it down, or pipe the output." : "");
	printf("%s %s  %s %s.%s\n", ctx->term.is_utf8 ? "↓" : "down",
		g->receive_bps ? format_rate(g->receive_bps, false, down) : "0 B/s",
		ctx->term.is_utf8 ? "↑" : "up",
		g->send_bps ? format_rate(g->send_bps, false, up) : "0 B/s",
		ctx->options.is_all ? "" : "  Finished tasks are hidden; pass --all to see them.");
}

/* A list that is longer than the window goes through a pager. */
static bool start_pager(const struct ctx *ctx, const struct gather *g)
{
	if (!ctx->term.out_is_tty || ctx->options.no_pager || g->rows.n + 4 <= term_rows(stdout))
		return false;
	return pager_start() == 0;
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
		bool has_pager = start_pager(ctx, g);

		r = table_sort(ctx, &g->rows);
		if (r == 0 && (g->rows.n || wanted))
			r = table_print(ctx, &g->rows, now_wall_us());
		if (r == 0 && !ctx->options.no_legend && !ctx->options.is_quiet &&
			(g->rows.n || !select.n_missing))
			print_legend(ctx, g);
		if (has_pager)
			pager_end();
	}
	if (r == 0 && select.n_missing)
		r = EXIT_CODE_NOT_FOUND;
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
		if ((*n)++)
			putchar('\n');
		status_task(ctx, transfer_task_list_get(list, i));
	}
	return 0;
}

static void service_json(const struct ctx *ctx, const struct transfer_service *s)
{
	view_print_json(ctx,
		json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i}", "running", 1,
			"version", s->version, "metered", s->metered, "mode",
			s->is_paused ? "paused" : "running", "network", s->network_state,
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

	if (is_idle(ctx)) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			view_print_json(ctx,
				json_pack("{s:b, s:n, s:n, s:i, s:i}", "running", 0, "version",
					"mode", "active_tasks", 0, "queued_tasks", 0));
		return EXIT_CODE_OK;
	}
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

static int collect_json(struct ctx *ctx, transfer_task_list *list, void *user)
{
	(void)ctx;
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++)
		json_array_append_new(user, view_json(transfer_task_list_get(list, i)));
	return 0;
}

/* status and show as JSON: one object for one task named by its number, else an array. */
static int print_tasks_json(struct ctx *ctx, struct select *select)
{
	bool is_one = select->n_ids == 1 && !select->n_filters;
	json_t *all = json_array(), *one;
	int r = select_each_page(ctx, select, collect_json, all);

	if (r == 0 && is_one && json_array_size(all) == 1) {
		one = json_incref(json_array_get(all, 0));
		json_decref(all);
		view_print_json(ctx, one);
		return 0;
	}
	if (r == 0 && !is_one)
		view_print_json(ctx, json_incref(all));
	json_decref(all);
	return r ? r : select->n_missing ? EXIT_CODE_NOT_FOUND : EXIT_CODE_OK;
}

static int none_found(const struct ctx *ctx, const struct select *select)
{
	if (select->n_missing)
		return EXIT_CODE_NOT_FOUND;
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
	transfer_manager_set_autostart(ctx->manager, true);
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		r = print_tasks_json(ctx, &select);
	} else {
		r = select_each_page(ctx, &select, status_page, &n);
		if (r == 0 && (n == 0 || select.n_missing))
			r = none_found(ctx, &select);
	}
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

/* Each word of --property must be one that a task has. */
static int check_properties(const struct ctx *ctx)
{
	struct transfer_task_row none = { 0 };
	const char *list = ctx->options.properties, *key;
	json_t *o, *value;
	char name[64];

	if (!list)
		return 0;
	o = view_json(&none);
	for (; *list; list += strcspn(list, ","), list += *list == ',') {
		size_t len = strcspn(list, ",");
		bool is_known = false;

		json_object_foreach(o, key, value)
		{
			property_name(key, name, sizeof(name));
			is_known = is_known ||
				(strlen(name) == len && strncasecmp(list, name, len) == 0);
		}
		if (!is_known) {
			json_decref(o);
			return ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
				"\"transferctl show TASK\" prints all of them.",
				"no property \"%.*s\"", (int)len, list);
		}
	}
	json_decref(o);
	return 0;
}

static char *property_text(json_t *value)
{
	json_t *name = json_object_get(value, "name");
	char *text;

	if (json_is_null(value))
		return strdup("");
	if (json_is_string(value))
		return format_safe(json_string_value(value));
	if (json_is_string(name))
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

		if ((*n)++ && !ctx->options.only_values)
			putchar('\n');
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

	r = check_properties(ctx);
	if (r)
		return r;
	if (argc > 0) {
		transfer_manager_set_autostart(ctx->manager, true);
	} else if (is_idle(ctx)) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			puts("[]");
		return EXIT_CODE_OK;
	}
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		r = print_tasks_json(ctx, &select);
	} else {
		r = select_each_page(ctx, &select, show_page, &n);
		if (r == 0 && argc > 0 && (n == 0 || select.n_missing))
			r = none_found(ctx, &select);
	}
	select_done(&select);
	return r;
}
