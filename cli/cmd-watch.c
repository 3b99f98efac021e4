/* SPDX-License-Identifier: MIT */
/* watch, wait, monitor: they stay until something has happened. */
#include "cli/command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/now.h"
#include "cli/follow.h"
#include "cli/format.h"
#include "cli/select.h"
#include "cli/view.h"

#define WATCH_FEW   3000 /* so many are asked for one by one */
#define WATCH_FIRST 250 /* of a longer queue: more than a window has */

static uint64_t stat_of(const transfer_statistics *statistics, const char *name)
{
	uint64_t value = 0;

	transfer_statistics_get(statistics, name, &value);
	return value;
}

/* wait --json: the tasks as they are in the end. */
static int print_rows(struct ctx *ctx, const uint64_t *ids, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i += TRANSFER_MANAGER_MAX_TASKS) {
		struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
			.include_finished = true };
		transfer_auto(transfer_task_list) list = NULL;
		transfer_auto(transfer_error) error = NULL;

		filter.ids = ids + i;
		filter.n_ids = n - i < TRANSFER_MANAGER_MAX_TASKS ? n - i
								  : TRANSFER_MANAGER_MAX_TASKS;
		if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, &error)) {
			json_decref(all);
			return ctx_fail_error(ctx, NULL, error);
		}
		for (size_t k = 0; k < transfer_task_list_get_size(list); k++)
			json_array_append_new(all, view_json(transfer_task_list_get(list, k)));
	}
	view_print_json(ctx, all);
	return 0;
}

/* Adds the first tasks that filter lets through. 0 or an exit code. */
static int add_first(struct ctx *ctx, struct transfer_task_filter filter, uint64_t *ids, size_t *n)
{
	transfer_auto(transfer_task_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;

	if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, &error))
		return ctx_fail_error(ctx, NULL, error);
	for (size_t i = 0; i < transfer_task_list_get_size(list) && i < WATCH_FIRST; i++)
		ids[(*n)++] = transfer_task_list_get(list, i)->id;
	return 0;
}

/*
 * The tasks to watch when none is named. A long queue is not read: what moves and what is first fills the window, and the service
 * knows how many there are.
 */
static int find_all(struct ctx *ctx, struct follow *follow, uint64_t **ret_ids)
{
	struct transfer_task_filter moving = { TRANSFER_TASK_FILTER_INIT },
				    first = { TRANSFER_TASK_FILTER_INIT };
	transfer_auto(transfer_statistics) statistics = NULL;
	transfer_auto(transfer_error) error = NULL;
	uint64_t *ids;
	int r;

	if (transfer_manager_get_statistics(ctx->manager, &statistics, &error))
		return ctx_fail_error(ctx, NULL, error);
	follow->is_large = stat_of(statistics, "tasks-queued") +
			stat_of(statistics, "tasks-waiting") +
			stat_of(statistics, "tasks-suspended") >
		WATCH_FEW;
	if (!follow->is_large)
		return 0;
	moving.sub_states = UINT32_C(1) << TRANSFER_SUB_STATE_CONNECTING |
		UINT32_C(1) << TRANSFER_SUB_STATE_TRANSFERRING |
		UINT32_C(1) << TRANSFER_SUB_STATE_FINISHING;
	ids = calloc(2 * WATCH_FIRST, sizeof(*ids));
	if (!ids)
		return ctx_fail(ctx, EXIT_CODE_FAILED, NULL, "out of memory");
	r = add_first(ctx, moving, ids, &follow->n_ids);
	if (r == 0)
		r = add_first(ctx, first, ids, &follow->n_ids);
	*ret_ids = ids;
	return r;
}

static int find_named(
	struct ctx *ctx, int argc, char **argv, struct follow *follow, uint64_t **ret_ids)
{
	struct select select;
	int r = select_parse(ctx, argc, argv, &select);

	if (r)
		return r;
	r = select_ids(ctx, &select, ret_ids, &follow->n_ids);
	select_done(&select);
	return r;
}

static int follow_selected(struct ctx *ctx, int argc, char **argv, bool is_silent)
{
	bool is_json = ctx->term.json != OPTIONS_JSON_OFF;
	struct follow follow = { .is_silent = is_silent,
		.ends_when_suspended = is_silent,
		.is_service = !is_silent,
		.as_json_lines = is_json && !is_silent,
		.takes_new = !is_silent && argc == 0 && !ctx->options.is_all &&
			!ctx->options.session && !ctx->options.states && !ctx->options.kinds };
	struct follow_end end;
	uint64_t *ids = NULL;
	int r = select_check(ctx);

	if (r == 0)
		r = ctx_connect(ctx);
	if (r == 0 && follow.takes_new)
		r = find_all(ctx, &follow, &ids);
	if (r == 0 && !ids)
		r = find_named(ctx, argc, argv, &follow, &ids);
	follow.ids = ids;
	if (r == 0 && follow.n_ids == 0 && !is_silent)
		ctx_note(ctx, "Nothing to watch: no unfinished task.");
	if (r == 0)
		r = follow_run(ctx, &follow, &end);
	if (r == 0 && is_json && is_silent)
		r = print_rows(ctx, ids, follow.n_ids);
	free(ids);
	if (r)
		return r;
	if ((end.was_interrupted || end.was_left) && !is_silent)
		follow_say_detached(ctx, &end);
	if (end.code == EXIT_CODE_TIMEOUT)
		return ctx_fail(ctx, EXIT_CODE_TIMEOUT,
			"the transfers go on; see \"transferctl list\".",
			"not finished within the time given");
	return end.was_left ? EXIT_CODE_OK : (int)end.code;
}

