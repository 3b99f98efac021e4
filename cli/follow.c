/* SPDX-License-Identifier: MIT */
/*
 * The loop: ask for the rows of the tasks, draw, then sleep until a state changes or a quarter of a second is over. Rows of tasks
 * that have ended are asked for once more and never again, so a long list costs what is left of it; and the pause grows with what a
 * look costs.
 */
#include "cli/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bars.h"
#include "cli/now.h"
#include "cli/format.h"
#include "cli/view.h"

#define FOLLOW_INTERVAL_US UINT64_C(250000)
#define FOLLOW_LEAST_US    UINT64_C(50000) /* between two looks */
#define FOLLOW_REDRAW_US   UINT64_C(100000) /* after the window has changed */
#define FOLLOW_SERVICE_US  UINT64_C(1000000)
#define FOLLOW_COST        8 /* a pause is at least so many looks long */
#define FOLLOW_PATIENCE_US UINT64_C(30000000)

static volatile sig_atomic_t was_interrupted, was_continued, was_resized;

/* The second one ends a program that does not come back from a call. */
static void on_interrupt(int number)
{
	if (was_interrupted) {
		term_restore();
		signal(number, SIG_DFL);
		raise(number);
	}
	was_interrupted = 1;
}

/* The cursor comes back while we are stopped; SIGCONT brings the block back, below what was written meanwhile. */
static void on_stop(int number)
{
	int saved = errno;

	(void)number;
	term_restore();
	raise(SIGSTOP);
	was_continued = 1;
	errno = saved;
}

static void on_resize(int number)
{
	(void)number;
	was_resized = 1;
}

struct entry {
	uint64_t id;
	int sub_state; /* as it was last told as JSON; -1: never */
	uint64_t done_bytes;
};

