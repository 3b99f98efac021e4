/* SPDX-License-Identifier: MIT */
/* resume, suspend, cancel, retry, remove, set, limit, invalidate: one bus call for many tasks, failures one per line. */
#include "cli/command.h"

#include <transfer/transfer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/now.h"
#include "cli/format.h"
#include "cli/select.h"
#include "cli/suggest.h"
#include "cli/view.h"

#define INVALIDATE_WAIT_US UINT64_C(2000000)

/* "busy" is true, but a person wants to know what the task does instead. */
static bool say_busy(struct ctx *ctx, const struct transfer_failure_row *row)
{
	static const struct {
		const char *command;
		enum transfer_bus_error error;
		const char *why, *hint;
	} rows[] = {
		{ "remove", TRANSFER_BUS_ERROR_BUSY, "it has not finished",
			"\"transferctl cancel\" ends it, then it can be removed." },
		{ "retry", TRANSFER_BUS_ERROR_BUSY, "it has not failed",
			"\"transferctl resume\" starts a suspended one; \"set not-before=now\" one with a date." },
		{ "retry", TRANSFER_BUS_ERROR_TASK_FINISHED, "it has succeeded", NULL },
	};

	if (transfer_error_get_domain(row->error) != TRANSFER_DOMAIN_BUS)
		return false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(ctx->command, rows[i].command) != 0 ||
			transfer_error_get_code(row->error) != (int)rows[i].error)
			continue;
		ctx_fail(ctx, EXIT_CODE_FAILED, rows[i].hint, "task %llu: %s",
			(unsigned long long)row->id, rows[i].why);
		return true;
	}
	return false;
}

static int say_failures(struct ctx *ctx, const transfer_failure_list *failures, size_t n_asked)
{
	size_t n = failures ? transfer_failure_list_get_size(failures) : 0;
	enum exit_code code = EXIT_CODE_OK;

	for (size_t i = 0; i < n; i++) {
		const struct transfer_failure_row *row = transfer_failure_list_get(failures, i);
		enum exit_code one;
		char what[40];

		snprintf(what, sizeof(what), "task %llu", (unsigned long long)row->id);
		one = (enum exit_code)(say_busy(ctx, row) ? EXIT_CODE_FAILED
							  : ctx_fail_error(ctx, what, row->error));
		code = code == EXIT_CODE_OK || code == one ? one : EXIT_CODE_FAILED;
	}
	if (n && n < n_asked)
		ctx_note(ctx, "Done for the other %zu.", n_asked - n);
	return (int)code;
}

static bool has_failed(const transfer_failure_list *failures, uint64_t id)
{
	for (size_t i = 0; failures && i < transfer_failure_list_get_size(failures); i++)
		if (transfer_failure_list_get(failures, i)->id == id)
			return true;
	return false;
}

static void print_done(
	const struct ctx *ctx, const uint64_t *ids, size_t n, const transfer_failure_list *failures)
{
	json_t *all = json_array(), *bad = json_array();
	size_t n_bad = failures ? transfer_failure_list_get_size(failures) : 0;

	for (size_t i = 0; i < n; i++)
		if (!has_failed(failures, ids[i]))
			json_array_append_new(all, json_integer((json_int_t)ids[i]));
	for (size_t i = 0; i < n_bad; i++) {
		const struct transfer_failure_row *row = transfer_failure_list_get(failures, i);

		json_array_append_new(bad,
			json_pack("{s:I, s:o}", "id", (json_int_t)row->id, "error",
				view_error_json(row->error)));
	}
	view_print_json(ctx,
		json_pack("{s:s, s:b, s:o, s:o}", "command", ctx->command, "dry_run",
			ctx->options.is_dry_run, "ids", all, "failures", bad));
}

/* Nothing named needs --all or a filter. 0 or an exit code. */
static int check_named(struct ctx *ctx, int argc)
{
	int r = select_check(ctx);

	if (r)
		return r;
	if (argc == 0 && !ctx->options.is_all && !ctx->options.session && !ctx->options.states &&
		!ctx->options.kinds)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"name tasks: 412, 400-420, @last, a session, or --all.",
			"%s needs to know which tasks", ctx->command);
	return 0;
}

