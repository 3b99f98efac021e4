/* SPDX-License-Identifier: MIT */
/*
 * Uploads whose snapshot is being made. The rows are committed before the copy begins, so that the
 * copy has a name, in a state that a crash forgets (BORN): nobody was told of them. When every
 * snapshot of the call is durable, all tasks of the call become what was asked for in one
 * transaction, and only then the call is answered. When one fails, none of them was ever there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

/* Of one application; each holds descriptors, for ever where its file does not answer. What one call brings may go beyond. */
#define BIRTHS_MAX 256

enum newborn_state { NEWBORN_PENDING, NEWBORN_OK, NEWBORN_FAILED };

struct newborn {
	uint64_t id;
	enum newborn_state state;
	struct transfer_result doom;
};

struct flow_birth {
	struct flow *flow;
	uint64_t session;
	bool start_running;
	char *token;
	flow_created_fn fn;
	void *user;
	int error; /* what the first failure was */
	uint64_t
		ended_turn; /* in which its end was begun: once per turn, again after one that failed */
	size_t n;
	TAILQ_ENTRY(flow_birth) entry;
	struct newborn newborns[];
};

static void birth_free(struct flow_birth *birth)
{
	if (!birth)
		return;
	free(birth->token);
	free(birth);
}

static void answer(struct flow_birth *birth, int error)
{
	uint64_t *ids = calloc(birth->n, sizeof(*ids));

	if (!ids && !error)
		error = FLOW_E_BUSY;
	for (size_t i = 0; ids && i < birth->n; i++)
		ids[i] = birth->newborns[i].id;
	birth->fn(birth->user, error, error ? NULL : ids, error ? 0 : birth->n);
	free(ids);
}

static void end(struct flow_birth *birth, int error)
{
	TAILQ_REMOVE(&birth->flow->births, birth, entry);
	answer(birth, error);
	birth_free(birth);
}

void flow_birth_free_all(struct flow *flow)
{
	while (!TAILQ_EMPTY(&flow->births))
		end(TAILQ_FIRST(&flow->births), FLOW_E_BUSY);
}

/* The rows could not be committed: there are no tasks. */
static void on_begin_release(void *data, int error)
{
	if (error)
		end(data, error);
}

int flow_birth_begin(struct flow *flow, const struct flow_birth_spec *spec)
{
	struct flow_birth *birth = calloc(
		1, sizeof(*birth) + spec->n_ids * sizeof(birth->newborns[0]));

	if (!birth)
		return err_raise(-ENOMEM);
	birth->flow = flow;
	birth->session = spec->session;
	birth->start_running = spec->start_running;
	birth->fn = spec->fn;
	birth->user = spec->user;
	birth->n = spec->n_ids;
	birth->token = spec->token ? strdup(spec->token) : NULL;
	for (size_t i = 0; i < spec->n_ids; i++) {
		birth->newborns[i].id = spec->ids[i];
		birth->newborns[i].doom = spec->dooms[i];
		birth->newborns[i].state = spec->has_snapshot[i] ? NEWBORN_PENDING : NEWBORN_OK;
	}
	if ((spec->token && !birth->token) ||
		outbox_add_take(&flow->outbox, on_begin_release, birth)) {
		birth_free(birth);
		return err_raise(-ENOMEM);
	}
	TAILQ_INSERT_TAIL(&flow->births, birth, entry);
	return 0;
}

bool flow_birth_has_token(const struct flow *flow, uint64_t session, const char *token)
{
	const struct flow_birth *birth;

	TAILQ_FOREACH (birth, &flow->births, entry)
		if (birth->session == session && birth->token && !strcmp(birth->token, token))
			return true;
	return false;
}

bool flow_birth_is_full(const struct flow *flow, uint64_t app)
{
	const struct flow_birth *birth;
	const struct flow_session *session;
	size_t n = 0;

	TAILQ_FOREACH (birth, &flow->births, entry) {
		session = flow_session_lookup(flow, birth->session);
		if (session && session->app == app)
			n += birth->n;
	}
	return n >= BIRTHS_MAX;
}

/* ---- the end ---- */

