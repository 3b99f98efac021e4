/* SPDX-License-Identifier: MIT */
/* What transferd is told of a live session and of its tasks: who wants to hear of what, and requests with their bodies. */
#include "client-lib/live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <transfer/manager.h>

#include "base/arena.h"
#include "client-lib/body.h"
#include "client-lib/cache-load.h"
#include "client-lib/command.h"
#include "client-lib/request.h"
#include "client-lib/task.h"
#include "client-lib/wire.h"
#include "ipc/proto.h"

/* X(signal, member of the delegate): what is told or asked only of those who want it. */
#define LIVE_SIGNALS(X) \
	X(DID_WRITE_DATA, download_did_write) \
	X(DID_SEND_BODY_DATA, task_did_send) \
	X(DID_RECEIVE_DATA, data_did_receive) \
	X(DID_RESUME_AT_OFFSET, download_did_resume) \
	X(DID_FINISH_COLLECTING_METRICS, task_did_collect_metrics) \
	X(WILL_PERFORM_REDIRECT, task_will_redirect) \
	X(DID_RECEIVE_CHALLENGE, task_did_receive_challenge) \
	X(NEED_NEW_BODY_STREAM, task_need_body) \
	X(DID_RECEIVE_INFORMATIONAL_RESPONSE, task_did_receive_informational_response) \
	X(IS_WAITING_FOR_CONNECTIVITY, task_is_waiting_for_connectivity) \
	X(DID_RECEIVE_RESPONSE, data_did_receive_response)

#define BIT(signal) (1u << IPC_EVENT_##signal)
/* What a task with a handler still asks. */
#define ASKED_BY_HANDLERS \
	(BIT(WILL_PERFORM_REDIRECT) | BIT(DID_RECEIVE_CHALLENGE) | BIT(NEED_NEW_BODY_STREAM))

static unsigned int wanted_by(const struct transfer_session_delegate *delegate)
{
	unsigned int wanted = BIT(DID_FINISH_DOWNLOADING) | BIT(DID_COMPLETE);

#define WANT(signal, member) wanted |= delegate->member ? BIT(signal) : 0;
	LIVE_SIGNALS(WANT)
	return wanted;
}

/* A store may have the answer to a challenge. */
static unsigned int wanted_by_session(const transfer_session *session)
{
	return wanted_by(&session->delegate) |
		(session->credentials ? BIT(DID_RECEIVE_CHALLENGE) : 0u);
}

static unsigned int wanted_of(const transfer_task *task)
{
	unsigned int wanted = wanted_by_session(task->session) | wanted_by(&task->delegate);

	if (task_has_handler(task))
		wanted &= ASKED_BY_HANDLERS | BIT(DID_FINISH_DOWNLOADING) | BIT(DID_COMPLETE);
	if (task->reader && !task_has_handler(task))
		wanted = (wanted & ASKED_BY_HANDLERS) | BIT(DID_RECEIVE_DATA) | BIT(DID_COMPLETE);
	if (task->observer || task->meter)
		wanted |= BIT(DID_SEND_BODY_DATA) | BIT(DID_WRITE_DATA);
	return wanted;
}

/* first: another name that goes in front; NULL */
static int list(struct arena *arena, unsigned int wanted, const char *first,
	const char *const **ret_names, size_t *ret_n)
{
	const char **names = arena_alloc(arena, WIRE_MAX_SIGNALS, sizeof(*names));

	if (!names)
		return -ENOMEM;
	names[0] = first;
	*ret_n = first != NULL;
	for (unsigned int kind = 0; kind < 32; kind++) {
		if (wanted & 1u << kind && *ret_n < WIRE_MAX_SIGNALS)
			names[(*ret_n)++] = ipc_event_name((enum ipc_event_kind)kind);
	}
	*ret_names = names;
	return 0;
}

int live_fill_open(
	transfer_session *session, struct arena *arena, struct ipc_manager_open_session_in *in)
{
	in->options.window = WIRE_WINDOW;
	in->options.has_window = true;
	in->options.batch = in->options.has_batch = true;
	return list(arena, wanted_by_session(session), IPC_EVENTS_FILE, &in->options.implements,
		&in->options.n_implements);
}

static int fill_wishes(transfer_task *task, struct arena *arena, struct ipc_request *row)
{
	unsigned int wanted = wanted_of(task);

	if (task->wants_whole && !task_has_handler(task))
		row->whole_body = row->has_whole_body = true;
	if (task->is_body_asked)
		row->body_asked = row->has_body_asked = true;
	if (task->priority < 0.5 || task->priority > 0.5) {
		row->priority = task->priority;
		row->has_priority = true;
	}
	if (wanted == wanted_by_session(task->session))
		return 0;
	return list(arena, wanted, NULL, &row->implements, &row->n_implements);
}

static int fill_body(transfer_task *task, struct ipc_request *row)
{
	const struct body_sent *sent = &task->sent;

	if (task->source_fd >= 0 && sent->is_stream) {
		row->body_stream = task->source_fd;
		row->has_body_stream = true;
		row->body_length = sent->length;
		row->has_body_length = true;
	} else if (task->source_fd >= 0) {
		row->body_file = task->source_fd;
		row->has_body_file = true;
		row->body_path = task->source_path;
	} else if (task->is_body_open) {
		row->body = sent->bytes;
		row->n_body = sent->n_bytes;
	}
	return 0;
}

int live_fill_request(transfer_task *task, struct arena *arena, struct ipc_request *row)
{
	int r = 0;

	*row = (struct ipc_request){ 0 };
	if (task->resume_data) {
		row->resume_data = transfer_data_get_bytes(task->resume_data);
		row->n_resume_data = transfer_data_get_size(task->resume_data);
	} else {
		r = request_to_ipc(task->request, arena, row);
	}
	row->kind = transfer_task_kind_get_name(task->kind);
	row->description = NULL; /* they stay here */
	row->userdata = NULL;
	row->n_userdata = 0;
	row->upload_copy = NULL;
	row->has_retry_http_errors = row->has_not_before_usec = false;
	if (!r)
		r = fill_body(task, row);
	if (!r)
		r = cache_load_fill(task, arena, row);
	return r ? r : fill_wishes(task, arena, row);
}

/* A few bytes where a descriptor is needed: that, or -errno. */
static int keep_bytes(const void *bytes, size_t n)
{
	int fd = memfd_create("transfer-body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (pwrite(fd, bytes, n, 0) == (ssize_t)n &&
		!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	close(fd);
	return -ENOMEM;
}

int live_open_body(const transfer_body *body, struct command *answer)
{
	struct body_sent sent = { .fd = -1 };
	int r = body_open(body, &sent);

	if (r)
		return r;
	answer->fd = sent.fd >= 0 ? sent.fd : keep_bytes(sent.bytes, sent.n_bytes);
	answer->length_bytes = sent.fd >= 0 ? sent.length : (int64_t)sent.n_bytes;
	return answer->fd >= 0 ? 0 : answer->fd;
}