/* The tasks that the words name. 0 or an exit code. */
static int named_ids(struct ctx *ctx, int argc, char **argv, uint64_t **ret_ids, size_t *ret_n)
{
	struct select select;
	int r = select_parse(ctx, argc, argv, &select);

	if (r)
		return r;
	r = select_ids(ctx, &select, ret_ids, ret_n);
	select_done(&select);
	if (r || *ret_n)
		return r;
	if (argc == 0) {
		ctx_note(ctx, "There is no such task; nothing to do.");
		return 0;
	}
	free(*ret_ids);
	return ctx_fail(ctx, EXIT_CODE_NOT_FOUND, "\"transferctl list --all\" shows all tasks.",
		"no task to %s there", ctx->command);
}

static void say_dry_run(const struct ctx *ctx, const uint64_t *ids, size_t n)
{
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		print_done(ctx, ids, n, NULL);
		return;
	}
	for (size_t i = 0; i < n; i++)
		printf("%s %llu\n", ctx->command, (unsigned long long)ids[i]);
}

static int steer(
	struct ctx *ctx, const uint64_t *ids, size_t n, enum transfer_verb verb, uint32_t flags)
{
	transfer_auto(transfer_failure_list) failures = NULL;
	transfer_auto(transfer_error) error = NULL;
	struct transfer_steering steering = {
		.size = sizeof(steering), .verb = verb, .flags = flags
	};

	if (ctx->options.is_dry_run) {
		say_dry_run(ctx, ids, n);
		return EXIT_CODE_OK;
	}
	steering.ids = ids;
	steering.n_ids = n;
	if (n && transfer_manager_steer(ctx->manager, &steering, &failures, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->term.json != OPTIONS_JSON_OFF)
		print_done(ctx, ids, n, failures);
	return say_failures(ctx, failures, n);
}

/* What a command does; without --state, sessions, patterns and --all stand for the tasks for which it means something. */
struct verb {
	enum transfer_verb verb;
	uint32_t flags;
	const char *states;
	const char *
		question; /* asked when no task is named; without a terminal it needs --yes; NULL: harmless */
};

static int steer_named(struct ctx *ctx, int argc, char **argv, const struct verb *verb)
{
	uint64_t *ids = NULL;
	size_t n = 0;
	int r = check_named(ctx, argc);

	if (r)
		return r;
	if (argc == 0 && verb->question && !ctx->options.is_dry_run &&
		!ctx_confirm(ctx, "%s?", verb->question))
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"pass --yes to mean it, --dry-run to see which.", "not confirmed");
	if (!ctx->options.states)
		ctx->options.states = verb->states;
	r = named_ids(ctx, argc, argv, &ids, &n);
	if (r)
		return r;
	r = steer(ctx, ids, n, verb->verb, verb->flags);
	free(ids);
	return r;
}

int cmd_resume(struct ctx *ctx, int argc, char **argv)
{
	static const struct verb verb = { TRANSFER_VERB_RESUME, TRANSFER_STEER_FORCE, "suspended",
		NULL };

	return steer_named(ctx, argc, argv, &verb);
}

int cmd_suspend(struct ctx *ctx, int argc, char **argv)
{
	static const struct verb verb = { TRANSFER_VERB_SUSPEND, TRANSFER_STEER_FORCE, "running",
		NULL };

	return steer_named(ctx, argc, argv, &verb);
}

int cmd_retry(struct ctx *ctx, int argc, char **argv)
{
	static const struct verb verb = { TRANSFER_VERB_RETRY, 0, "failed,cancelled", NULL };

	return steer_named(ctx, argc, argv, &verb);
}

int cmd_cancel(struct ctx *ctx, int argc, char **argv)
{
	struct verb verb = { TRANSFER_VERB_CANCEL, TRANSFER_STEER_DELETE_PARTIAL,
		"running,suspended", "Cancel all these unfinished tasks" };

	if (ctx->options.keep_partial)
		verb.flags = 0;
	return steer_named(ctx, argc, argv, &verb);
}

int cmd_remove(struct ctx *ctx, int argc, char **argv)
{
	static const struct verb verb = { TRANSFER_VERB_REMOVE, 0, "completed",
		"Forget all these finished tasks" };

	return steer_named(ctx, argc, argv, &verb);
}

/* ---- set ---- */

static int set_priority(struct transfer_task_changes *c, const char *value)
{
	char *end;

	c->priority = strtod(value, &end);
	c->change |= TRANSFER_CHANGE_PRIORITY;
	return *end || end == value || !(c->priority >= 0 && c->priority <= 1) ? -1 : 0;
}

static int set_rate(struct transfer_task_changes *c, const char *value)
{
	c->change |= TRANSFER_CHANGE_MAX_RATE;
	return format_parse_size(value, &c->max_rate_bps);
}

