/* SPDX-License-Identifier: MIT */
/*
 * A private bus, the daemon's side of it on the real flow and the real store, an engine that does what the test says, and clients, all
 * in one thread: rig_pump() runs turns and dispatches clients until what the test waits for is there.
 */
#ifndef TESTS_DAEMON_BUS_RIG_H
#define TESTS_DAEMON_BUS_RIG_H

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bus/bus-private.h"
#include "daemon/scouts.h"
#include "tests/lib/fake-engine.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"

#define ck_ok(expression) ck_assert_int_eq((expression), 0)
#define RIG_EVENTS        4096

struct store;

/* One connection of an application, and what it heard. */
struct rig_client {
	struct ipc_bus *bus;
	struct ipc_exchange exchange;
	struct rig_event {
		uint64_t seq, task;
		char name[40];
		int32_t code; /* DidComplete */
		uint64_t bytes, total; /* progress; total: the question */
		bool is_in_batch, has_file, has_reason;
		int32_t reason; /* of a cancellation */
		char text[128]; /* path, or body */
		/* of sessions in memory */
		uint32_t status;
		uint64_t question;
		size_t n_transactions;
		bool is_folded, has_pipe;
	} events[RIG_EVENTS];
	size_t n_events, n_signals, n_batches, n_file_batches;
	size_t n_task_changes, n_session_changes, n_manager_changes;
	/* of the last task change that named it */
	char state[32], sub_state[32], description[32];
	double priority;
};

struct rig {
	struct proc *daemon; /* the bus daemon */
	const char *folder;
	char *spool;
	struct store *store;
	struct engine *engine;
	struct flow *flow;
	struct live *live;
	struct scouts *scouts;
	struct bus *bus; /* ours */
	bool may_fail; /* a turn: the test has the commits in its hand */
	struct rig_client *clients[4];
	size_t n_clients;
};

struct rig *rig_new(void);
void rig_free(struct rig *rig);
struct rig_client *rig_connect(struct rig *rig);
void rig_disconnect(struct rig *rig, struct rig_client *client);

/* One round: a turn of the daemon, then the clients. */
void rig_turn(struct rig *rig);
/* Rounds until is_done() or the deadline; the test fails then. */
typedef bool (*rig_fn)(void *user);
void rig_pump(struct rig *rig, rig_fn is_done, void *user);
/* Rounds until nothing moves for a moment: for "nothing more comes". */
void rig_settle(struct rig *rig);
/* Rounds until every change of a task has been told. */
void rig_tell(struct rig *rig);

/* An answer that a callback fills in: r is 0, IPC_E_… or -errno. */
struct rig_answer {
	bool is_there;
	int r;
	char text[256];
};
bool rig_is_answered(void *answer);
void rig_note(struct rig_answer *answer, int r, const char *text);
void rig_on_done(void *answer, int r, const char *text); /* an ipc_done_fn */

/* ---- shorthands; each fails the test when it does not work ---- */
uint64_t rig_open(struct rig *rig, struct rig_client *client, const char *identifier);
int rig_attach(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_attach_options *options);
int rig_ack(struct rig *rig, struct rig_client *client, uint64_t session, uint64_t seq);
/* A running task. */
uint64_t rig_create(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_request *request);
int rig_create_error(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_request *request, struct rig_answer *ret_answer);
uint64_t rig_download(struct rig *rig, struct rig_client *client, uint64_t session);

/* ---- what the engine reports ---- */
void rig_progress(struct rig *rig, uint64_t task, uint64_t received, int64_t total);
void rig_finish(struct rig *rig, uint64_t task, uint64_t size);
void rig_fail(struct rig *rig, uint64_t task, int32_t code);
void rig_stopped(struct rig *rig, uint64_t task);

size_t rig_count(const struct rig_client *client, const char *name);
const struct rig_event *rig_find(const struct rig_client *client, const char *name);
void rig_wait_event(struct rig *rig, struct rig_client *client, const char *name, size_t n);

#endif
