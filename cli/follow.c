/* SPDX-License-Identifier: MIT */
/*
 * The loop: ask for the rows of the tasks, draw, then sleep until a state changes or a quarter of a second is over. Rows of tasks
 * that have ended are asked for once more and never again, so a long list costs what is left of it.
 */
#include "cli/follow.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/now.h"
#include "cli/format.h"
#include "cli/view.h"

#define FOLLOW_INTERVAL_MS 250
#define FOLLOW_LEAST_US    UINT64_C(50000) /* between two looks */

static volatile sig_atomic_t was_interrupted;

static void on_interrupt(int number)
{
	(void)number;
	was_interrupted = 1;
}

struct state {
	struct ctx *ctx;
	const struct follow *follow;
	struct follow_end *end;
	struct bars *bars;
	uint64_t *open; /* ids of tasks that have not ended */
	size_t n_open;
	enum exit_code code;
	bool has_code, is_mixed, has_news;
};

static void note_code(struct state *s, enum exit_code code)
{
	if (code == EXIT_CODE_OK)
		return;
	s->end->n_failed++;
	if (s->has_code && s->code != code)
		s->is_mixed = true;
	s->code = code;
	s->has_code = true;
}

static void show(struct state *s, const struct transfer_task_row *row)
{
	char why[VIEW_WHY_BYTES], *outcome = view_outcome(row);
	struct bars_row b = {
		.id = row->id,
		.name = row->name ? row->name : row->url,
		.mark = view_mark(&s->ctx->term, row),
		.color = view_color(row),
		.state = view_word(row),
		.outcome = outcome,
		.done_bytes = view_done_bytes(row),
		.total_bytes = view_total_bytes(row),
		.rate_bps = view_rate_bps(row),
		.is_transferring = row->sub_state == TRANSFER_SUB_STATE_TRANSFERRING,
	};

	if (*view_why(row, now_wall_us(), why))
		b.note = why;
	if (s->bars)
		bars_row(s->bars, &b);
	free(outcome);
}

/* What one row means for the end; true: it will not move any more. */
static bool settle(struct state *s, const struct transfer_task_row *row)
{
	if (view_is_finished(row)) {
		s->end->n_done++;
		note_code(s, view_exit_code(row));
		return true;
	}
	if (row->sub_state == TRANSFER_SUB_STATE_SUSPENDED && s->follow->ends_when_suspended) {
		note_code(s, EXIT_CODE_UNFINISHED);
		return true;
	}
	return false;
}

/* Asks for up to a page of open tasks, keeps those that go on at open[*kept]. */
static int look_at_page(struct state *s, size_t first, size_t n, size_t *kept)
{
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
		.include_finished = true };
	transfer_auto(transfer_task_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	size_t n_rows;

	filter.ids = s->open + first;
	filter.n_ids = n;
	if (transfer_manager_list_tasks(s->ctx->manager, &filter, NULL, &list, &error))
		return ctx_fail_error(s->ctx, NULL, error);
	n_rows = transfer_task_list_get_size(list);
	if (n_rows < n)
		note_code(s, EXIT_CODE_NOT_FOUND); /* removed meanwhile, or never there */
	for (size_t i = 0; i < n_rows; i++) {
		const struct transfer_task_row *row = transfer_task_list_get(list, i);

		show(s, row);
		if (!settle(s, row))
			s->open[(*kept)++] = row->id;
	}
	return 0;
}

static int look(struct state *s)
{
	size_t kept = 0, n = s->n_open;
	int r = 0;

	if (s->bars)
		bars_begin(s->bars, now_monotonic_us(), s->follow->n_ids);
	for (size_t i = 0; i < n && r == 0; i += TRANSFER_MANAGER_MAX_TASKS)
		r = look_at_page(s, i,
			n - i < TRANSFER_MANAGER_MAX_TASKS ? n - i : TRANSFER_MANAGER_MAX_TASKS,
			&kept);
	s->n_open = kept;
	if (s->bars)
		bars_end(s->bars);
	return r;
}

static void on_change(const struct transfer_change *change, void *user)
{
	struct state *s = user;

	if (change->task && (change->has_state || change->has_sub_state))
		s->has_news = true;
}

/* Until the next look; false: the time is over. */
static bool pause_for_news(struct state *s, uint64_t deadline_us)
{
	uint64_t start_us = now_monotonic_us(), now = start_us;

	s->has_news = false;
	while (!was_interrupted && now < start_us + FOLLOW_INTERVAL_MS * 1000 &&
		!(s->has_news && now >= start_us + FOLLOW_LEAST_US)) {
		int left_ms = (int)((start_us + FOLLOW_INTERVAL_MS * 1000 - now) / 1000) + 1;

		if (s->has_news)
			left_ms = (int)(FOLLOW_LEAST_US / 1000);
		if (deadline_us && now >= deadline_us)
			return false;
		if (transfer_manager_dispatch(s->ctx->manager, left_ms) == -ENOTCONN)
			now_sleep_us(20000);
		now = now_monotonic_us();
	}
	return !deadline_us || now < deadline_us;
}

static int loop(struct state *s)
{
	uint64_t deadline_us = s->ctx->timeout_us ? now_monotonic_us() + s->ctx->timeout_us : 0;
	int r;

	transfer_manager_watch(s->ctx->manager, on_change, s, NULL);
	for (;;) {
		r = look(s);
		if (r || !s->n_open)
			return r;
		if (!pause_for_news(s, deadline_us)) {
			note_code(s, EXIT_CODE_TIMEOUT);
			s->is_mixed = false;
			return 0;
		}
		if (was_interrupted) {
			s->end->was_interrupted = true;
			return 0;
		}
	}
}

int follow_run(struct ctx *ctx, const struct follow *follow, struct follow_end *ret_end)
{
	struct state s = { .ctx = ctx, .follow = follow, .end = ret_end };
	struct sigaction action = { .sa_handler = on_interrupt }, before;
	int r;

	*ret_end = (struct follow_end){ 0 };
	s.open = malloc((follow->n_ids + 1) * sizeof(*s.open));
	if (!s.open)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	memcpy(s.open, follow->ids, follow->n_ids * sizeof(*s.open));
	s.n_open = follow->n_ids;
	if (!follow->is_silent && ctx->term.progress != OPTIONS_PROGRESS_NONE)
		bars_new(&ctx->term, ctx->options.is_exact, &s.bars);
	sigaction(SIGINT, &action, &before);
	r = loop(&s);
	sigaction(SIGINT, &before, NULL);
	transfer_manager_watch(ctx->manager, NULL, NULL, NULL);
	bars_free(s.bars);
	free(s.open);
	ret_end->code = ret_end->was_interrupted ? EXIT_CODE_INTERRUPTED
		: s.is_mixed                     ? EXIT_CODE_FAILED
						 : s.code;
	return r;
}
