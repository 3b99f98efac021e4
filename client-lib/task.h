/* SPDX-License-Identifier: MIT */
/* A task inside the library: what transferd told last. Guarded by the client's lock, except id-independent constants. */
#ifndef CLIENT_LIB_TASK_H
#define CLIENT_LIB_TASK_H

#include <transfer/session.h>

#include "base/hash.h"
#include "client-lib/ref.h"

struct delivery;
struct ipc_task;

enum task_stage {
	TASK_STAGE_NEW, /* waits to be sent; resume and suspend only change n_suspensions */
	TASK_STAGE_SENT, /* in a CreateTasks that has not been answered */
	TASK_STAGE_LIVE, /* transferd has it */
	TASK_STAGE_ENDED, /* completed */
};

struct transfer_task {
	struct ref ref;
	transfer_session *session; /* memory reference */
	enum transfer_task_kind kind;
	struct transfer_request *request; /* never NULL */
	int source_fd; /* upload, until transferd has it */
	char *source_path;
	transfer_data *resume_data; /* download that goes on */

	/* ---- under lock ---- */
	bool is_unlisted;
	UT_hash_handle hh;
	uint64_t id; /* 0: not known yet */
	enum task_stage stage;
	bool is_cancelled; /* cancel was asked for */
	bool is_made_alone; /* a batch with it failed: it goes alone */
	unsigned int n_suspensions;
	struct transfer_progress progress;
	double priority;
	char *description, *current_url, *digest_algorithm, *digest_hex;
	transfer_response *response;
	transfer_error *error;
	struct delivery *waiting_progress; /* in the session's line, may still be joined */
};

/* NULL: out of memory. @request: taken, not NULL. */
transfer_task *task_new(
	transfer_session *session, enum transfer_task_kind kind, struct transfer_request *request);
/* A task that an earlier program made; NULL: out of memory. */
transfer_task *task_new_from_row(transfer_session *session, const struct ipc_task *row);
/* What a newer row tells; with the lock held. */
void task_update(transfer_task *task, const struct ipc_task *row);

#endif