struct state {
	struct ctx *ctx;
	const struct follow *follow;
	struct follow_end *end;
	struct bars *bars;
	struct entry *open; /* tasks that have not ended, in order of their ids */
	size_t n_open, room, n_all;
	uint64_t newest_id, look_us, silent_since_us;
	enum exit_code code;
	bool has_code, is_mixed, has_news, is_leaving;
	int keys_fd; /* -1: no keys */
	struct transfer_service service; /* as it was last told */
	uint64_t n_waiting, n_unfinished, asked_us;
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

static void show_bar(struct state *s, const struct transfer_task_row *row)
{
	char why[VIEW_WHY_BYTES];
	bool is_bar = s->ctx->term.progress == OPTIONS_PROGRESS_BAR;
	char *outcome = view_outcome(row, is_bar), *url = view_url(row->url);
	struct bars_row b = {
		.id = row->id,
		.name = row->name ? row->name
			: url     ? url
				  : "",
		.mark = view_mark(&s->ctx->term, row),
		.color = view_color(row),
		.state = view_word(row),
		.outcome = outcome,
		.done_bytes = view_done_bytes(row),
		.total_bytes = view_total_bytes(row),
		.rate_bps = view_rate_bps(row),
		.is_transferring = row->sub_state == TRANSFER_SUB_STATE_TRANSFERRING,
		.is_upload = row->kind == TRANSFER_TASK_UPLOAD,
		.rank = view_rank(row),
		.took_us = view_took_us(row),
	};

	if (*view_why(row, now_wall_us(), why))
		b.note = why;
	bars_row(s->bars, &b);
	free(outcome);
	free(url);
}

static void show(struct state *s, const struct transfer_task_row *row, struct entry *entry)
{
	if (s->bars)
		show_bar(s, row);
	if (!s->follow->as_json_lines)
		return;
	if (entry->sub_state != (int)row->sub_state || entry->done_bytes != view_done_bytes(row))
		view_print_json_line(view_json(row));
	entry->sub_state = (int)row->sub_state;
	entry->done_bytes = view_done_bytes(row);
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

static void say_missing(struct state *s, uint64_t id)
{
	note_code(s, EXIT_CODE_NOT_FOUND);
	if (s->bars)
		bars_clear(s->bars);
	ctx_fail(s->ctx, EXIT_CODE_NOT_FOUND,
		"finished tasks are kept for a time only, or were removed; IDs are never reused.",
		"no task %llu", (unsigned long long)id);
}

/* The rows of n open tasks; those that go on stay at open[*kept]. */
static void take_rows(struct state *s, const struct entry *asked, size_t n,
	const transfer_task_list *list, size_t *kept)
{
	size_t n_rows = transfer_task_list_get_size(list), at = 0;

	for (size_t i = 0; i < n; i++) {
		struct entry entry = asked[i];
		const struct transfer_task_row *row;

		while (at < n_rows && transfer_task_list_get(list, at)->id < entry.id)
			at++;
		row = at < n_rows ? transfer_task_list_get(list, at) : NULL;
		if (!row || row->id != entry.id) {
			say_missing(s, entry.id);
			continue;
		}
		show(s, row, &entry);
		if (!settle(s, row))
			s->open[(*kept)++] = entry;
	}
}

static int look_at_page(struct state *s, size_t first, size_t n, size_t *kept)
{
	uint64_t ids[TRANSFER_MANAGER_MAX_TASKS];
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
		.include_finished = true };
	transfer_auto(transfer_task_list) list = NULL;

	for (size_t i = 0; i < n; i++)
		ids[i] = s->open[first + i].id;
	filter.ids = ids;
	filter.n_ids = n;
	for (;;) {
		transfer_auto(transfer_error) error = NULL;

		if (!transfer_manager_list_tasks(s->ctx->manager, &filter, NULL, &list, &error))
			break;
		if (was_interrupted || !follow_patience(error, &s->silent_since_us))
			return ctx_fail_error(s->ctx, NULL, error);
	}
	s->silent_since_us = 0;
	take_rows(s, s->open + first, n, list, kept);
	return 0;
}

static uint64_t stat_of(const transfer_statistics *statistics, const char *name)
{
	uint64_t value = 0;

	transfer_statistics_get(statistics, name, &value);
	return value;
}

/* What stands above the bars, and how much there is in all; not more than once a second. */
static void ask_service(struct state *s, uint64_t now_us)
{
	transfer_auto(transfer_statistics) statistics = NULL;

	if (!s->follow->is_service || (s->asked_us && now_us - s->asked_us < FOLLOW_SERVICE_US))
		return;
	s->asked_us = now_us;
	s->service.size = sizeof(s->service);
	transfer_manager_get_service(s->ctx->manager, &s->service, NULL);
	if (transfer_manager_get_statistics(s->ctx->manager, &statistics, NULL))
		return;
	s->n_waiting = stat_of(statistics, "tasks-waiting");
	s->n_unfinished = stat_of(statistics, "tasks-queued") +
		stat_of(statistics, "tasks-active") + s->n_waiting +
		stat_of(statistics, "tasks-suspended");
}

static void draw(struct state *s)
{
	struct bars_service service = { .n_running = s->service.n_active_tasks,
		.n_queued = s->service.n_queued_tasks,
		.n_waiting = s->n_waiting,
		.max_down_bps = s->service.max_download_rate_bps,
		.max_up_bps = s->service.max_upload_rate_bps,
		.is_paused = s->service.is_paused,
		.metered = s->service.metered };

	if (s->bars)
		bars_end(s->bars, s->follow->is_service ? &service : NULL);
}

static int look(struct state *s)
{
	uint64_t start_us = now_monotonic_us();
	size_t kept = 0, n = s->n_open;
	int r = 0;

	if (s->bars && was_continued)
		bars_forget(s->bars);
	if (was_continued && s->keys_fd >= 0)
		s->keys_fd = term_keys_begin(&s->ctx->term);
	was_continued = was_resized = 0;
	ask_service(s, start_us);
	if (s->follow->is_large && s->n_unfinished + s->end->n_done > s->n_all)
		s->n_all = s->n_unfinished + s->end->n_done;
	if (s->bars)
		bars_begin(s->bars, start_us, s->n_all);
	for (size_t i = 0; i < n && r == 0; i += TRANSFER_MANAGER_MAX_TASKS)
		r = look_at_page(s, i,
			n - i < TRANSFER_MANAGER_MAX_TASKS ? n - i : TRANSFER_MANAGER_MAX_TASKS,
			&kept);
	if (r == 0)
		s->n_open = kept;
	draw(s);
	if (s->follow->as_json_lines)
		fflush(stdout);
	s->look_us = now_monotonic_us() - start_us;
	return r;
}

/* Keeps the order; an id that is there already is not added again. */
static bool add_entry(struct state *s, uint64_t id)
{
	size_t at = s->n_open;

	while (at > 0 && s->open[at - 1].id > id)
		at--;
	if (at > 0 && s->open[at - 1].id == id)
		return true;
	if (s->n_open == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct entry *grown = realloc(s->open, room * sizeof(*grown));

		if (!grown)
			return false;
		s->open = grown;
		s->room = room;
	}
	memmove(s->open + at + 1, s->open + at, (s->n_open - at) * sizeof(*s->open));
	s->open[at] = (struct entry){ .id = id, .sub_state = -1 };
	s->n_open++;
	if (id > s->newest_id)
		s->newest_id = id;
	return true;
}

/* Of many tasks those are followed that begin to move; of few, all that are new. */
static void on_change(const struct transfer_change *change, void *user)
{
	struct state *s = user;
	bool is_moving = change->has_sub_state &&
		(change->sub_state == TRANSFER_SUB_STATE_CONNECTING ||
			change->sub_state == TRANSFER_SUB_STATE_TRANSFERRING);
	bool is_new = s->follow->takes_new && change->task > s->newest_id;

	if (!change->task || !(change->has_state || change->has_sub_state))
		return;
	s->has_news = true;
	if ((is_new || (s->follow->is_large && is_moving)) && add_entry(s, change->task))
		s->n_all += is_new;
}

static void read_keys(struct state *s)
{
	char key;

	while (s->keys_fd >= 0 && (key = term_key(s->keys_fd)))
		if (key == 'q' || key == 'Q')
			s->is_leaving = true;
}

/* Waits for changes, keys and signals. */
static void listen(struct state *s, uint64_t us)
{
	struct pollfd fds[2] = { { .fd = transfer_manager_get_fd(s->ctx->manager),
					 .events = POLLIN },
		{ .fd = s->keys_fd, .events = POLLIN } };

	if (poll(fds, 2, (int)(us / 1000) + 1) > 0 && fds[1].revents) {
		if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
			s->keys_fd = -1;
		read_keys(s);
	}
	if (transfer_manager_dispatch(s->ctx->manager, 0) == -ENOTCONN)
		now_sleep_us(20000);
}

/* Until the next look; false: the time is over. */
static bool pause_for_news(struct state *s, uint64_t deadline_us)
{
	uint64_t start_us = now_monotonic_us(), now = start_us, least_us = FOLLOW_LEAST_US;
	uint64_t most_us = FOLLOW_INTERVAL_US;

	if (least_us < s->look_us * FOLLOW_COST)
		least_us = s->look_us * FOLLOW_COST;
	if (most_us < least_us)
		most_us = least_us;
	s->has_news = false;
	while (!was_interrupted && !was_continued && !s->is_leaving && now < start_us + most_us &&
		!(s->has_news && now >= start_us + least_us) &&
		!(was_resized && now >= start_us + FOLLOW_REDRAW_US)) {
		uint64_t until_us = start_us + (s->has_news ? least_us : most_us);

		if (deadline_us && now >= deadline_us)
			return false;
		if (was_resized && until_us > start_us + FOLLOW_REDRAW_US)
			until_us = start_us + FOLLOW_REDRAW_US;
		if (deadline_us && until_us > deadline_us)
			until_us = deadline_us;
		listen(s, until_us - now);
		now = now_monotonic_us();
	}
	return !deadline_us || now < deadline_us;
}

/* Of many tasks the last ones may never have been seen. */
static bool is_over(const struct state *s)
{
	return !s->n_open && !(s->follow->is_large && s->n_unfinished);
}

static int loop(struct state *s)
{
	uint64_t deadline_us = s->ctx->timeout_us ? now_monotonic_us() + s->ctx->timeout_us : 0;
	int r;

	transfer_manager_watch(s->ctx->manager, on_change, s, NULL);
	for (;;) {
		r = look(s);
		if (was_interrupted) {
			s->end->was_interrupted = true;
			return 0;
		}
		if (r || is_over(s))
			return r;
		if (!pause_for_news(s, deadline_us)) {
			note_code(s, EXIT_CODE_TIMEOUT);
			s->is_mixed = false;
			return 0;
		}
		if (s->is_leaving) {
			s->end->was_left = true;
			return 0;
		}
	}
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The ids in order, each once. */
static int take_ids(struct state *s)
{
	size_t n = s->follow->n_ids;
	uint64_t *sorted = malloc((n + 1) * sizeof(*sorted));
	bool is_fine = sorted != NULL;

	if (!is_fine)
		return -ENOMEM;
	if (n)
		memcpy(sorted, s->follow->ids, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_ids);
	for (size_t i = 0; i < n && is_fine; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			is_fine = add_entry(s, sorted[i]);
	s->n_all = s->n_open;
	free(sorted);
	return is_fine ? 0 : -ENOMEM;
}

static void handle_signals(bool is_on)
{
	static const struct {
		int number;
		void (*handler)(int number);
	} signals[] = { { SIGINT, on_interrupt }, { SIGTSTP, on_stop }, { SIGWINCH, on_resize } };
	static struct sigaction before[sizeof(signals) / sizeof(signals[0])];

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action = { .sa_handler = signals[i].handler };

		sigaction(
			signals[i].number, is_on ? &action : &before[i], is_on ? &before[i] : NULL);
	}
}

/* Words that name the tasks that did not end. */
static void name_left(struct state *s)
{
	char *buf = s->end->left;
	size_t used = 0, size = sizeof(s->end->left);

	s->end->n_left = s->n_open;
	if (s->n_open > 6) {
		snprintf(buf, size, "%llu-%llu", (unsigned long long)s->open[0].id,
			(unsigned long long)s->open[s->n_open - 1].id);
		return;
	}
	for (size_t i = 0; i < s->n_open && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%llu", i ? " " : "",
			(unsigned long long)s->open[i].id);
}

void follow_say_detached(const struct ctx *ctx, const struct follow_end *end)
{
	if (!end->n_left)
		return;
	ctx_note(ctx,
		"Still running in the background: %s.\n"
		"  watch:  transferctl watch %s        cancel:  transferctl cancel %s",
		end->left, end->left, end->left);
}

int follow_run(struct ctx *ctx, const struct follow *follow, struct follow_end *ret_end)
{
	struct state s = { .ctx = ctx, .follow = follow, .end = ret_end, .keys_fd = -1 };
	int r;

	*ret_end = (struct follow_end){ 0 };
	if (take_ids(&s)) {
		free(s.open);
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	}
	if (!follow->is_silent && ctx->term.progress != OPTIONS_PROGRESS_NONE)
		bars_new(&ctx->term, ctx->options.is_exact, &s.bars);
	handle_signals(true);
	if (follow->is_service && s.bars)
		s.keys_fd = term_keys_begin(&ctx->term);
	r = loop(&s);
	transfer_manager_watch(ctx->manager, NULL, NULL, NULL);
	bars_free(s.bars);
	term_restore();
	handle_signals(false);
	name_left(&s);
	free(s.open);
	ret_end->code = ret_end->was_interrupted ? EXIT_CODE_INTERRUPTED
		: s.is_mixed                     ? EXIT_CODE_FAILED
						 : s.code;
	return r;
}

bool follow_patience(const transfer_error *error, uint64_t *since_us)
{
	uint64_t now_us = now_monotonic_us();

	if (ctx_exit_code(error) != EXIT_CODE_NO_DAEMON)
		return false;
	if (!*since_us)
		*since_us = now_us;
	if (now_us - *since_us > FOLLOW_PATIENCE_US)
		return false;
	now_sleep_us(100000);
	return true;
}
