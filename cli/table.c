/* SPDX-License-Identifier: MIT */
/* One row per column: name, heading, alignment, how to print a cell, how to compare two tasks. */
#include "cli/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/view.h"

#define TABLE_CELL_BYTES  32768 /* as long as the longest URL; only what is cut is lost */
#define TABLE_COLUMNS_MAX 24

struct cell {
	const struct ctx *ctx;
	const struct transfer_task_row *row;
	uint64_t now_wall_us;
	char text[TABLE_CELL_BYTES];
};

static const char *cell_mark(struct cell *c)
{
	return view_mark(&c->ctx->term, c->row);
}

static const char *cell_id(struct cell *c)
{
	snprintf(c->text, sizeof(c->text), "%llu", (unsigned long long)c->row->id);
	return c->text;
}

static const char *cell_state(struct cell *c)
{
	return view_word(c->row);
}

static const char *cell_session(struct cell *c)
{
	return c->row->session ? c->row->session : "-";
}

static const char *cell_progress(struct cell *c)
{
	int64_t total = view_total_bytes(c->row);
	double share = total > 0 ? (double)view_done_bytes(c->row) / (double)total : -1;
	char *bar;

	if (c->row->sub_state == TRANSFER_SUB_STATE_DONE)
		share = 1;
	bar = term_bar_text(&c->ctx->term, share, 12);
	if (share >= 0)
		snprintf(c->text, sizeof(c->text), "%s %3.0f%%", bar ? bar : "",
			share > 1 ? 100 : share * 100);
	else
		snprintf(c->text, sizeof(c->text), "%s    -", bar ? bar : "");
	free(bar);
	return c->text;
}

static const char *cell_rate(struct cell *c)
{
	return format_rate(view_rate_bps(c->row), c->ctx->options.is_exact, c->text);
}

static const char *cell_eta(struct cell *c)
{
	uint64_t until_us = c->row->waiting_until_wall_usec;

	if (c->row->eta_usec != UINT64_MAX && !view_is_finished(c->row))
		return format_span(c->row->eta_usec, c->text);
	if (until_us > c->now_wall_us)
		return format_span(until_us - c->now_wall_us, c->text);
	return "-";
}

static const char *plain(struct cell *c, const char *text)
{
	char *safe = format_plain(text ? text : "-", c->ctx->term.is_utf8);

	snprintf(c->text, sizeof(c->text), "%s", safe ? safe : "");
	free(safe);
	return c->text;
}

static const char *cell_name(struct cell *c)
{
	return plain(c, c->row->name ? c->row->name : c->row->url);
}

static const char *cell_why(struct cell *c)
{
	char why[VIEW_WHY_BYTES];

	if (c->row->error)
		return plain(c, transfer_error_get_message(c->row->error));
	else
		snprintf(c->text, sizeof(c->text), "%s", view_why(c->row, c->now_wall_us, why));
	return c->text;
}

static const char *cell_kind(struct cell *c)
{
	return transfer_task_kind_get_name(c->row->kind);
}

static const char *cell_priority(struct cell *c)
{
	snprintf(c->text, sizeof(c->text), "%.2f", c->row->priority);
	return c->text;
}

static const char *cell_done(struct cell *c)
{
	return format_size(view_done_bytes(c->row), c->ctx->options.is_exact, c->text);
}

static const char *cell_size(struct cell *c)
{
	int64_t total = view_total_bytes(c->row);

	return total < 0 ? "-" : format_size((uint64_t)total, c->ctx->options.is_exact, c->text);
}

static const char *cell_attempts(struct cell *c)
{
	snprintf(c->text, sizeof(c->text), "%u", c->row->n_attempts);
	return c->text;
}

static const char *cell_created(struct cell *c)
{
	return format_date(c->row->created_wall_usec, c->text);
}

static const char *cell_url(struct cell *c)
{
	return plain(c, c->row->url);
}

static const char *cell_file(struct cell *c)
{
	return plain(c, c->row->path ? c->row->path : c->row->destination);
}

