/* SPDX-License-Identifier: MIT */
/*
 * An application with a session that lives in memory: a peer, a client, a manual queue, and a delegate that writes down what
 * it is told: "created N", "redir STATUS URL", "body? REASON", "sent A/B", "info STATUS", "waiting", "resp STATUS", "data 'X'",
 * "became N", "resumed A", "wrote A/B", "file 'X'", "metrics N", "done N CODE", "inval CODE", "destroyed"; handlers write
 * "handler STATUS CODE 'X'".
 */
#ifndef TESTS_CLIENT_LIB_LIVE_RIG_H
#define TESTS_CLIENT_LIB_LIVE_RIG_H

#include <transfer/transfer.h>

#include "tests/client-lib/peer-live.h"
#include "tests/client-lib/peer.h"

#define URL "https://example.org/"

struct live_rig {
	struct peer *peer;
	transfer_client *client;
	transfer_queue *queue;
	transfer_session *session;
	char log[65536]; /* lines; of the thread that dispatches */
	/* questions that are answered later are kept here */
	bool keeps_answers;
	transfer_redirect *redirect;
	transfer_challenge *challenge;
	transfer_disposition *disposition;
	transfer_body_request *body;
	transfer_task *download; /* of data_did_become_download */
	void (*in_callback)(struct live_rig *rig, transfer_task *task, const char *what);
	bool is_quiet; /* data is not written down */
	size_t n_data_bytes;
};

extern const struct transfer_session_delegate live_rig_delegate;

/* Peer, client and a default session with the delegate above; NULL: without delegate. */
void live_rig_init(struct live_rig *rig, const struct transfer_session_delegate *delegate);
transfer_session *live_rig_open(struct live_rig *rig, transfer_config *config,
	const struct transfer_session_delegate *delegate);
void live_rig_done(struct live_rig *rig);
/* The bus is gone, and the peer with it. */
void live_rig_lose_bus(struct live_rig *rig);
/* A data task of URL "https://example.org/NAME", resumed; with a handler, or told to the delegate. */
transfer_task *live_rig_get(struct live_rig *rig, const char *name);
transfer_task *live_rig_fetch(struct live_rig *rig, const char *name);
/* The same, not resumed; handled: with a handler. */
transfer_task *live_rig_make(struct live_rig *rig, const char *name, bool handled);
/* The whole answer to a task: status 200 and this body. */
void live_rig_answer(struct live_rig *rig, uint64_t task, const char *body);
/* The next bytes of a task come through a pipe: its write end. */
int live_rig_send_pipe(struct live_rig *rig, uint64_t task);
void live_rig_put(int fd, const char *text);
/* Dispatches until the log contains text; fails the test after ten seconds. */
void live_rig_expect(struct live_rig *rig, const char *text);
unsigned int live_rig_count(const struct live_rig *rig, const char *text);
/* Dispatches what waits now. */
void live_rig_dispatch(struct live_rig *rig);
void live_rig_note(struct live_rig *rig, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* transfer_data_handler and transfer_file_handler; userdata: the rig. */
void live_rig_on_data(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata);
void live_rig_on_file(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata);

#endif
