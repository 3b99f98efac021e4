/* SPDX-License-Identifier: MIT */
/* A pool is one CURLM; those without attempts go after a while, all in one timer. */
#include "engine/pool.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/xfer.h"

#define POOL_IDLE_S 60

static void arm(struct pools *pools, unsigned delay_s)
{
	struct timeval delay = { .tv_sec = delay_s };

	evtimer_add(&pools->timer, &delay);
}

static void free_pool(struct pools *pools, struct xfer_pool *pool)
{
	struct xfer_pool **at = &pools->first;

	while (*at != pool)
		at = &(*at)->next;
	*at = pool->next;
	multi_free(pool->multi);
	free(pool);
}

/* Closes connections nobody has used for a while; comes back only while such are left. */
static void on_timer(evutil_socket_t fd, short what, void *user)
{
	struct pools *pools = user;
	uint64_t now_us = clock_now_us();
	struct xfer_pool *next;
	bool is_any_idle = false;

	(void)fd;
	(void)what;
	for (struct xfer_pool *p = pools->first; p; p = next) {
		next = p->next;
		if (p->n_xfers)
			continue;
		if (p->is_retired || now_us - p->idle_since_us >= POOL_IDLE_S * CLOCK_US_PER_S)
			free_pool(pools, p);
		else
			is_any_idle = true;
	}
	if (is_any_idle)
		arm(pools, POOL_IDLE_S);
}

void pool_init(struct pools *pools, struct event_base *base, multi_done_fn on_done, void *user)
{
	pools->base = base;
	pools->on_done = on_done;
	pools->user = user;
	evtimer_assign(&pools->timer, base, on_timer, pools);
}

void pool_done(struct pools *pools)
{
	while (pools->first)
		free_pool(pools, pools->first);
}

static struct xfer_pool *find(const struct pools *pools, uint64_t session)
{
	for (struct xfer_pool *p = pools->first; p; p = p->next) {
		if (p->session == session && !p->is_retired)
			return p;
	}
	return NULL;
}

static struct xfer_pool *add(struct pools *pools, uint64_t session)
{
	struct xfer_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->session = session;
	if (multi_new(pools->base, pools->max_connections_per_host, pools->on_done, pools->user,
		    &p->multi)) {
		free(p);
		return NULL;
	}
	multi_set_on_socket(p->multi, xfer_request_on_watch);
	p->next = pools->first;
	pools->first = p;
	return p;
}

struct xfer_pool *pool_join(struct pools *pools, uint64_t session)
{
	struct xfer_pool *p = find(pools, session);

	if (!p)
		p = add(pools, session);
	if (p)
		p->n_xfers++;
	return p;
}

void pool_leave(struct pools *pools, struct xfer_pool *pool)
{
	if (--pool->n_xfers)
		return;
	pool->idle_since_us = clock_now_us();
	/* never freed here: its CURLM may be what called us */
	if (pool->is_retired)
		arm(pools, 0);
	else if (!evtimer_pending(&pools->timer, NULL))
		arm(pools, POOL_IDLE_S);
}

void pool_retire(struct pools *pools, uint64_t session)
{
	struct xfer_pool *p = find(pools, session);

	if (!p)
		return;
	p->is_retired = true;
	if (!p->n_xfers)
		free_pool(pools, p);
}

void pool_set_max_connections(struct pools *pools, unsigned max_connections_per_host)
{
	pools->max_connections_per_host = max_connections_per_host;
	for (struct xfer_pool *p = pools->first; p; p = p->next)
		multi_set_max_connections(p->multi, max_connections_per_host);
}