int cmd_watch(struct ctx *ctx, int argc, char **argv)
{
	return follow_selected(ctx, argc, argv, false);
}

/* ---- wait --all: one cheap question until nothing is left that can move ---- */

#define WAIT_LEAST_US UINT64_C(10000)
#define WAIT_MOST_US  UINT64_C(250000)

static void print_counts(struct ctx *ctx, const transfer_statistics *statistics)
{
	view_print_json(ctx,
		json_pack("{s:I, s:I, s:I, s:I}", "tasks_suspended",
			(json_int_t)stat_of(statistics, "tasks-suspended"), "tasks_completed",
			(json_int_t)stat_of(statistics, "tasks-completed"), "tasks_failed",
			(json_int_t)stat_of(statistics, "tasks-failed"), "tasks_cancelled",
			(json_int_t)stat_of(statistics, "tasks-cancelled")));
}

/* The exit code of those that failed: their own where it is the same for all. EXIT_CODE_OK: none has. */
static int code_of_failed(struct ctx *ctx)
{
	struct transfer_task_filter filter = { TRANSFER_TASK_FILTER_INIT,
		.sub_states = UINT32_C(1) << TRANSFER_SUB_STATE_FAILED, .include_finished = true };
	transfer_auto(transfer_task_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;
	int code = EXIT_CODE_OK;

	if (transfer_manager_list_tasks(ctx->manager, &filter, NULL, &list, &error))
		return ctx_fail_error(ctx, NULL, error);
	for (size_t i = 0; i < transfer_task_list_get_size(list); i++) {
		int one = view_exit_code(transfer_task_list_get(list, i));

		code = code == EXIT_CODE_OK || code == one ? one : EXIT_CODE_FAILED;
	}
	return code;
}

/* Cancelled before we came is as it was wished; cancelled meanwhile is not what was waited for. */
static int code_of_end(
	struct ctx *ctx, const transfer_statistics *statistics, uint64_t n_cancelled_before)
{
	bool is_unfinished = stat_of(statistics, "tasks-suspended") ||
		stat_of(statistics, "tasks-cancelled") > n_cancelled_before;
	int code = stat_of(statistics, "tasks-failed") ? code_of_failed(ctx) : EXIT_CODE_OK;

	if (!is_unfinished)
		return code;
	return code == EXIT_CODE_OK ? EXIT_CODE_UNFINISHED : EXIT_CODE_FAILED;
}

/* The counters; NULL in *ret: not now. 0 or an exit code. */
static int ask(struct ctx *ctx, uint64_t *silent_since_us, transfer_statistics **ret)
{
	transfer_auto(transfer_error) error = NULL;

	*ret = NULL;
	if (transfer_manager_get_statistics(ctx->manager, ret, &error) == 0) {
		*silent_since_us = 0;
		return 0;
	}
	/* it may have died, and D-Bus starts it again */
	return follow_patience(error, silent_since_us) ? 0 : ctx_fail_error(ctx, NULL, error);
}

static uint64_t n_moving(const transfer_statistics *statistics)
{
	return stat_of(statistics, "tasks-queued") + stat_of(statistics, "tasks-active") +
		stat_of(statistics, "tasks-waiting");
}

/* How many were left when that was last asked. */
struct pace {
	uint64_t n_left, asked_us;
};

/*
 * Until the next question: a fiftieth of the time waited, or a quarter of what those that are left take if they go on as fast as since
 * the last one, but no more than a sixteenth of the time waited: they may go faster. So the end is seen soon, and many files are not
 * held up by being counted.
 */
static uint64_t step_us_of(struct pace *pace, uint64_t n_left, uint64_t waited_us)
{
	uint64_t now_us = now_monotonic_us(), step_us = waited_us / 50, rest_us = 0;

	if (n_left && n_left < pace->n_left)
		rest_us = (uint64_t)((double)(now_us - pace->asked_us) * (double)n_left /
			(double)(pace->n_left - n_left));
	if (step_us < rest_us / 4)
		step_us = rest_us / 4 < waited_us / 16 ? rest_us / 4 : waited_us / 16;
	*pace = (struct pace){ n_left, now_us };
	if (step_us > WAIT_MOST_US)
		return WAIT_MOST_US;
	return step_us < WAIT_LEAST_US ? WAIT_LEAST_US : step_us;
}

static int wait_all(struct ctx *ctx)
{
	uint64_t start_us = now_monotonic_us(), step_us, waited_us, silent_since_us = 0;
	struct pace pace = { 0 };
	uint64_t n_cancelled = UINT64_MAX;
	int r = ctx_connect(ctx);

	while (r == 0) {
		transfer_auto(transfer_statistics) statistics = NULL;

		r = ask(ctx, &silent_since_us, &statistics);
		if (statistics && n_cancelled == UINT64_MAX)
			n_cancelled = stat_of(statistics, "tasks-cancelled");
		if (statistics && !n_moving(statistics)) {
			if (ctx->term.json != OPTIONS_JSON_OFF)
				print_counts(ctx, statistics);
			return code_of_end(ctx, statistics, n_cancelled);
		}
		waited_us = now_monotonic_us() - start_us;
		if (r == 0 && ctx->timeout_us && waited_us >= ctx->timeout_us)
			return ctx_fail(ctx, EXIT_CODE_TIMEOUT,
				"the transfers go on; see \"transferctl list\".",
				"not finished within the time given");
		step_us = step_us_of(&pace, statistics ? n_moving(statistics) : 0, waited_us);
		if (ctx->timeout_us && step_us > ctx->timeout_us - waited_us)
			step_us = ctx->timeout_us - waited_us + 1;
		now_sleep_us(step_us);
	}
	return r;
}

int cmd_wait(struct ctx *ctx, int argc, char **argv)
{
	if (argc == 0 && !ctx->options.is_all && !ctx->options.session && !ctx->options.states &&
		!ctx->options.kinds)
		return ctx_fail(ctx, EXIT_CODE_USAGE, "name tasks, a session, or pass --all.",
			"wait needs to know for what");
	if (argc == 0 && ctx->options.is_all && !ctx->options.session)
		return wait_all(ctx);
	return follow_selected(ctx, argc, argv, true);
}

/* ---- monitor ---- */

static volatile sig_atomic_t is_ending;

static void on_end(int number)
{
	(void)number;
	is_ending = 1;
}

static void monitor_json(const struct ctx *ctx, const struct transfer_change *c, uint64_t now_us)
{
	json_t *o = json_object();

	json_object_set_new(o, "time_usec", json_integer((json_int_t)now_us));
	json_object_set_new(o, "session_number", json_integer((json_int_t)c->session_number));
	json_object_set_new(o, "id", c->task ? json_integer((json_int_t)c->task) : json_null());
	json_object_set_new(o, "state",
		c->has_state ? json_string(transfer_task_state_get_name(c->state)) : json_null());
	json_object_set_new(o, "sub_state",
		c->has_sub_state ? json_string(transfer_task_sub_state_get_name(c->sub_state))
				 : json_null());
	if (c->has_service)
		json_object_set_new(o, "running", json_boolean(c->is_running));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
	(void)ctx;
}

static void on_change(const struct transfer_change *c, void *user)
{
	const struct ctx *ctx = user;
	uint64_t now_us = now_wall_us();
	time_t seconds = (time_t)(now_us / 1000000);
	char clock[16];
	struct tm tm;

	if (ctx->term.json != OPTIONS_JSON_OFF) {
		monitor_json(ctx, c, now_us);
	} else if (localtime_r(&seconds, &tm) && strftime(clock, sizeof(clock), "%H:%M:%S", &tm)) {
		const char *word = c->has_sub_state ? transfer_task_sub_state_get_name(c->sub_state)
			: c->has_state              ? transfer_task_state_get_name(c->state)
						    : NULL;

		if (c->has_service)
			printf("%s transferd %s\n", clock,
				c->is_running ? "has started" : "has ended");
		else if (c->task && word)
			printf("%s %llu %s\n", clock, (unsigned long long)c->task, word);
		else if (!c->task && c->session_state)
			printf("%s session #%llu %s\n", clock,
				(unsigned long long)c->session_number, c->session_state);
	}
	fflush(stdout);
}

int cmd_monitor(struct ctx *ctx, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_end };
	transfer_auto(transfer_error) error = NULL;
	uint64_t start_us = now_monotonic_us();
	int r = ctx_connect(ctx);

	(void)argc;
	(void)argv;
	if (r)
		return r;
	if (transfer_manager_watch(ctx->manager, on_change, ctx, &error))
		return ctx_fail_error(ctx, NULL, error);
	sigaction(SIGINT, &action, NULL);
	while (!is_ending && r != -ENOTCONN) {
		r = transfer_manager_dispatch(ctx->manager, ctx->timeout_us ? 100 : -1);
		if (ctx->timeout_us && now_monotonic_us() - start_us >= ctx->timeout_us)
			return EXIT_CODE_TIMEOUT;
	}
	return is_ending
		? EXIT_CODE_INTERRUPTED
		: ctx_fail(ctx, EXIT_CODE_NO_DAEMON, NULL, "the connection to the bus was lost");
}
