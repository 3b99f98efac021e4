/* SPDX-License-Identifier: MIT */
/*
 * list: one line per task. A page is printed as soon as it is here, so the first lines of a long list come at once, memory stays flat,
 * and nobody pays for what "head" or the pager does not want. Only --sort and --reverse gather all pages first.
 */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/idle.h"
#include "cli/now.h"
#include "cli/pager.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/view.h"

#define LIST_END 1000 /* of select_each_page(): nobody reads any more; no exit code */

struct list {
	transfer_task_list **pages; /* gathered for sorting */
	size_t n_pages, pages_room;
	struct table_rows rows; /* of the pages, or of this page */
	struct table_shape shape;
	size_t n_counted[VIEW_LOOKS], n;
	uint64_t receive_bps, send_bps;
	bool is_begun, has_pager;
};

static int print_json_page(const struct ctx *ctx, const transfer_task_list *list, struct list *l)
{
	size_t flags = ctx->term.json == OPTIONS_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;

	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		json_t *o = view_json(transfer_task_list_get(list, i));

		fputs(l->is_begun ? "," : "[", stdout);
		if (ctx->term.json == OPTIONS_JSON_PRETTY)
			putchar('\n');
		l->is_begun = true;
		json_dumpf(o, stdout, flags);
		json_decref(o);
	}
	return ferror(stdout) ? LIST_END : 0;
}

static int keep_page(struct list *l, transfer_task_list *list)
{
	if (l->n_pages == l->pages_room) {
		size_t room = l->pages_room ? l->pages_room * 2 : 64;
		transfer_task_list **grown = realloc(l->pages, room * sizeof(*grown));

		if (!grown)
			return -1;
		l->pages = grown;
		l->pages_room = room;
	}
	l->pages[l->n_pages++] = transfer_task_list_ref(list);
	return 0;
}

/* Prints the rows at hand. A list that is longer than the window goes through a pager. */
static int print_rows(struct ctx *ctx, struct list *l, bool has_more)
{
	bool is_long = has_more || l->rows.n + 4 > term_rows(stdout);
	int r;

	if (!l->rows.n)
		return 0;
	if (!l->is_begun && is_long && ctx->term.out_is_tty && !ctx->options.no_pager)
		l->has_pager = pager_start() == 0;
	l->is_begun = true;
	l->shape.has_more = has_more;
	r = table_print(ctx, &l->shape, &l->rows, now_wall_us());
	fflush(stdout);
	return r ? r : ferror(stdout) ? LIST_END : 0;
}

static bool must_gather(const struct ctx *ctx)
{
	return ctx->options.sort || ctx->options.is_reverse;
}

static int take_page(struct ctx *ctx, transfer_task_list *list, void *user)
{
	const char *next = transfer_task_list_get_next_cursor(list);
	struct list *l = user;
	size_t n = transfer_task_list_get_size(list);

	if (ctx->term.json != OPTIONS_JSON_OFF)
		return print_json_page(ctx, list, l);
	if (must_gather(ctx) && keep_page(l, list))
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	if (!must_gather(ctx))
		l->rows.n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct transfer_task_row *row = transfer_task_list_get(list, i);

		l->n_counted[view_look(row)]++;
		l->receive_bps += row->receive_rate_bps;
		l->send_bps += row->send_rate_bps;
		if (table_add(&l->rows, row))
			return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	}
	l->n += n;
	return must_gather(ctx) ? 0 : print_rows(ctx, l, next && *next);
}

/* "7 tasks: 2 running, 1 retrying." Looks that have the same word are counted together; what moves comes first. */
static void print_counts(const struct list *l)
{
	static const struct {
		const char *word, *said;
	} words[] = {
		{ "running", "running" },
		{ "connecting", "connecting" },
		{ "finishing", "finishing" },
		{ "queued", "queued" },
		{ "retry", "retrying" },
		{ "waiting", "waiting" },
		{ "paused", "paused" },
		{ "suspended", "suspended" },
		{ "canceling", "canceling" },
		{ "done", "done" },
		{ "cancelled", "cancelled" },
		{ "failed", "failed" },
	};
	const char *separator = ": ";

	printf("\n%zu task%s", l->n, l->n == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = 0;

		for (size_t k = 0; k < VIEW_LOOKS; k++)
			if (strcmp(view_look_word(k), words[i].word) == 0)
				n += l->n_counted[k];
		if (!n)
			continue;
		printf("%s%zu %s", separator, n, words[i].said);
		separator = ", ";
	}
	puts(".");
}

static void print_legend(const struct ctx *ctx, const struct list *l, bool hides_finished)
{
	char down[FORMAT_SIZE_BYTES], up[FORMAT_SIZE_BYTES];

	if (!l->n) {
		puts(hides_finished ? "No unfinished task.  Pass --all to see finished ones."
				    : "No task.");
		return;
	}
	print_counts(l);
	printf("%s %s  %s %s.%s\n", ctx->term.is_utf8 ? "↓" : "down",
		l->receive_bps ? format_rate(l->receive_bps, false, down) : "0 B/s",
		ctx->term.is_utf8 ? "↑" : "up",
		l->send_bps ? format_rate(l->send_bps, false, up) : "0 B/s",
		hides_finished ? "  Finished tasks are hidden; pass --all to see them." : "");
}

static int run(struct ctx *ctx, struct select *select, struct list *l)
{
	bool is_table = ctx->term.json == OPTIONS_JSON_OFF, hides_finished = false;
	int r = select_each_page(ctx, select, take_page, l);

	if (r == 0 && must_gather(ctx) && is_table) {
		table_sort(ctx, &l->rows);
		r = print_rows(ctx, l, false);
	}
	if (r == 0 && !is_table)
		puts(!l->is_begun ? "[]" : ctx->term.json == OPTIONS_JSON_PRETTY ? "\n]" : "]");
	for (size_t i = 0; i < select->n_filters; i++)
		hides_finished = hides_finished || !select->filters[i].include_finished;
	if (r == 0 && is_table && !ctx->options.no_legend && !ctx->options.is_quiet &&
		(l->n || !select->n_missing))
		print_legend(ctx, l, hides_finished);
	if (l->has_pager)
		pager_end();
	if (r == LIST_END)
		return EXIT_CODE_OK;
	return r ? r : select->n_missing ? EXIT_CODE_NOT_FOUND : EXIT_CODE_OK;
}

int cmd_list(struct ctx *ctx, int argc, char **argv)
{
	const char *wanted = table_wanted(ctx);
	struct list l = { 0 };
	struct select select;
	int r;

	if (wanted && strcmp(wanted, "help") == 0) {
		table_print_columns(ctx);
		return EXIT_CODE_OK;
	}
	r = table_check(ctx);
	if (r == 0)
		r = select_check(ctx);
	if (r == 0)
		r = ctx_connect(ctx);
	if (r)
		return r;
	if (idle_is(ctx)) {
		if (ctx->term.json != OPTIONS_JSON_OFF)
			puts("[]");
		return EXIT_CODE_OK;
	}
	r = select_parse(ctx, argc, argv, &select);
	if (r)
		return r;
	r = run(ctx, &select, &l);
	for (size_t i = 0; i < l.n_pages; i++)
		transfer_task_list_unref(l.pages[i]);
	free(l.pages);
	table_done(&l.rows);
	select_done(&select);
	return r;
}
