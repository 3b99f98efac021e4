/* SPDX-License-Identifier: MIT */
/*
 * The client of a session: attached or not, which events it has not handled yet, and what goes when
 * it says that it has. Events are rows; this hands them out in order and removes them, with the
 * files they handed over, when they are acknowledged (BT-61…BT-64).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "daemon/flow-state.h"

#define SWEEP_MAX \
	10000 /* rows whose files are removed with their session; the rest at a later start */

_Static_assert((int)FLOW_EVENT_RESUMED == STORE_EVENT_RESUMED &&
		(int)FLOW_EVENT_BECAME_INVALID == STORE_EVENT_BECAME_INVALID,
	"events have the store's numbers");

static int on_last(const struct store_event *event, void *user)
{
	struct store_event *last = user;

	*last = *event;
	return 0;
}

/* Told once after what has gathered while nobody was there. Nothing follows BECAME_INVALID. */
static int put_finished_events(struct flow *flow, struct flow_session *s)
{
	struct store_event event = { .type = STORE_EVENT_FINISHED_EVENTS }, last = { 0 };
	int r;

	if (!s->session->n_events)
		return 0;
	r = err_fold(store_event_each(flow->store,
		&(struct store_event_range){ s->session->id, s->last_seq - 1, 1, 0 }, on_last,
		&last));
	if (r || last.type == STORE_EVENT_BECAME_INVALID)
		return r;
	if (last.type == STORE_EVENT_FINISHED_EVENTS) {
		s->finished_events_seq = last.seq;
		return 0;
	}
	r = flow_step_put_event(flow, s->session->id, &event);
	if (!r)
		s->finished_events_seq = event.seq;
	return r;
}

int flow_attach(
	struct flow *flow, const struct flow_attach *attach, struct flow_attached *ret_attached)
{
	struct flow_session *s = flow_session_lookup(flow, attach->session);
	int r = 0;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (s->client && s->client != attach->client)
		return FLOW_E_ALREADY_ATTACHED;
	r = flow_session_touch(flow, s);
	if (!r && !s->client)
		r = put_finished_events(flow, s);
	if (!r)
		r = flow_question_attach(flow, s, attach->implements);
	if (r)
		return flow_turn_poison(flow, r);
	s->client = attach->client;
	s->progress_interval_us = attach->progress_interval_us;
	s->has_new_events = s->session->n_events > 0;
	s->is_told = true;
	ret_attached->last_acked = s->session->last_acked_seq;
	ret_attached->last_seq = s->last_seq;
	return 0;
}

int flow_detach(struct flow *flow, uint64_t session, uint64_t client)
{
	struct flow_session *s = flow_session_lookup(flow, session);
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (!s->client || s->client != client)
		return FLOW_E_NOT_ATTACHED;
	/* who has left has left, whether or not this turn can be saved */
	s->client = s->finished_events_seq = 0;
	if (s->before)
		s->before->client = s->before->finished_events_seq = 0;
	r = flow_session_touch(flow, s);
	if (r)
		return flow_turn_poison(flow, r);
	s->is_told = true;
	return 0;
}

/* ---- acknowledging ---- */

struct ack {
	struct flow *flow;
	uint64_t n;
	bool is_last; /* BECAME_INVALID was among them */
};

static int on_acked(const struct store_event *event, void *user)
{
	struct ack *ack = user;
	char path[FLOW_PATH_BYTES];

	ack->n++;
	switch (event->type) {
	case STORE_EVENT_FINISHED_DOWNLOADING:
		if (event->a)
			return 0;
		flow_attempt_spool_path(ack->flow, event->task, FLOW_FILE_PART, path);
		return flow_attempt_remove(ack->flow, path);
	case STORE_EVENT_RECEIVED_DATA:
		flow_attempt_spool_path(ack->flow, event->task, FLOW_FILE_BODY, path);
		return flow_attempt_remove(ack->flow, path);
	case STORE_EVENT_BECAME_INVALID:
		ack->is_last = true;
		return 0;
	case STORE_EVENT_RESUMED:
	case STORE_EVENT_METRICS:
	case STORE_EVENT_COMPLETED:
	case STORE_EVENT_FINISHED_EVENTS:
		return 0;
	}
	return 0;
}

static int on_swept(struct task *task_take, void *user)
{
	struct flow *flow = user;
	char path[FLOW_PATH_BYTES];
	int r = 0;

	if (task_take->result.code)
		for (enum flow_attempt_file file = FLOW_FILE_PART; !r && file <= FLOW_FILE_BODY;
			file++)
			if (!flow_attempt_path(flow, task_take, file, path))
				r = flow_attempt_remove(flow, path);
	task_free(task_take);
	return r;
}