static int set_description(struct transfer_task_changes *c, const char *value)
{
	c->change |= TRANSFER_CHANGE_DESCRIPTION;
	c->description = *value ? value : NULL;
	return 0;
}

static int set_not_before(struct transfer_task_changes *c, const char *value)
{
	c->change |= TRANSFER_CHANGE_NOT_BEFORE;
	return format_parse_date(value, now_wall_us(), &c->not_before_wall_usec);
}

static const struct {
	const char *name, *hint;
	int (*set)(struct transfer_task_changes *c, const char *value);
} changeables[] = {
	{ "priority", "a number from 0.0 to 1.0", set_priority },
	{ "rate", "bytes per second such as 500K or 2M; 0: no limit", set_rate },
	{ "description", "any text", set_description },
	{ "not-before", "a time such as +2h, tomorrow 09:00, or now", set_not_before },
};

static const char *changeable_name(size_t i)
{
	return i < sizeof(changeables) / sizeof(changeables[0]) ? changeables[i].name : NULL;
}

static int parse_change(struct ctx *ctx, struct transfer_task_changes *c, const char *word)
{
	size_t len = strcspn(word, "=");
	char hint[SUGGEST_HINT_BYTES];

	for (size_t i = 0; i < sizeof(changeables) / sizeof(changeables[0]); i++) {
		if (strlen(changeables[i].name) != len ||
			strncmp(word, changeables[i].name, len) != 0)
			continue;
		if (changeables[i].set(c, word + len + 1))
			return ctx_fail(ctx, EXIT_CODE_USAGE, NULL, "%s takes %s",
				changeables[i].name, changeables[i].hint);
		return 0;
	}
	return ctx_fail(ctx, EXIT_CODE_NOT_FOUND,
		suggest_hint(word, len, changeable_name,
			"use priority, rate, description or not-before.", hint),
		"no property \"%.*s\" to set", (int)len, word);
}

int cmd_set(struct ctx *ctx, int argc, char **argv)
{
	struct transfer_task_changes changes = { TRANSFER_TASK_CHANGES_INIT };
	transfer_auto(transfer_failure_list) failures = NULL;
	transfer_auto(transfer_error) error = NULL;
	uint64_t *ids = NULL;
	int n_words = 0, r = 0;
	size_t n = 0;

	while (n_words < argc && !strchr(argv[n_words], '='))
		n_words++;
	for (int i = n_words; i < argc && r == 0; i++)
		r = strchr(argv[i], '=')
			? parse_change(ctx, &changes, argv[i])
			: ctx_fail(ctx, EXIT_CODE_USAGE, "tasks come before NAME=VALUE.",
				  "\"%s\" stands in the wrong place", argv[i]);
	if (r == 0 && n_words == argc)
		r = ctx_fail(ctx, EXIT_CODE_USAGE, "transferctl set 412 priority=0.9",
			"set needs NAME=VALUE");
	if (r == 0)
		r = check_named(ctx, n_words);
	if (r == 0)
		r = named_ids(ctx, n_words, argv, &ids, &n);
	if (r)
		return r;
	changes.ids = ids;
	changes.n_ids = n;
	if (ctx->options.is_dry_run && ctx->term.json == OPTIONS_JSON_OFF)
		say_dry_run(ctx, ids, n);
	if (n && !ctx->options.is_dry_run &&
		transfer_manager_set_tasks(ctx->manager, &changes, &failures, &error))
		r = ctx_fail_error(ctx, NULL, error);
	if (r == 0 && ctx->term.json != OPTIONS_JSON_OFF)
		print_done(ctx, ids, n, failures);
	if (r == 0)
		r = say_failures(ctx, failures, n);
	free(ids);
	return r;
}

/* ---- limit ---- */

static int parse_count(const char *text, uint32_t most, uint32_t *ret)
{
	uint64_t value;

	if (strspn(text, "0123456789") != strlen(text) || format_parse_size(text, &value) ||
		value < 1 || value > most)
		return -1;
	*ret = (uint32_t)value;
	return 0;
}

static int limit_down(struct transfer_service *s, const char *value)
{
	return format_parse_size(value, &s->max_download_rate_bps);
}

static int limit_up(struct transfer_service *s, const char *value)
{
	return format_parse_size(value, &s->max_upload_rate_bps);
}

static int limit_tasks(struct transfer_service *s, const char *value)
{
	return parse_count(value, 1000, &s->max_active_tasks);
}

