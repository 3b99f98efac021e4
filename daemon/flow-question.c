/* SPDX-License-Identifier: MIT */
/*
 * Questions to the client: asked in the transaction that makes the task wait, told at each attach
 * until they are answered, answered once. A task that moves on by itself takes its question back. A
 * client that does not have the method is not asked, and what the last one was asked takes its
 * default: the request begins as it was (BT-29, BT-30).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"

bool flow_question_is_due(const struct flow *flow, const struct task *task)
{
	const struct flow_session *s = flow_session_lookup(flow, task->session);

	return task->request.not_before_wall_us && !task->is_begun && s &&
		(s->session->implements & question_bit(QUESTION_DELAYED_REQUEST));
}

int flow_question_ask(struct flow *flow, struct active *active, enum question_kind kind)
{
	struct flow_session *s = flow_session_lookup(flow, active->task->session);
	struct question question = {
		.session = active->task->session,
		.task = active->task->id,
		.kind = kind,
		.asked_wall_us = flow->now.wall_us,
	};
	int r = flow_session_touch(flow, s);

	if (!r)
		r = flow_step(flow, active, TASK_EVENT_ASK, NULL);
	/* the task's row may be of this turn */
	if (!r)
		r = flow_turn_flush(flow);
	if (!r)
		r = err_fold(store_question_put(flow->store, &question));
	if (r)
		return flow_turn_poison(flow, err_fold(r));
	s->has_new_questions = true;
	return 0;
}

/* ---- taken back ---- */

struct withdrawal {
	struct flow *flow;
	struct question question;
};

static void on_withdrawal_release(void *data, int error)
{
	struct withdrawal *item = data;
	const struct flow_observer *o = item->flow->observer;

	if (!error && o && o->question_withdrawn)
		o->question_withdrawn(&item->question, item->flow->observer_user);
	free(item);
}

int flow_question_withdraw(struct flow *flow, const struct task *task)
{
	struct withdrawal *item;
	struct question question;
	int r = store_question_of_task(flow->store, task->id, &question);

	if (r)
		return r == STORE_E_NOT_FOUND ? 0 : err_fold(r);
	r = err_fold(store_question_close(flow->store, question.id, QUESTION_STATE_WITHDRAWN));
	if (r)
		return r;
	item = malloc(sizeof(*item));
	if (!item)
		return err_raise(-ENOMEM);
	*item = (struct withdrawal){ flow, question };
	if (outbox_add_take(&flow->outbox, on_withdrawal_release, item)) {
		free(item);
		return err_raise(-ENOMEM);
	}
	return 0;
}

/* ---- answers ---- */

/* The question is settled; its task goes on as the answer says. */
static int settle(struct flow *flow, struct active *active, const struct question *question)
{
	int r = flow_turn_change(flow, active, STORE_SAVE_STATE);

	if (!r)
		r = err_fold(
			store_question_close(flow->store, question->id, QUESTION_STATE_ANSWERED));
	if (r)
		return r;
	active->task->is_begun = true;
	active->task->wait_reason = TASK_WAIT_NONE;
	return 0;
}

static int go_on(struct flow *flow, struct active *active)
{
	struct transfer_result doom = active->task->result;
	int r = flow_step(flow, active, doom.code ? TASK_EVENT_FAIL : TASK_EVENT_DUE,
		doom.code ? &doom : NULL);

	return r < 0 ? r : 0;
}

/*
 * Another request in place of the first. What it is allowed to use (networks, plain http, room,
 * rate) stays as it was asked for; a resumable part belongs to the old URL.
 */
static int replace(struct flow *flow, struct active *active, const struct task_request *with)
{
	struct task *task = active->task;
	struct task_request *to = &task->request;
	bool is_same_url = with->url && !strcmp(with->url, to->url);
	char host[REQUEST_HOST_MAX_BYTES];
	int r = flow_create_replace(flow, task, with, host);

	if (r)
		return r;
	to->host = arena_strdup(&task->arena, host);
	if (!to->host)
		return err_raise(-ENOMEM);
	active->save |= STORE_SAVE_REPLACED | STORE_SAVE_RESULT;
	/* what a server keeps of an upload came with the first request's method and fields */
	if (!is_same_url || task->kind == TRANSFER_TASK_UPLOAD)
		flow_step_forget_part(active);
	return err_fold(store_lane_get(flow->store, task->session, host, &task->lane));
}

