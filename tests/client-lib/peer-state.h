/* SPDX-License-Identifier: MIT */
/* What the two halves of the peer share: its state, and what makes events. All with the lock held. */
#ifndef TESTS_CLIENT_LIB_PEER_STATE_H
#define TESTS_CLIENT_LIB_PEER_STATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/bus.h"
#include "ipc/object.h"
#include "ipc/proto.h"
#include "tests/client-lib/peer.h"

struct thread;

#define SESSION    7
#define FIRST_ID   100
#define MAX_TASKS  4096
#define MAX_EVENTS 8192

struct peer_task {
	char kind[16], url[512], description[256], destination[256], headers[256], source[256],
		token[160];
	unsigned int suspensions;
	bool is_done, is_cancelled, is_hidden;
	double priority;
};

struct peer_event {
	uint64_t seq, task, bytes, total;
	enum ipc_event_kind kind;
	int code;
	char path[256], body[64];
	bool has_file, body_in_file;
};

struct peer {
	struct ipc_bus *bus;
	struct bus *private_bus;
	struct thread *thread;
	int wake_fd;
	atomic_bool is_ending;
	void (*work)(struct peer *p, void *user);
	void *work_user;
	sem_t done;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_session, is_invalid, finishes;
	char identifier[64], description[256];
	struct peer_task *tasks;
	unsigned int n_tasks, n_create_calls, n_file_calls, n_attached, swallow_create,
		swallow_acknowledge;
	struct peer_event *events;
	unsigned int n_events;
	uint64_t last_seq, acked;
	char client[64];
	int fail_open, fail_attach, fail_next_attach, fail_next_acknowledge, fail_next_verb;
	struct ipc_call *swallowed[8]; /* ended when the connection is gone */
	unsigned int n_swallowed;
	char shown[2048];
	char cookies[1024]; /* of the last SetCookies */
	uint64_t asked_task, question; /* open: asked again at each attach */
	char answers[512]; /* "QUESTION ACTION URL\n" of each call */
	unsigned int swallow_answer;
	int fail_answer; /* the next one is answered with this */
	struct peer_live *live;
};

extern const struct ipc_object_ops peer_object_ops;

struct ipc_path peer_session_path(void);
struct peer_task *peer_find(struct peer *p, uint64_t id);
void peer_changed(struct peer *p);
/* To the attached client, if there is one. */
void peer_send(struct peer *p, struct peer_event *event);
void peer_write_locked(struct peer *p, uint64_t id, uint64_t bytes, uint64_t total);
void peer_finish_locked(struct peer *p, uint64_t id);
void peer_complete_locked(struct peer *p, uint64_t id, int code);
void peer_invalidate_locked(struct peer *p);
void peer_ask_locked(struct peer *p);
/* The call is never answered. */
void peer_swallow(struct peer *p, struct ipc_call *call);
/* In the peer's thread, without the lock. */
void peer_do(struct peer *p, void (*fn)(struct peer *p, void *user), void *user);

/* ---- peer-live.c: handlers of live sessions, and their state ---- */
#define LIVE_FIRST ((uint64_t)1 << 52)

bool peer_is_live(uint64_t id);
struct peer_live *peer_live_new(void);
void peer_live_free(struct peer_live *live);
void peer_live_forget(struct peer *p); /* transferd went away */
int peer_live_open(struct peer *p, struct ipc_call *call,
	const struct ipc_manager_open_session_in *in, struct ipc_manager_open_session_out *out);
int peer_live_create(struct peer *p, struct ipc_call *call,
	const struct ipc_session_create_tasks_in *in, struct ipc_session_create_tasks_out *out);
int peer_live_create_file(struct peer *p, struct ipc_call *call,
	const struct ipc_session_create_tasks_in *in,
	struct ipc_session_create_tasks_file_out *out);
void peer_live_note(struct peer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool peer_live_is_ended(struct peer *p, uint64_t id);
/* A verb on tasks: is it about live ones? Then it was written down, and a cancel is carried out. */
bool peer_live_steer(struct peer *p, const char *verb, const uint64_t *ids, size_t n);
int peer_live_resume_data(struct peer *p, struct ipc_call *call,
	struct ipc_task_cancel_producing_resume_data_out *out);
int peer_on_answer_challenge(
	struct ipc_call *call, void *user, const struct ipc_session_answer_challenge_in *in);
int peer_on_answer_redirect(
	struct ipc_call *call, void *user, const struct ipc_session_answer_redirect_in *in);
int peer_on_answer_responses(struct ipc_call *call, void *user,
	const struct ipc_session_answer_responses_in *in,
	struct ipc_session_answer_responses_out *out);
int peer_on_answer_body(
	struct ipc_call *call, void *user, const struct ipc_session_answer_body_stream_in *in);
int peer_on_close(struct ipc_call *call, void *user);

/* A task that may run does what peer_finish_by_itself() says. */
void peer_run_task(struct peer *p, uint64_t id);

#endif
