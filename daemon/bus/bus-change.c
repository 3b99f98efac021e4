/* SPDX-License-Identifier: MIT */
/*
 * PropertiesChanged and ObjectManager signals: what anybody on the bus may hear. States only, never URLs or headers.
 *
 * A task is told about at most four times a second. Its first change waits CHANGE_FIRST_US, so that a task that runs through in less
 * costs one signal. Memory is bounded: with CHANGES_MAX tasks waiting to be told about, changes of further ones are not told; whoever
 * needs all of them asks GetProgress. What somebody sets comes with a call, and is told at once then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

#define CHANGE_INTERVAL_US (250 * CLOCK_US_PER_MS)
#define CHANGE_FIRST_US    (50 * CLOCK_US_PER_MS)
#define CHANGES_MAX        200
#define CHANGES_PER_TICK   200
/* of a task's properties, those that come with task_set() */
#define WHAT_IS_SET        (UINT64_C(1) << IPC_TASK_DESCRIPTION | UINT64_C(1) << IPC_TASK_PRIORITY)

/* ---- tasks ---- */

/* One line for an administrator: what became of it. */
static void log_end(const struct task *task)
{
	char url[512];

	if (log_get_level() < LOG_LEVEL_INFO)
		return;
	log_url(task->request.url, url, sizeof(url));
	if (task->result.code)
		log_info("task %" PRIu64 " ended: %s (%d)%s%s, %s", task->id,
			bus_words_error(task->result.code), (int)task->result.code,
			task->result.detail[0] ? ", " : "", task->result.detail, url);
	else
		log_info("task %" PRIu64 " completed: status %u, %s", task->id,
			(unsigned)task->response.status, url);
}

static void change_free(struct bus_change *change)
{
	free(change->description);
	free(change);
}

static struct bus_change *find_or_add(struct bus *bus, const struct task *task)
{
	struct bus_change *change;

	HASH_FIND(hh, bus->changes, &task->id, sizeof(task->id), change);
	if (change || HASH_COUNT(bus->changes) >= CHANGES_MAX)
		return change;
	change = calloc(1, sizeof(*change));
	if (!change)
		return NULL;
	change->task = task->id;
	change->path = (struct ipc_path){ task->session, task->id };
	change->due_us = clock_now_us() + CHANGE_FIRST_US;
	HASH_ADD(hh, bus->changes, task, sizeof(change->task), change);
	if (change->is_unlisted) {
		free(change);
		return NULL;
	}
	return change;
}

void bus_change_task(const struct task *task, void *user)
{
	struct bus *bus = user;
	struct bus_change *change = find_or_add(bus, task);
	bool was_ended;

	if (!change)
		return;
	was_ended = change->now.state == TRANSFER_TASK_STATE_COMPLETED &&
		(change->is_told || change->is_pending);
	change->now = (struct bus_change_values){
		.state = task_public_state(task),
		.sub_state = flow_task_sub_state(bus->flow, task),
		.attempts = task->attempts,
		.next_retry_wall_us = task->state == TASK_STATE_WAITING ? task->due_wall_us : 0,
	};
	if (change->now.state == TRANSFER_TASK_STATE_COMPLETED && !was_ended)
		log_end(task);
	change->is_pending = true;
}

static void tell_what_is_set(struct bus *bus, const struct task *task)
{
	const char *text = task->request.description;
	const struct ipc_task_properties values = {
		.description = text ? text : "",
		.priority = task->request.priority,
	};

	if (ipc_bus_outgoing_bytes(bus->ipc) < BUS_OUTGOING_MAX_BYTES)
		ipc_emit_task_changed(bus->ipc, (struct ipc_path){ task->session, task->id },
			WHAT_IS_SET, &values);
}

void bus_change_task_set(const struct task *task, void *user)
{
	const char *text = task->request.description;
	struct bus *bus = user;
	struct bus_change *change;

	HASH_FIND(hh, bus->changes, &task->id, sizeof(task->id), change);
	if (!change) {
		/* bus_change_task() had no room */
		tell_what_is_set(bus, task);
		return;
	}
	free(change->description);
	change->is_set = false;
	change->description = text ? strdup(text) : NULL;
	if (text && !change->description)
		return; /* not told is better than told wrong */
	change->priority = task->request.priority;
	change->is_set = true;
}

