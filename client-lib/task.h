/* SPDX-License-Identifier: MIT */
/* A task inside the library: what transferd told last. Guarded by the client's lock, except id-independent constants. */
#ifndef CLIENT_LIB_TASK_H
#define CLIENT_LIB_TASK_H

#include <transfer/session.h>

#include "base/hash.h"
#include "client-lib/body.h"
#include "client-lib/delivery.h"
#include "client-lib/ref.h"

struct ipc_task;
struct segment;
struct task_auth;
struct task_cache;
struct transfer_load;
struct transfer_meter;
struct transfer_reader;

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
	struct delivery *waiting_observe; /* in the session's line, takes what changes meanwhile */
	transfer_task_observer observer;
	void *observer_userdata;
	unsigned int changes; /* that the observer was not told yet */

	/* ---- live sessions only, under lock ---- */
	TAILQ_ENTRY(transfer_task) live; /* of the session's live_tasks, while is_linked */
	uint64_t made_wall_us; /* constant */
	uint64_t number; /* what the application knows it by; constant */
	bool is_linked;
	bool was_resumed; /* the session has a reference */
	bool is_loaded; /* a loader answers it */
	bool is_sent; /* counted in n_sent */
	bool is_cut; /* a body could not be read to its end */
	bool wants_whole; /* its body, in one piece */
	bool is_body_asked; /* its delegate gives the body */
	size_t wait_index; /* in the session's waiting, when it is there */
	bool is_waiting;
	transfer_error
		*refusal; /* its end, whatever transferd says: what was wrong when it was made */
	struct task_auth *auth; /* NULL: nobody has asked */
	struct task_cache *cache; /* NULL: no answer of it is, or was, in a cache */
	/* who is told */
	struct transfer_reader *reader; /* of the library: no application code runs for it */
	struct transfer_meter *meter;
	struct transfer_session_delegate delegate; /* size 0: none of its own */
	void *delegate_userdata;
	transfer_data_handler data_handler;
	transfer_file_handler file_handler;
	void *handler_userdata;
	struct delivery
		*last; /* an end that is made here, while there was none: it must not fail */
	struct delivery *waiting_end; /* in the session's line: cancel() may still change it */
	struct delivery *file; /* for the handler, until the end comes */
	/* bodies */
	transfer_body *body; /* of the request; NULL: none, or it is asked for */
	bool is_body_open; /* source_fd, or bytes of it, are what is sent */
	struct body_sent sent; /* its fd is source_fd */
	struct body_pump *pump; /* a reader is at work */
	struct segment *segment; /* a pipe is read */
	bool has_piece; /* of it, not delivered yet */
	struct delivery_line hold; /* happenings behind it */
	transfer_data *whole; /* the first of a body that is wanted whole */
	char *gathered; /* from the second on */
	size_t n_gathered, gathered_room;
	/* loaders */
	struct transfer_load *load;
	unsigned int n_load_redirects;
	int64_t client_send_bytes, client_receive_bytes; /* what the program expects */
};

/* NULL: out of memory. @request: taken, not NULL. */
transfer_task *task_new(
	transfer_session *session, enum transfer_task_kind kind, struct transfer_request *request);
/* A task that an earlier program made; NULL: out of memory. */
transfer_task *task_new_from_row(transfer_session *session, const struct ipc_task *row);
/* A task that goes on from one of a live session: a download, known to transferd as id. With the lock held; NULL: no memory. */
transfer_task *task_new_download_of(transfer_task *task, uint64_t id);
/* Its end, made here: there is memory for one. */
struct delivery *task_end(transfer_task *task);
bool task_has_handler(const transfer_task *task);
/* TRANSFER_TASK_CHANGED_…: the observer is told, in its turn. With the lock held. */
void task_changed(transfer_task *task, unsigned int changes);
/* After redirects. With the lock held. */
void task_set_current_url(transfer_task *task, const char *url);
/* A file of the application that cannot be opened, as the error of a task. */
transfer_error *task_open_failed(int error_no);
/* What a newer row tells; with the lock held. */
void task_update(transfer_task *task, const struct ipc_task *row);

#endif
