/* SPDX-License-Identifier: MIT */
/*
 * A worker's pools: one for each session, kept for a while after its last attempt, so that the next one finds open connections.
 * On the worker's thread.
 */
#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include <event2/event_struct.h>
#include <stdint.h>

#include "engine/multi.h"

struct xfer_pool;

struct pools {
	struct event_base *base;
	struct xfer_pool *first;
	struct event timer; /* while some have nothing to do */
	unsigned max_connections_per_host;
	multi_done_fn on_done;
	void *user;
};

void pool_init(struct pools *pools, struct event_base *base, multi_done_fn on_done, void *user);
/* All attempts are gone. */
void pool_done(struct pools *pools);
/* The pool of a session, with one attempt more; NULL: no memory. */
struct xfer_pool *pool_join(struct pools *pools, uint64_t session);
void pool_leave(struct pools *pools, struct xfer_pool *pool);
/* What comes from now on has other connections. */
void pool_retire(struct pools *pools, uint64_t session);
void pool_set_max_connections(struct pools *pools, unsigned max_connections_per_host);

#endif
