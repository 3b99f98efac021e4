/* SPDX-License-Identifier: MIT */
/* One row per column: name, heading, alignment, how to print a cell, how to compare two tasks. */
#include "cli/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/suggest.h"
#include "cli/view.h"

#define TABLE_CELL_BYTES 32768 /* as long as the longest URL; only what is cut is lost */

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

static bool is_narrow(const struct ctx *ctx)
{
	return ctx->term.out_is_tty && !ctx->options.is_full && term_columns(stdout) < 100;
}

static const char *cell_progress(struct cell *c)
{
	int64_t total = view_total_bytes(c->row);
	double share = total > 0 ? (double)view_done_bytes(c->row) / (double)total : -1;
	char *bar;

	if (c->row->sub_state == TRANSFER_SUB_STATE_DONE)
		share = 1;
	bar = term_bar_text(&c->ctx->term, share, is_narrow(c->ctx) ? 6 : 12);
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

static const char *cell_session(struct cell *c)
{
	return plain(c, c->row->session);
}

static const char *cell_url(struct cell *c)
{
	char *url = view_url(c->row->url);

	plain(c, url);
	free(url);
	return c->text;
}

static const char *cell_name(struct cell *c)
{
	if (c->row->name)
		return plain(c, c->row->name);
	return cell_url(c);
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

static const char *column_name(size_t i)
{
	return i < N_COLUMNS ? columns[i].name : NULL;
}

void table_print_columns(const struct ctx *ctx)
{
	json_t *all = json_array();

	for (size_t i = 1; i < N_COLUMNS; i++) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			json_array_append_new(all, json_string(columns[i].name));
		else
			puts(columns[i].name);
	}
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx, json_incref(all));
	json_decref(all);
}

const char *table_wanted(const struct ctx *ctx)
{
	const struct options_list *outputs = &ctx->options.outputs;

	return ctx->options.columns ? ctx->options.columns
		: outputs->n        ? outputs->items[outputs->n - 1]
				    : NULL;
}

static int no_column(const struct ctx *ctx, const char *option, const char *name, size_t len)
{
	char hint[SUGGEST_HINT_BYTES];

	suggest_hint(
		name, len, column_name, "\"transferctl list --columns=help\" lists them.", hint);
	return ctx_fail(ctx, EXIT_CODE_USAGE, hint, "%sno column \"%.*s\"", option, (int)len, name);
}