/* The session is over and its client knows: rows, and what failed tasks had kept. */
static int remove_session(struct flow *flow, struct flow_session *s)
{
	const struct store_filter filter = { .session = s->session->id,
		.uid = (uid_t)-1,
		.limit = SWEEP_MAX,
		.include_finished = true };
	int r = flow_turn_flush(flow);

	if (!r)
		r = err_fold(store_task_each(flow->store, &filter, on_swept, flow));
	if (!r)
		r = err_fold(store_session_del(flow->store, s->session->id));
	if (!r)
		s->is_gone = true;
	return r;
}

int flow_ack(struct flow *flow, uint64_t session, uint64_t client, uint64_t seq)
{
	struct flow_session *s = flow_session_lookup(flow, session);
	struct ack ack = { .flow = flow };
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (!s->client || s->client != client)
		return FLOW_E_NOT_ATTACHED;
	if (seq > s->last_seq)
		return FLOW_E_INVALID_REQUEST;
	if (seq <= s->session->last_acked_seq)
		return 0;
	r = flow_session_touch(flow, s);
	if (!r)
		r = err_fold(store_event_ack(flow->store, session, seq, on_acked, &ack));
	if (r)
		return flow_turn_poison(flow, r);
	s->session->last_acked_seq = seq;
	s->session->n_events -= ack.n < s->session->n_events ? ack.n : s->session->n_events;
	if (ack.is_last)
		r = remove_session(flow, s);
	return r ? flow_turn_poison(flow, r) : 0;
}

/* ---- reading ---- */

struct reading {
	struct flow *flow;
	uint64_t finished_events_seq;
	flow_event_fn fn;
	void *user;
	uint64_t after_seq; /* read so far */
	size_t n_left; /* to tell */
};

/*
 * A task that was retried after it failed has another end coming: the first one is not told any
 * more.
 */
static bool is_superseded(const struct store_event *row, const struct task *task)
{
	if (row->type == STORE_EVENT_RESUMED)
		return false;
	return task->state != TASK_STATE_COMPLETED || row->wall_us != task->finished_wall_us;
}

static int on_event(const struct store_event *row, void *user)
{
	struct reading *reading = user;
	struct flow *flow = reading->flow;
	struct flow_event event = {
		.seq = row->seq,
		.session = row->session,
		.task_id = row->task,
		.type = (enum flow_event_type)row->type,
		.wall_us = row->wall_us,
		.a = row->a,
		.b = row->b,
	};
	struct task *task = NULL;
	char path[FLOW_PATH_BYTES];
	void *resume_data = NULL;
	int r = 0;

	reading->after_seq = row->seq;
	if (row->type == STORE_EVENT_FINISHED_EVENTS && reading->finished_events_seq &&
		row->seq != reading->finished_events_seq)
		return 0;
	/* a damaged row: only these two are about the session */
	if (!row->task && row->type != STORE_EVENT_FINISHED_EVENTS &&
		row->type != STORE_EVENT_BECAME_INVALID)
		return 0;
	if (row->task) {
		r = store_task_load(flow->store, row->task, &task);
		if (r == STORE_E_NOT_FOUND)
			return 0; /* removed by hand */
		if (r)
			return err_fold(r);
		event.task = task;
		if (is_superseded(row, task)) {
			task_free(task);
			return 0;
		}
	}
	if (row->type == STORE_EVENT_FINISHED_DOWNLOADING) {
		event.path = flow_task_file(flow, task, path, sizeof(path));
	} else if (row->type == STORE_EVENT_RECEIVED_DATA) {
		flow_attempt_spool_path(flow, row->task, FLOW_FILE_BODY, path);
		event.path = path;
	} else if (row->type == STORE_EVENT_COMPLETED) {
		r = flow_resume_seal(flow, task, &resume_data, &event.resume_data_bytes);
		event.resume_data = resume_data;
	}
	if (!r) {
		reading->n_left--;
		r = reading->fn(&event, reading->user);
	}
	free(resume_data);
	task_free(task);
	return r;
}

int flow_events_each(
	struct flow *flow, const struct flow_event_range *range, flow_event_fn fn, void *user)
{
	struct flow_session *s = flow_session_lookup(flow, range->session);
	struct reading reading = { flow, 0, fn, user, range->after_seq, range->limit };
	uint64_t after_seq;
	int r = 0;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (flow->is_in_turn)
		r = flow_turn_flush(flow);
	if (r)
		return r;
	reading.finished_events_seq = s->finished_events_seq;
	/* what is not told takes no room from what is */
	do {
		after_seq = reading.after_seq;
		r = store_event_each(flow->store,
			&(struct store_event_range){
				range->session, after_seq, reading.n_left, range->last_seq },
			on_event, &reading);
	} while (!r && reading.n_left && reading.after_seq > after_seq &&
		(!range->last_seq || reading.after_seq < range->last_seq));
	return r;
}
