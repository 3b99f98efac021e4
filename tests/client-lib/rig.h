/* SPDX-License-Identifier: MIT */
/*
 * An application for tests: a peer, a client, a manual queue, and a delegate that writes down what it is told, such as
 * "write 8/8", "finished task 100", "complete 0", "drained", "invalid 0".
 */
#ifndef TESTS_CLIENT_LIB_RIG_H
#define TESTS_CLIENT_LIB_RIG_H

#include <stdatomic.h>

#include <transfer/transfer.h>

#include "tests/client-lib/peer.h"

#define RIG_IDENTIFIER "com.example.test"

struct rig {
	struct peer *peer;
	transfer_client *client;
	transfer_queue *queue;
	transfer_session *session;
	char log[4096]; /* lines; of the thread that dispatches */
	atomic_int n_calls;
	transfer_task *kept; /* of the last task_did_complete */
	bool answers_later; /* task_will_begin_delayed_request keeps its answer here */
	transfer_delayed_request *answer;
	bool stop_at_finish; /* download_did_finish never returns: the process ends */
};

/* Peer and client; no session yet. */
void rig_init(struct rig *rig, uint64_t flags);
/* Opens the session with the recording delegate. */
void rig_open(struct rig *rig);
int rig_try_open(struct rig *rig, transfer_error **ret_error);
void rig_close_session(struct rig *rig);
void rig_done(struct rig *rig);
/* Dispatches until the log contains text; fails the test after ten seconds. */
void rig_expect(struct rig *rig, const char *text);
/* How often text is in the log. */
unsigned int rig_count(const struct rig *rig, const char *text);
/* A new download of the URL. */
transfer_task *rig_download(struct rig *rig, const char *url);
/* Everything asked for has been answered. */
void rig_flush(struct rig *rig);
/* All of these: a session with one download that the daemon knows. */
transfer_task *rig_begin(struct rig *rig);

extern const struct transfer_session_delegate rig_delegate;

#endif