static int find(struct flow *flow, const struct flow_delayed_answer *answer,
	struct question *ret_question, struct active **ret_active)
{
	const struct flow_session *s = flow_session_lookup(flow, answer->session);
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (!s->client || s->client != answer->client)
		return FLOW_E_NOT_ATTACHED;
	r = store_question_load(flow->store, answer->question, ret_question);
	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	if (r || ret_question->session != answer->session ||
		ret_question->kind != QUESTION_DELAYED_REQUEST ||
		ret_question->state == QUESTION_STATE_WITHDRAWN)
		return FLOW_E_NO_SUCH_QUESTION;
	if (ret_question->state == QUESTION_STATE_ANSWERED)
		return FLOW_E_ALREADY_ANSWERED;
	r = flow_turn_task(flow, ret_question->task, ret_active);
	if (!r && (*ret_active)->task->wait_reason != TASK_WAIT_ANSWER)
		return FLOW_E_NO_SUCH_QUESTION;
	return r;
}

int flow_question_answer_delayed(struct flow *flow, const struct flow_delayed_answer *answer)
{
	const struct flow_cancel how = { 0 };
	struct question question;
	struct active *active;
	int r = find(flow, answer, &question, &active);

	if (r)
		return r;
	if (answer->action == FLOW_DELAYED_REPLACE) {
		r = flow_turn_touch(flow, active);
		if (!r)
			r = replace(flow, active, answer->request);
		if (r > 0)
			return r; /* refused: the question stays */
	}
	if (!r)
		r = settle(flow, active, &question);
	if (!r && answer->action == FLOW_DELAYED_CANCEL)
		r = flow_command_cancel(flow, active, &how);
	else if (!r)
		r = go_on(flow, active);
	return r ? flow_turn_poison(flow, err_fold(r)) : 0;
}

/* ---- the default, for a client that cannot be asked ---- */

int flow_question_attach(struct flow *flow, struct flow_session *s, uint32_t implements)
{
	int r = flow_session_touch(flow, s);

	if (r)
		return r;
	s->session->implements = implements;
	s->is_defaulting = true;
	s->defaulted_id = 0;
	return 0;
}

static int default_one(struct flow *flow, const struct question *question)
{
	struct active *active;
	int r = err_fold(store_question_close(flow->store, question->id, QUESTION_STATE_WITHDRAWN));

	if (!r)
		r = flow_turn_task(flow, question->task, &active);
	if (r == FLOW_E_NO_SUCH_TASK || (!r && active->task->wait_reason != TASK_WAIT_ANSWER))
		return 0;
	if (!r)
		r = flow_turn_change(flow, active, STORE_SAVE_STATE);
	if (r)
		return r;
	active->task->is_begun = true;
	active->task->wait_reason = TASK_WAIT_NONE;
	return go_on(flow, active);
}

static int default_page(struct flow *flow, struct flow_session *s)
{
	struct question question;
	int r = flow_turn_flush(flow);

	for (size_t i = 0; !r && i < FLOW_PAGE; i++) {
		r = store_question_next(flow->store, s->session->id, s->defaulted_id, &question);
		if (r)
			break;
		s->defaulted_id = question.id;
		if (!(s->session->implements & question_bit(question.kind)))
			r = default_one(flow, &question);
	}
	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	s->is_defaulting = !r;
	flow->has_more |= s->is_defaulting;
	return 0;
}

int flow_question_default(struct flow *flow)
{
	struct flow_session *s;
	size_t cursor = 0;
	int r = 0;

	while (!r && (s = map_next(&flow->sessions, &cursor))) {
		if (!s->is_defaulting || s->is_gone)
			continue;
		r = flow_session_touch(flow, s);
		if (!r)
			r = default_page(flow, s);
	}
	return r;
}

/* ---- reading ---- */

int flow_questions_each(
	struct flow *flow, const struct flow_event_range *range, flow_question_fn fn, void *user)
{
	struct question question = { .id = range->after_seq };
	struct task *task;
	uint64_t n_out;
	int r;

	if (!flow_session_lookup(flow, range->session))
		return FLOW_E_NO_SUCH_SESSION;
	r = err_fold(store_question_count(flow->store, range->session, range->after_seq, &n_out));
	for (; !r && n_out < range->limit; n_out++) {
		r = store_question_next(flow->store, range->session, question.id, &question);
		if (r)
			return r == STORE_E_NOT_FOUND ? 0 : err_fold(r);
		r = store_task_load(flow->store, question.task, &task);
		if (r == STORE_E_NOT_FOUND) {
			r = 0;
			continue;
		}
		if (r)
			return err_fold(r);
		r = fn(&question, task, user);
		task_free(task);
	}
	return r;
}