static int limit_connections(struct transfer_service *s, const char *value)
{
	return parse_count(value, 64, &s->max_connections_per_host);
}

static int limit_mode(struct transfer_service *s, const char *value)
{
	s->is_paused = strcmp(value, "paused") == 0;
	return s->is_paused || strcmp(value, "running") == 0 ? 0 : -1;
}

static const struct {
	const char *name, *hint;
	uint32_t member;
	int (*set)(struct transfer_service *s, const char *value);
} limits[] = {
	{ "down", "bytes per second such as 500K or 2M; 0: no limit",
		TRANSFER_SERVICE_MAX_DOWNLOAD_RATE, limit_down },
	{ "up", "bytes per second such as 500K or 2M; 0: no limit",
		TRANSFER_SERVICE_MAX_UPLOAD_RATE, limit_up },
	{ "tasks", "a number from 1 to 1000", TRANSFER_SERVICE_MAX_ACTIVE_TASKS, limit_tasks },
	{ "connections", "a number from 1 to 64", TRANSFER_SERVICE_MAX_CONNECTIONS_PER_HOST,
		limit_connections },
	{ "mode", "running or paused", TRANSFER_SERVICE_MODE, limit_mode },
};
#define N_LIMITS (sizeof(limits) / sizeof(limits[0]))

static const char *limit_name(size_t i)
{
	return i < N_LIMITS ? limits[i].name : NULL;
}

/* Ends the name in word with a zero; the value stands behind it. 0 or an exit code. */
static int parse_limit(
	const struct ctx *ctx, struct transfer_service *s, char *word, uint32_t *members)
{
	size_t len = strcspn(word, "=");
	char hint[SUGGEST_HINT_BYTES];

	for (size_t i = 0; i < N_LIMITS && word[len]; i++) {
		if (strlen(limits[i].name) != len || strncmp(limits[i].name, word, len) != 0)
			continue;
		if (limits[i].set(s, word + len + 1))
			return ctx_fail(ctx, EXIT_CODE_USAGE, NULL, "%s takes %s", limits[i].name,
				limits[i].hint);
		*members |= limits[i].member;
		word[len] = 0;
		return 0;
	}
	for (size_t i = 0; i < N_LIMITS && !word[len]; i++)
		if (strcmp(limits[i].name, word) == 0)
			return ctx_fail(ctx, EXIT_CODE_USAGE, NULL, "write %s=VALUE: it takes %s",
				word, limits[i].hint);
	return ctx_fail(ctx, EXIT_CODE_USAGE,
		suggest_hint(word, len, limit_name,
			"use down=RATE, up=RATE, tasks=N, connections=N, mode=running|paused.",
			hint),
		"\"%s\" is no limit", word);
}

/* No limit is null. */
static json_t *rate_json(uint64_t bps)
{
	return bps ? json_integer((json_int_t)bps) : json_null();
}

static int show_limits(struct ctx *ctx)
{
	struct transfer_service s = { .size = sizeof(s) };
	transfer_auto(transfer_error) error = NULL;
	char down[FORMAT_SIZE_BYTES], up[FORMAT_SIZE_BYTES];

	if (transfer_manager_get_service(ctx->manager, &s, &error))
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->term.json != OPTIONS_JSON_OFF) {
		view_print_json(ctx,
			json_pack("{s:o, s:o, s:i, s:i, s:s}", "down",
				rate_json(s.max_download_rate_bps), "up",
				rate_json(s.max_upload_rate_bps), "tasks", (int)s.max_active_tasks,
				"connections", (int)s.max_connections_per_host, "mode",
				s.is_paused ? "paused" : "running"));
		return EXIT_CODE_OK;
	}
	printf("down=%s\nup=%s\ntasks=%u\nconnections=%u\nmode=%s\n",
		s.max_download_rate_bps
			? format_rate(s.max_download_rate_bps, ctx->options.is_exact, down)
			: "none",
		s.max_upload_rate_bps
			? format_rate(s.max_upload_rate_bps, ctx->options.is_exact, up)
			: "none",
		s.max_active_tasks, s.max_connections_per_host, s.is_paused ? "paused" : "running");
	return EXIT_CODE_OK;
}

