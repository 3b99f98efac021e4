/* SPDX-License-Identifier: MIT */
/*
 * Questions to attached clients, and their answers. A question is sent once for each attachment,
 * after the durable events that came first; at most FLOW_QUESTIONS_MAX are open at a client, the
 * others wait in the store. It has no sequence number: what it needs is an answer.
 */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

/* ---- asking ---- */

struct asking {
	struct bus *bus;
	struct bus_attachment *attachment;
};

static enum ipc_event_kind kind_of(enum question_kind kind)
{
	switch (kind) {
	case QUESTION_DELAYED_REQUEST:
		return IPC_EVENT_WILL_BEGIN_DELAYED_REQUEST;
	case QUESTION_NONE:
		break;
	}
	return IPC_EVENT_UNKNOWN;
}

static int ask(const struct question *question, const struct task *task, void *user)
{
	struct asking *asking = user;
	struct arena arena = { 0 };
	struct ipc_event_args args = {
		.file = -1,
		.body_file = -1,
		.body_pipe = -1,
		.question = question->id,
		.has_question = true,
	};
	struct ipc_event row = {
		.task = { question->session, question->task },
		.wall_usec = question->asked_wall_us,
		.name = ipc_event_name(kind_of(question->kind)),
		.args = &args,
	};
	int r = bus_view_request(task, false, &arena, &args.request);

	if (r == 0)
		r = bus_event_send(asking->bus, asking->attachment, &row, 1);
	if (r == 0)
		asking->attachment->asked_id = question->id;
	arena_done(&arena);
	return r;
}

void bus_question_pump(struct bus *bus, struct bus_attachment *attachment)
{
	struct asking asking = { bus, attachment };
	struct flow_event_range range = { attachment->session, attachment->asked_id,
		FLOW_QUESTIONS_MAX, 0 };
	int r;

	/* not before the durable events that came first */
	if (!attachment->has_questions || !attachment->is_open ||
		attachment->sent_seq < attachment->last_seq ||
		ipc_bus_outgoing_bytes(bus->ipc) >= BUS_OUTGOING_HIGH_BYTES)
		return;
	r = flow_questions_each(bus->flow, &range, ask, &asking);
	attachment->has_questions = r < 0;
	if (r < 0 && r != -ENOTCONN)
		log_warn("cannot ask the client of session %llu: %s",
			(unsigned long long)attachment->session, err_text(r));
}

static void look_again(struct bus *bus, uint64_t session)
{
	struct bus_attachment *attachment = bus_event_find(bus, session);

	if (!attachment) {
		bus_launch_want(bus, session, true);
		return;
	}
	attachment->has_questions = true;
	bus_question_pump(bus, attachment);
}

void bus_question_new(uint64_t session, void *user)
{
	look_again(user, session);
}

void bus_question_withdrawn(const struct question *question, void *user)
{
	struct bus *bus = user;
	struct bus_attachment *attachment = bus_event_find(bus, question->session);
	struct ipc_event_args args = {
		.file = -1,
		.body_file = -1,
		.body_pipe = -1,
		.question = question->id,
		.has_question = true,
	};
	struct ipc_event row = {
		.task = { question->session, question->task },
		.name = ipc_event_name(IPC_EVENT_QUESTION_WITHDRAWN),
		.args = &args,
	};
	int r = 0;

	if (attachment && attachment->is_open && question->id <= attachment->asked_id)
		r = bus_event_send(bus, attachment, &row, 1);
	if (r < 0 && r != -ENOTCONN)
		log_warn("cannot take question %llu back: %s", (unsigned long long)question->id,
			err_text(r));
	look_again(bus, question->session);
}

uint32_t bus_question_mask(const char *const *methods, size_t n)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < n; i++) {
		enum question_kind kind = question_kind_of(methods[i]);

		mask |= kind == QUESTION_NONE ? 0 : question_bit(kind);
	}
	return mask;
}

/* ---- answers ---- */

static int read_request(
	struct ipc_call *call, const struct ipc_request *from, struct task_request *to)
{
	const struct task_header *headers = bus_headers(call, from->headers, from->n_headers);

	if (!headers)
		return err_raise(-ENOMEM);
	*to = (struct task_request){
		.url = from->url,
		.method = from->method,
		.headers = headers,
		.n_headers = from->n_headers,
		.timeout_us = from->timeout_usec,
	};
	return 0;
}

static int read_action(const char *word, enum flow_delayed_action *ret_action)
{
	static const struct {
		const char *word;
		enum flow_delayed_action action;
	} words[] = {
		{ "continue", FLOW_DELAYED_CONTINUE },
		{ "replace", FLOW_DELAYED_REPLACE },
		{ "cancel", FLOW_DELAYED_CANCEL },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) == 0) {
			*ret_action = words[i].action;
			return 0;
		}
	}
	return -EINVAL;
}

struct answer_reply {
	struct ipc_call *call;
	struct bus *bus;
	uint64_t session;
};

static void on_answered(void *user, int error)
{
	struct answer_reply reply = *(struct answer_reply *)user; /* it goes with the call */

	if (error) {
		bus_reply_error(reply.call, error);
		return;
	}
	ipc_reply_done(reply.call);
	bus_launch_served(reply.bus, reply.session);
	look_again(reply.bus, reply.session);
}

int bus_question_answer_delayed(
	struct ipc_call *call, void *user, const struct ipc_session_answer_delayed_request_in *in)
{
	uint64_t session = ipc_call_path(call).session;
	struct bus *bus = user;
	struct bus_attachment *attachment = bus_event_find(bus, session);
	struct answer_reply *reply = bus_alloc(call, sizeof(*reply));
	struct task_request request;
	struct flow_delayed_answer answer = { .session = session, .request = &request };
	int r;

	if (!reply)
		return err_raise(-ENOMEM);
	if (!attachment || strcmp(attachment->name, ipc_call_caller(call)->name) != 0)
		return bus_refuse(call, FLOW_E_NOT_ATTACHED);
	if (read_action(in->action, &answer.action))
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "action must be continue, replace or cancel");
	r = read_request(call, &in->request, &request);
	if (r)
		return r;
	answer.client = attachment->client;
	answer.question = in->question;
	r = flow_question_answer_delayed(bus->flow, &answer);
	if (r)
		return bus_refuse(call, r);
	*reply = (struct answer_reply){ call, bus, session };
	return bus_defer(bus, call, on_answered, reply);
}