static void tell(struct bus *bus, struct bus_change *change)
{
	const struct bus_change_values *now = &change->now, *told = &change->told;
	struct ipc_task_properties values = {
		.state = bus_words_task_state(now->state),
		.sub_state = bus_words_sub_state(now->sub_state),
		.attempts = now->attempts,
		.next_retry_usec = now->next_retry_wall_us,
		.description = change->description ? change->description : "",
		.priority = change->priority,
	};
	uint64_t changed = 0;

	if (!change->is_told || now->state != told->state)
		changed |= UINT64_C(1) << IPC_TASK_STATE | UINT64_C(1) << IPC_TASK_RESPONSE |
			UINT64_C(1) << IPC_TASK_ERROR | UINT64_C(1) << IPC_TASK_CURRENT_REQUEST;
	if (!change->is_told || now->sub_state != told->sub_state)
		changed |= UINT64_C(1) << IPC_TASK_SUB_STATE;
	if (!change->is_told || now->attempts != told->attempts)
		changed |= UINT64_C(1) << IPC_TASK_ATTEMPTS;
	if (!change->is_told || now->next_retry_wall_us != told->next_retry_wall_us)
		changed |= UINT64_C(1) << IPC_TASK_NEXT_RETRY_USEC;
	if (change->is_set)
		changed |= WHAT_IS_SET;
	if (changed)
		ipc_emit_task_changed(bus->ipc, change->path, changed, &values);
	change->told = *now;
	change->is_told = true;
	change->is_pending = change->is_set = false;
}

uint64_t bus_change_next_timer(const struct bus *bus)
{
	/* uthash keeps the order of insertion, and each entry is put at the end when its time moves on */
	return bus->changes ? bus->changes->due_us : UINT64_MAX;
}

void bus_change_tick(struct bus *bus, uint64_t now_us)
{
	struct bus_change *change, *next;
	size_t n = 0;

	HASH_ITER (hh, bus->changes, change, next) {
		if (change->due_us > now_us || n++ == CHANGES_PER_TICK)
			return;
		HASH_DEL(bus->changes, change);
		if (!change->is_pending) {
			change_free(change);
			continue;
		}
		tell(bus, change);
		change->due_us = now_us + CHANGE_INTERVAL_US;
		HASH_ADD(hh, bus->changes, task, sizeof(change->task), change);
		if (change->is_unlisted)
			change_free(change);
	}
}

void bus_change_done(struct bus *bus)
{
	struct bus_change *change, *next;

	HASH_ITER (hh, bus->changes, change, next) {
		HASH_DEL(bus->changes, change);
		change_free(change);
	}
}

/* ---- sessions ---- */

void bus_change_session(uint64_t id, void *user)
{
	struct bus *bus = user;
	const struct session *session = flow_session_get(bus->flow, id);
	struct ipc_session_properties values = { 0 };

	if (!session)
		return;
	values.state = bus_words_session_state(session->state);
	values.description = session->description ? session->description : "";
	ipc_emit_session_changed(bus->ipc, (struct ipc_path){ id, 0 },
		UINT64_C(1) << IPC_SESSION_STATE | UINT64_C(1) << IPC_SESSION_DESCRIPTION |
			UINT64_C(1) << IPC_SESSION_CLIENT_NAME |
			UINT64_C(1) << IPC_SESSION_CONFIGURATION,
		&values);
}

void bus_change_session_added(struct bus *bus, uint64_t id)
{
	const struct session *session = flow_session_get(bus->flow, id);
	struct ipc_session_properties values = { 0 };
	struct arena arena = { 0 };

	if (session && bus_session_properties(bus, session, &arena, &values) == 0)
		ipc_object_session_added(bus->ipc, (struct ipc_path){ id, 0 }, &values);
	arena_done(&arena);
}

void bus_change_session_gone(uint64_t id, void *user)
{
	struct bus *bus = user;
	struct bus_attachment *attachment = bus_event_find(bus, id);

	if (attachment)
		bus_event_detach(bus, attachment);
	bus_launch_forget(bus, id);
	ipc_object_session_removed(bus->ipc, (struct ipc_path){ id, 0 });
}

/* ---- the manager ---- */

void bus_change_limits(void *user)
{
	struct bus *bus = user;
	struct ipc_manager_properties values = { 0 };

	if (bus_manager_properties(bus, &values))
		return;
	ipc_emit_manager_changed(bus->ipc, (struct ipc_path){ 0, 0 },
		UINT64_C(1) << IPC_MANAGER_MODE | UINT64_C(1) << IPC_MANAGER_MAX_DOWNLOAD_RATE |
			UINT64_C(1) << IPC_MANAGER_MAX_UPLOAD_RATE |
			UINT64_C(1) << IPC_MANAGER_MAX_ACTIVE_TASKS |
			UINT64_C(1) << IPC_MANAGER_MAX_CONNECTIONS_PER_HOST |
			UINT64_C(1) << IPC_MANAGER_NETWORK_STATE,
		&values);
}