/* argv[i] is the name, and behind its end stands the value. */
static int limit_dry_run(const struct ctx *ctx, int argc, char **argv)
{
	json_t *changes = json_object();

	for (int i = 0; i < argc; i++) {
		const char *value = argv[i] + strlen(argv[i]) + 1;

		json_object_set_new(changes, argv[i], json_string(value));
		if (ctx->term.json == OPTIONS_JSON_OFF)
			printf("limit %s=%s\n", argv[i], value);
	}
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx,
			json_pack("{s:s, s:b, s:O}", "command", ctx->command, "dry_run", 1,
				"changes", changes));
	json_decref(changes);
	return EXIT_CODE_OK;
}

int cmd_limit(struct ctx *ctx, int argc, char **argv)
{
	struct transfer_service service = { .size = sizeof(service) };
	transfer_auto(transfer_error) error = NULL;
	uint32_t members = 0;
	int r = 0;

	for (int i = 0; i < argc && r == 0; i++)
		r = parse_limit(ctx, &service, argv[i], &members);
	if (r)
		return r;
	r = ctx_connect(ctx);
	if (r)
		return r;
	if (argc == 0)
		return show_limits(ctx);
	if (ctx->options.is_dry_run)
		return limit_dry_run(ctx, argc, argv);
	if (transfer_manager_set_service(ctx->manager, &service, members, &error))
		return ctx_fail_error(ctx, NULL, error);
	return ctx->term.json != OPTIONS_JSON_OFF ? show_limits(ctx) : EXIT_CODE_OK;
}

/* ---- invalidate ---- */

static void on_invalid(transfer_session *session, const transfer_error *error, void *user)
{
	(void)session;
	(void)error;
	*(bool *)user = true;
}

/*
 * A session of transferctl has no application that will hear its end: be that for a moment, so that
 * the name is free again. What does not end now ends at the next call.
 */
static void hear_the_end(const char *identifier)
{
	static const struct transfer_session_delegate delegate = {
		TRANSFER_SESSION_DELEGATE_INIT,
		.did_become_invalid = on_invalid,
	};
	transfer_auto(transfer_config) config = transfer_config_new_background(identifier);
	transfer_auto(transfer_queue) queue = transfer_queue_new_manual();
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_session) session = NULL;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &delegate };
	uint64_t give_up_us = now_monotonic_us() + INVALIDATE_WAIT_US;
	bool is_over = false;

	if (!config || !queue || transfer_client_new(&client, 0, NULL))
		return;
	owner.userdata = &is_over;
	owner.queue = queue;
	transfer_config_set_app_id(config, "transferctl");
	if (transfer_session_new(&session, client, config, &owner, NULL))
		return;
	while (!is_over && now_monotonic_us() < give_up_us)
		if (transfer_queue_dispatch(queue, 100) < 0)
			break;
	transfer_client_flush(client, 1000);
}

int cmd_invalidate(struct ctx *ctx, int argc, char **argv)
{
	transfer_auto(transfer_error) error = NULL;
	const char *session = argc ? argv[0] : NULL;
	int r;

	if (argc != 1)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"\"transferctl sessions\" lists the sessions.",
			"invalidate needs the name of one session");
	if (ctx->options.is_finish == ctx->options.is_cancel)
		return ctx_fail(ctx, EXIT_CODE_USAGE,
			"--finish lets the tasks end, --cancel cancels them.",
			"invalidate needs --finish or --cancel");
	if (ctx->options.is_cancel && !ctx->options.is_dry_run &&
		!ctx_confirm(ctx, "Cancel all tasks of %s and end the session?", argv[0]))
		return ctx_fail(ctx, EXIT_CODE_USAGE, "pass --yes to mean it.", "not confirmed");
	r = ctx_connect(ctx);
	if (r == 0)
		r = select_session(ctx, &session);
	if (r)
		return r;
	if (!ctx->options.is_dry_run &&
		transfer_manager_invalidate_session(ctx->manager,
			select_session_object(ctx, session), ctx->options.is_cancel, &error))
		return ctx_fail_error(ctx, session, error);
	if (!ctx->options.is_dry_run && ctx->session_app &&
		strcmp(ctx->session_app, "transferctl") == 0)
		hear_the_end(session);
	if (ctx->term.json != OPTIONS_JSON_OFF)
		view_print_json(ctx,
			json_pack("{s:s, s:b, s:s, s:b}", "command", ctx->command, "dry_run",
				ctx->options.is_dry_run, "session", session, "cancel",
				ctx->options.is_cancel));
	else if (ctx->options.is_dry_run)
		printf("%s %s\n", ctx->command, session);
	return EXIT_CODE_OK;
}