/*
 * After the commit the call is answered. When it fails, the report that led here comes again, and
 * the birth is still there.
 */
static void on_end_release(void *data, int error)
{
	struct flow_birth *birth = data;

	if (!error)
		end(birth, birth->error);
}

static int live(struct flow *flow, struct flow_birth *birth, struct newborn *newborn)
{
	struct active *active = registry_find(&flow->registry, newborn->id);
	int r;

	if (!active || active->is_gone)
		return err_raise(-ENOTRECOVERABLE);
	r = flow_step(flow, active, TASK_EVENT_SNAPSHOT_OK, NULL);
	if (r)
		return err_fold(r);
	active->is_told = false;
	if (newborn->doom.code) {
		active->task->result = newborn->doom;
		active->save |= STORE_SAVE_RESULT;
	}
	return birth->start_running ? flow_command_resume(flow, active, true) : 0;
}

static int succeed(struct flow *flow, struct flow_birth *birth)
{
	uint64_t *ids;
	int r = 0;

	for (size_t i = 0; !r && i < birth->n; i++)
		r = live(flow, birth, &birth->newborns[i]);
	if (r || !birth->token)
		return r;
	ids = calloc(birth->n, sizeof(*ids));
	if (!ids)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < birth->n; i++)
		ids[i] = birth->newborns[i].id;
	r = store_token_put(flow->store, birth->session, birth->token, ids, birth->n);
	free(ids);
	return err_fold(r);
}

static int give_up(struct flow *flow, struct flow_birth *birth)
{
	struct active *active;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < birth->n; i++) {
		active = registry_find(&flow->registry, birth->newborns[i].id);
		if (active && !active->is_gone)
			r = flow_step(flow, active, TASK_EVENT_SNAPSHOT_FAILED, NULL);
	}
	return r < 0 ? r : 0;
}

static int finish(struct flow *flow, struct flow_birth *birth)
{
	const struct flow_session *s = flow_session_lookup(flow, birth->session);
	int r;

	if (!birth->error && (!s || s->session->state != TRANSFER_SESSION_STATE_ACTIVE))
		birth->error = FLOW_E_SESSION_INVALID;
	r = birth->error ? give_up(flow, birth) : succeed(flow, birth);
	if (!r)
		r = outbox_add_take(&flow->outbox, on_end_release, birth);
	return r;
}

static int judge(const struct flow *flow, const struct engine_event *event)
{
	const struct active *active = registry_find(&flow->registry, event->task);

	if (event->is_disk_full)
		return FLOW_E_NO_SPACE;
	if (event->result.code)
		return FLOW_E_BUSY;
	/* it changed between the call and the copy: neither the old nor the new content */
	if (active && active->task->request.source_size_bytes != event->file_size_bytes)
		return FLOW_E_BUSY;
	return 0;
}

static struct newborn *find(struct flow *flow, uint64_t id, struct flow_birth **ret_birth)
{
	struct flow_birth *birth;

	TAILQ_FOREACH (birth, &flow->births, entry) {
		for (size_t i = 0; i < birth->n; i++) {
			if (birth->newborns[i].id == id) {
				*ret_birth = birth;
				return &birth->newborns[i];
			}
		}
	}
	return NULL;
}

void flow_birth_event(struct flow *flow, const struct engine_event *event)
{
	struct flow_birth *birth;
	struct newborn *newborn = find(flow, event->task, &birth);
	int error, r;

	if (!newborn || event->attempt != FLOW_SNAPSHOT_ATTEMPT)
		return;
	error = judge(flow, event);
	newborn->state = error ? NEWBORN_FAILED : NEWBORN_OK;
	if (error && !birth->error) {
		birth->error = error;
		log_warn("the file to upload as task %llu could not be copied: %s",
			(unsigned long long)event->task,
			event->result.code ? event->result.detail : "it changed");
	}
	for (size_t i = 0; i < birth->n; i++)
		if (birth->newborns[i].state == NEWBORN_PENDING)
			return;
	if (birth->ended_turn == flow->turn)
		return;
	birth->ended_turn = flow->turn;
	r = finish(flow, birth);
	if (r)
		flow_turn_poison(flow, r);
}
