/* SPDX-License-Identifier: MIT */
/* Bodies of requests inside the library: where bytes come from that are sent. */
#ifndef CLIENT_LIB_BODY_H
#define CLIENT_LIB_BODY_H

#include <pthread.h>
#include <stdint.h>

#include <transfer/body.h>

#include "client-lib/ref.h"

enum body_kind { BODY_DATA, BODY_FILE, BODY_FD, BODY_READER };

struct transfer_body {
	struct ref ref;
	enum body_kind kind;
	transfer_data *data;
	char *path;
	int fd; /* FD: ours */
	int64_t length; /* FD, READER */
	transfer_body_reader reader;
	transfer_destroy destroy;
	void *userdata;
	pthread_mutex_t lock; /* of the next two */
	void (*on_more)(void *userdata);
	void *more_userdata;
};

/* TRANSFER_SIZE_UNKNOWN: a file, or what has no end yet. */
int64_t body_length(const transfer_body *body);
/* Who is told by transfer_body_more(), in whatever thread calls it; on_more NULL: nobody. No call is under way when it returns. */
void body_watch(transfer_body *body, void (*on_more)(void *userdata), void *userdata);

#endif