int table_check(const struct ctx *ctx)
{
	const char *sort = ctx->options.sort, *p = table_wanted(ctx);
	size_t n = 0;

	if (sort && !find_column(sort, strlen(sort)))
		return no_column(ctx, "--sort: ", sort, strlen(sort));
	for (; p && *p; p += strcspn(p, ","), p += *p == ',') {
		if (!find_column(p, strcspn(p, ",")))
			return no_column(ctx, "", p, strcspn(p, ","));
		if (++n == TABLE_COLUMNS_MAX)
			return ctx_fail(ctx, EXIT_CODE_USAGE, NULL, "too many columns");
	}
	return 0;
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

void table_sort(const struct ctx *ctx, struct table_rows *rows)
{
	struct order order = { .sign = ctx->options.is_reverse ? -1 : 1 };

	if (ctx->options.sort)
		order.column = find_column(ctx->options.sort, strlen(ctx->options.sort));
	qsort_r(rows->rows, rows->n, sizeof(rows->rows[0]), compare_rows, &order);
}

/* why joins the default when someone waits or failed; the first page decides. */
static bool has_why(const struct table_rows *rows)
{
	char why[VIEW_WHY_BYTES];

	for (size_t i = 0; i < rows->n; i++)
		if (rows->rows[i]->error || *view_why(rows->rows[i], 0, why))
			return true;
	return false;
}

/* Which columns, from --columns or the default. table_check() has looked at the names. */
static size_t pick_columns(const struct ctx *ctx, const struct table_shape *shape,
	const struct column *picked[TABLE_COLUMNS_MAX])
{
	const char *list = table_wanted(ctx), *p = list ? list : DEFAULT_COLUMNS;
	size_t n = 0;

	for (; *p && n + 1 < TABLE_COLUMNS_MAX; p += strcspn(p, ","), p += *p == ',') {
		const struct column *column = find_column(p, strcspn(p, ","));

		if (column && !(column == &columns[0] && ctx->options.is_plain))
			picked[n++] = column;
	}
	if (!list && shape->has_why)
		picked[n++] = find_column("why", 3);
	return n;
}

/* The cells of one page, before they are printed. */
struct grid {
	const struct column *picked[TABLE_COLUMNS_MAX];
	size_t widths[TABLE_COLUMNS_MAX];
	char **cells; /* n_rows times n */
	size_t n, n_rows;
};

static void grid_done(struct grid *g)
{
	for (size_t i = 0; g->cells && i < g->n * g->n_rows; i++)
		free(g->cells[i]);
	free(g->cells);
}

static int grid_fill(struct grid *g, const struct table_shape *shape, const struct table_rows *rows,
	struct cell *cell)
{
	g->n_rows = rows->n;
	g->cells = calloc(g->n * g->n_rows + 1, sizeof(*g->cells));
	if (!g->cells)
		return -1;
	for (size_t c = 0; c < g->n; c++) {
		size_t heading = format_width(g->picked[c]->heading);

		g->widths[c] = shape->widths[c] > heading ? shape->widths[c] : heading;
	}
	for (size_t i = 0; i < g->n * g->n_rows; i++) {
		size_t width, c = i % g->n;

		cell->row = rows->rows[i / g->n];
		g->cells[i] = strdup(g->picked[c]->cell(cell));
		if (!g->cells[i])
			return -1;
		width = format_width(g->cells[i]);
		g->widths[c] = width > g->widths[c] ? width : g->widths[c];
	}
	return 0;
}

static size_t grid_width(const struct grid *g)
{
	size_t width = g->n ? g->n - 1 : 0;

	for (size_t c = 0; c < g->n; c++)
		width += g->widths[c];
	return width;
}

/* Takes a column out, when all its cells are the same. */
static void grid_drop(struct grid *g, size_t column)
{
	for (size_t i = 1; i < g->n_rows; i++)
		if (strcmp(g->cells[i * g->n + column], g->cells[column]) != 0)
			return;
	for (size_t i = 0, to = 0; i < g->n * g->n_rows; i++) {
		if (i % g->n == column)
			free(g->cells[i]);
		else
			g->cells[to++] = g->cells[i];
	}
	for (size_t c = column; c + 1 < g->n; c++) {
		g->picked[c] = g->picked[c + 1];
		g->widths[c] = g->widths[c + 1];
	}
	g->n--;
}

static void cut(char **cell, size_t width, bool in_the_middle, bool is_utf8)
{
	char *shorter;

	if (format_width(*cell) <= width)
		return;
	if (in_the_middle)
		shorter = format_shorten(*cell, width, is_utf8);
	else if (asprintf(&shorter, "%.*s%s", (int)format_prefix(*cell, width - (is_utf8 ? 1 : 2)),
			 *cell, is_utf8 ? "…" : "..") < 0)
		shorter = NULL;
	if (!shorter)
		return;
	free(*cell);
	*cell = shorter;
}

/* In a narrow window the reason gives way before the name; what is the same everywhere is not shown at all. */
static void grid_fit(const struct ctx *ctx, struct grid *g, bool is_whole)
{
	static const size_t least[] = { 30, 20, 14, 8 };
	size_t room = term_columns(stdout), width;

	for (size_t c = 0; c < g->n && is_whole && grid_width(g) > room; c++)
		if (g->picked[c]->cell == cell_session)
			grid_drop(g, c);
	for (size_t i = 0; i < sizeof(least) / sizeof(least[0]); i++) {
		for (size_t c = g->n; c-- > 0;) {
			width = grid_width(g);
			if (!g->picked[c]->can_truncate || width <= room ||
				g->widths[c] <= least[i])
				continue;
			g->widths[c] = g->widths[c] - least[i] > width - room
				? g->widths[c] - (width - room)
				: least[i];
		}
	}
	for (size_t i = 0; i < g->n * g->n_rows; i++)
		if (g->picked[i % g->n]->can_truncate)
			cut(&g->cells[i], g->widths[i % g->n],
				g->picked[i % g->n]->cell != cell_why, ctx->term.is_utf8);
}

static void fill_line(const struct ctx *ctx, struct libscols_line *line, const struct grid *g,
	size_t i, const struct transfer_task_row *row)
{
	for (size_t c = 0; c < g->n; c++) {
		scols_line_set_data(line, c, g->cells[i * g->n + c]);
		if (ctx->term.has_color &&
			(g->picked[c]->cell == cell_mark || g->picked[c]->cell == cell_state))
			scols_cell_set_color(scols_line_get_cell(line, c),
				term_color(&ctx->term, view_color(row)));
	}
}

static int print_grid(const struct ctx *ctx, const struct table_shape *shape, const struct grid *g,
	const struct table_rows *rows)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return -1;
	scols_table_enable_noheadings(table, ctx->options.no_legend || shape->is_begun);
	scols_table_enable_colors(table, ctx->term.has_color);
	scols_table_enable_nowrap(table, 1);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	for (size_t c = 0; c < g->n; c++)
		scols_table_new_column(table, g->picked[c]->heading, (double)g->widths[c],
			g->picked[c]->is_right ? SCOLS_FL_RIGHT : 0);
	for (size_t i = 0; i < g->n_rows; i++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		if (line)
			fill_line(ctx, line, g, i, rows->rows[i]);
	}
	scols_print_table(table);
	scols_unref_table(table);
	return 0;
}

int table_print(const struct ctx *ctx, struct table_shape *shape, const struct table_rows *rows,
	uint64_t now_wall_us)
{
	bool is_whole = !shape->is_begun && !shape->has_more && !table_wanted(ctx);
	struct cell cell = { .ctx = ctx, .now_wall_us = now_wall_us };
	struct grid g = { 0 };
	int r;

	if (!shape->is_begun)
		shape->has_why = shape->has_more || has_why(rows);
	g.n = pick_columns(ctx, shape, g.picked);
	r = grid_fill(&g, shape, rows, &cell);
	if (r == 0 && ctx->term.out_is_tty && !ctx->options.is_full)
		grid_fit(ctx, &g, is_whole);
	if (r == 0)
		r = print_grid(ctx, shape, &g, rows);
	memcpy(shape->widths, g.widths, sizeof(shape->widths));
	shape->is_begun = true;
	grid_done(&g);
	return r ? ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory") : 0;
}
