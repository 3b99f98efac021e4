/* SPDX-License-Identifier: MIT */
/*
 * What a turn will do once it is durable (I1): replies, engine commands, notifications, in the
 * order in which they were added. Each item is a function and what it owns. It is called exactly
 * once: with error 0 after the commit, or with the error that replaces it when the commit failed;
 * then an item that acts must only free what it owns.
 */
#ifndef DAEMON_OUTBOX_H
#define DAEMON_OUTBOX_H

#include <stddef.h>

typedef void (*outbox_fn)(void *item, int error);

struct outbox_item;
struct outbox {
	struct outbox_item *items; /* in order; NULL: none */
	size_t n_items, room;
};

void outbox_init(struct outbox *outbox);
/* Takes ownership of item when 0 is returned; -ENOMEM otherwise and item stays the caller's. */
int outbox_add_take(struct outbox *outbox, outbox_fn fn, void *item);
/* Calls and removes every item, those included that are added meanwhile. */
void outbox_release(struct outbox *outbox, int error);

#endif
