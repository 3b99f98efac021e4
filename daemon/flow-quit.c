/* SPDX-License-Identifier: MIT */
/*
 * The end of all work of an application: asked for explicitly (a force quit, BT-83), or because the
 * configuration does not let it work in the background (BT-84). Its sessions stay; every task ends
 * with -999 and the reason, keeping what can be resumed; the application hears of it when it
 * attaches next. A quit is marked in the store until it is done, so a crash does not end it half way.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/flow-state.h"

#define MARK_BYTES 40

static void mark_name(const struct flow_session *s, char name[MARK_BYTES])
{
	snprintf(name, MARK_BYTES, "quit-%" PRIu64, s->session->id);
}

static int set_mark(struct flow *flow, const struct flow_session *s, bool is_set)
{
	char name[MARK_BYTES];

	mark_name(s, name);
	return err_fold(store_setting_put(flow->store, name, "1", is_set ? 1 : 0));
}

static int has_mark(struct flow *flow, const struct flow_session *s, bool *ret_is_set)
{
	char name[MARK_BYTES], value[8];
	size_t size = 0;
	int r;

	mark_name(s, name);
	r = store_setting_load(flow->store, name, value, sizeof(value), &size);
	*ret_is_set = !r && size;
	return r == STORE_E_NOT_FOUND ? 0 : err_fold(r);
}

bool flow_quit_is_disabled(const struct flow *flow, const char *app_id)
{
	size_t n = strlen(app_id);
	const char *at = flow->disabled_apps;

	while (at && *at) {
		size_t word = strcspn(at, " ");

		if (word == n && !memcmp(at, app_id, n))
			return true;
		at += word;
		at += strspn(at, " ");
	}
	return false;
}

struct transfer_result flow_quit_result(enum flow_cancelled_reason reason)
{
	struct transfer_result result = flow_step_result(TRANSFER_ERROR_CANCELLED, "");

	result.library_code = reason;
	return result;
}

int flow_app_quit(struct flow *flow, uid_t uid, const char *app_id, uint64_t *ret_n_tasks)
{
	struct flow_session *s;
	uint64_t n_tasks = 0;
	size_t cursor = 0, n = 0;
	int r = 0;

	while (!r && (s = map_next(&flow->sessions, &cursor))) {
		if (s->is_gone || s->session->uid != uid || strcmp(s->session->app_id, app_id) != 0)
			continue;
		n++;
		n_tasks += s->session->n_tasks;
		if (!s->session->n_tasks)
			continue;
		r = flow_session_touch(flow, s);
		if (!r)
			r = set_mark(flow, s, true);
		s->is_quitting = true;
		s->quit_reason = FLOW_CANCELLED_BY_USER;
	}
	if (r)
		return flow_turn_poison(flow, r);
	if (!n)
		return FLOW_E_NO_SUCH_SESSION;
	*ret_n_tasks = n_tasks;
	return 0;
}

int flow_quit_load(struct flow *flow, struct flow_session *s)
{
	bool is_marked;
	int r = has_mark(flow, s, &is_marked);

	if (r)
		return r;
	if (flow_quit_is_disabled(flow, s->session->app_id)) {
		s->is_quitting = s->session->n_tasks != 0;
		s->quit_reason = FLOW_CANCELLED_DISABLED;
	} else if (is_marked) {
		s->is_quitting = true;
		s->quit_reason = FLOW_CANCELLED_BY_USER;
	}
	return 0;
}

static int quit_page(struct flow *flow, struct flow_session *s)
{
	const struct flow_cancel how = { .reason = s->quit_reason };
	bool has_more;
	int r = flow_command_cancel_page(flow, s, &how, &has_more);

	if (r)
		return r;
	s->is_quitting = has_more;
	return has_more ? 0 : set_mark(flow, s, false);
}

int flow_quit_run(struct flow *flow)
{
	struct flow_session *s;
	size_t cursor = 0;
	int r = 0;

	while (!r && (s = map_next(&flow->sessions, &cursor)))
		if (s->is_quitting && !s->is_gone)
			r = quit_page(flow, s);
	return r;
}