static const char *cell_description(struct cell *c)
{
	return plain(c, c->row->description);
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_id(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return compare_u64(a->id, b->id);
}

static int by_rate(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return compare_u64(view_rate_bps(a), view_rate_bps(b));
}

static int by_done(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return compare_u64(view_done_bytes(a), view_done_bytes(b));
}

static int by_size(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return compare_u64(
		(uint64_t)(view_total_bytes(a) + 1), (uint64_t)(view_total_bytes(b) + 1));
}

static int by_priority(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return a->priority < b->priority ? -1 : a->priority > b->priority;
}

static int by_name(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return strcoll(a->name ? a->name : "", b->name ? b->name : "");
}

static int by_state(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return strcmp(view_word(a), view_word(b));
}

static int by_session(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return strcmp(a->session ? a->session : "", b->session ? b->session : "");
}

static int by_created(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return compare_u64(a->created_wall_usec, b->created_wall_usec);
}

static int by_eta(const struct transfer_task_row *a, const struct transfer_task_row *b)
{
	return compare_u64(a->eta_usec, b->eta_usec);
}

static const struct column {
	const char *name, *heading;
	bool is_right, can_truncate;
	const char *(*cell)(struct cell *c);
	int (*compare)(const struct transfer_task_row *a,
		const struct transfer_task_row *b); /* NULL: by id */
} columns[] = {
	{ "mark", "", false, false, cell_mark, by_state },
	{ "id", "ID", true, false, cell_id, by_id },
	{ "state", "STATE", false, false, cell_state, by_state },
	{ "session", "SESSION", false, true, cell_session, by_session },
	{ "progress", "PROGRESS", false, false, cell_progress, by_done },
	{ "rate", "RATE", true, false, cell_rate, by_rate },
	{ "eta", "ETA", true, false, cell_eta, by_eta },
	{ "name", "NAME", false, true, cell_name, by_name },
	{ "why", "WHY", false, true, cell_why, by_state },
	{ "kind", "KIND", false, false, cell_kind, NULL },
	{ "priority", "PRIORITY", true, false, cell_priority, by_priority },
	{ "done", "DONE", true, false, cell_done, by_done },
	{ "size", "SIZE", true, false, cell_size, by_size },
	{ "attempts", "ATTEMPTS", true, false, cell_attempts, NULL },
	{ "created", "CREATED", false, false, cell_created, by_created },
	{ "url", "URL", false, true, cell_url, NULL },
	{ "file", "FILE", false, true, cell_file, NULL },
	{ "description", "DESCRIPTION", false, true, cell_description, NULL },
};
#define N_COLUMNS       (sizeof(columns) / sizeof(columns[0]))
#define DEFAULT_COLUMNS "mark,id,state,session,progress,rate,eta,name"

int table_add(struct table_rows *rows, const struct transfer_task_row *row)
{
	if (rows->n == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 64;
		const struct transfer_task_row **grown = realloc(rows->rows, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rows->rows = grown;
		rows->room = room;
	}
	rows->rows[rows->n++] = row;
	return 0;
}

void table_done(struct table_rows *rows)
{
	free(rows->rows);
	*rows = (struct table_rows){ 0 };
}

static const struct column *find_column(const char *name, size_t len)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (strlen(columns[i].name) == len && strncmp(columns[i].name, name, len) == 0)
			return &columns[i];
	return NULL;
}

void table_print_columns(void)
{
	for (size_t i = 1; i < N_COLUMNS; i++)
		puts(columns[i].name);
}

struct order {
	const struct column *column;
	int sign;
};

static int compare_rows(const void *a, const void *b, void *user)
{
	const struct order *order = user;
	const struct transfer_task_row *x = *(const struct transfer_task_row *const *)a;
	const struct transfer_task_row *y = *(const struct transfer_task_row *const *)b;
	int c = order->column && order->column->compare ? order->column->compare(x, y) : 0;

	return order->sign * (c ? c : by_id(x, y));
}

int table_sort(const struct ctx *ctx, struct table_rows *rows)
{
	struct order order = { .sign = ctx->options.is_reverse ? -1 : 1 };

	if (ctx->options.sort) {
		order.column = find_column(ctx->options.sort, strlen(ctx->options.sort));
		if (!order.column)
			return ctx_fail(ctx, EXIT_CODE_USAGE,
				"\"transferctl list --columns=help\" lists them.",
				"--sort: no column \"%s\"", ctx->options.sort);
	}
	if (order.column || ctx->options.is_reverse)
		qsort_r(rows->rows, rows->n, sizeof(rows->rows[0]), compare_rows, &order);
	return 0;
}

/* Which columns, from --columns or the default; why joins the default when someone waits or failed. */
static int pick_columns(const struct ctx *ctx, const struct table_rows *rows,
	const struct column **picked, size_t *ret_n)
{
	const char *list = ctx->options.columns ? ctx->options.columns : ctx->options.output;
	bool has_why = false;
	size_t n = 0;

	for (size_t i = 0; i < rows->n && !has_why; i++) {
		char why[VIEW_WHY_BYTES];

		has_why = rows->rows[i]->error || *view_why(rows->rows[i], 0, why);
	}
	for (const char *p = list ? list : DEFAULT_COLUMNS; *p && n < TABLE_COLUMNS_MAX - 1;) {
		size_t len = strcspn(p, ",");
		const struct column *column = find_column(p, len);

		if (!column)
			return ctx_fail(ctx, EXIT_CODE_USAGE,
				"\"transferctl list --columns=help\" lists them.",
				"no column \"%.*s\"", (int)len, p);
		if (!(column == &columns[0] && ctx->options.is_plain))
			picked[n++] = column;
		p += len + (p[len] == ',');
	}
	if (!list && has_why)
		picked[n++] = find_column("why", 3);
	*ret_n = n;
	return 0;
}

static void fill_row(const struct ctx *ctx, struct libscols_line *line,
	const struct column **picked, size_t n, struct cell *cell)
{
	for (size_t i = 0; i < n; i++) {
		scols_line_set_data(line, i, picked[i]->cell(cell));
		if (ctx->term.has_color &&
			(picked[i]->cell == cell_mark || picked[i]->cell == cell_state))
			scols_cell_set_color(scols_line_get_cell(line, i),
				term_color(&ctx->term, view_color(cell->row)));
	}
}

int table_print(const struct ctx *ctx, const struct table_rows *rows, uint64_t now_wall_us)
{
	const struct column *picked[TABLE_COLUMNS_MAX];
	struct cell cell;
	struct libscols_table *table;
	size_t n = 0;
	int r = pick_columns(ctx, rows, picked, &n);

	if (r)
		return r;
	cell.ctx = ctx;
	cell.now_wall_us = now_wall_us;
	table = scols_new_table();
	if (!table)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	scols_table_enable_noheadings(table, ctx->options.no_legend);
	scols_table_enable_colors(table, ctx->term.has_color);
	scols_table_enable_nowrap(table, 1);
	scols_table_set_termforce(table,
		ctx->term.out_is_tty && !ctx->options.is_full ? SCOLS_TERMFORCE_ALWAYS
							      : SCOLS_TERMFORCE_NEVER);
	scols_table_set_termwidth(table, term_columns(stdout));
	for (size_t i = 0; i < n; i++)
		scols_table_new_column(table, picked[i]->heading, 0,
			(picked[i]->is_right ? SCOLS_FL_RIGHT : 0) |
				(picked[i]->can_truncate ? SCOLS_FL_TRUNC : 0));
	for (size_t i = 0; i < rows->n; i++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		cell.row = rows->rows[i];
		if (line)
			fill_row(ctx, line, picked, n, &cell);
	}
	scols_print_table(table);
	scols_unref_table(table);
	return 0;
}
