/* SPDX-License-Identifier: MIT */
/*
 * One loop per worker: the mailbox, the pools' sockets and timers, and a tick that runs only while there are attempts that are not
 * at rest. With nothing to do the thread sleeps without any timer but that of the pools.
 */
#include "engine/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/thread.h"
#include "engine/answer.h"
#include "engine/disk.h"
#include "engine/jar.h"
#include "engine/pool.h"
#include "engine/post.h"
#include "engine/xfer.h"

#define WORKER_TICK_US      250000
/* while a rate limit makes an attempt wait */
#define WORKER_FAST_TICK_US 50000

/* What waits for the end of the turn, in order. */
struct worker_queue {
	struct mail *first, *last;
};

TAILQ_HEAD(xfer_list, xfer);

struct worker {
	struct event_base *base;
	struct mailbox *mailbox, *events;
	struct worker_mail *quit_mail;
	struct thread *thread;
	struct event mail_event, tick_event, due_event, flush_event, begin_event;
	struct worker_queue told, asked;
	struct xfer_list ahead, beginning;
	struct xfer_env env;
	struct xfer *xfers;
	struct pools pools;
	uint64_t ticked_us;
	uint64_t due_us; /* due_event is armed for then; UINT64_MAX: not */
	int n_said; /* attempts that the disk was told of */
};

struct worker_watch {
	struct event event;
	struct worker *worker;
	struct xfer *xfer;
	worker_watch_fn fn;
};

static struct xfer *find(struct worker *w, uint64_t task, uint32_t attempt)
{
	struct xfer_key key = { .task = task, .attempt = attempt };
	struct xfer *x;

	HASH_FIND(hh, w->xfers, &key, sizeof(key), x);
	return x;
}

static void arm(struct event *timer, uint64_t delay_us)
{
	struct timeval delay = {
		.tv_sec = (time_t)(delay_us / CLOCK_US_PER_S),
		.tv_usec = (suseconds_t)(delay_us % CLOCK_US_PER_S),
	};

	evtimer_add(timer, &delay);
}

/* ---- what leaves at the end of a turn ---- */

static void enqueue(struct worker_queue *q, struct mail *mail)
{
	mail->next = NULL;
	if (q->last)
		q->last->next = mail;
	else
		q->first = mail;
	q->last = mail;
}

static struct mail *take_queue(struct worker_queue *q)
{
	struct mail *first = q->first;

	*q = (struct worker_queue){ 0 };
	return first;
}

/* Where no attempt is left, nobody gathers any longer: neither who hears of the last one nor the disk. */
static void flush(struct worker *w)
{
	int n = (int)HASH_COUNT(w->xfers);
	unsigned n_everywhere = disk_count_attempts(w->env.disk, n - w->n_said);
	struct mail *mail, *next;

	w->n_said = n;
	mailbox_post_list_take(w->events, take_queue(&w->told));
	if (!n)
		mailbox_press(w->events);
	for (mail = take_queue(&w->asked); mail; mail = next) {
		struct disk_job *job = (struct disk_job *)mail;

		next = mail->next;
		job->is_last = !next && !n_everywhere;
		disk_post_take(w->env.disk, job);
	}
}

static void on_flush(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	flush(user);
}

/* An event made active now runs after all that are active already: at the end of this turn. */
static void flush_later(struct worker *w)
{
	if (!w->told.first && !w->asked.first)
		event_active(&w->flush_event, EV_TIMEOUT, 0);
}

void worker_tell_take(struct worker *worker, struct mail *event)
{
	flush_later(worker);
	enqueue(&worker->told, event);
}

void worker_ask_take(struct worker *worker, struct disk_job *job)
{
	flush_later(worker);
	enqueue(&worker->asked, &job->mail);
}

/* ---- attempts ---- */

static void leave_list(struct worker *w, struct xfer *x)
{
	if (x->wait == XFER_WAIT_AHEAD)
		TAILQ_REMOVE(&w->ahead, x, waiting);
	else if (x->wait == XFER_WAIT_TURN)
		TAILQ_REMOVE(&w->beginning, x, waiting);
	x->wait = XFER_WAIT_NONE;
}

/* Not at once: whoever calls may be walking over the attempts. */
static void begin_later(struct worker *w, struct xfer *x)
{
	leave_list(w, x);
	if (TAILQ_EMPTY(&w->beginning))
		event_active(&w->begin_event, EV_TIMEOUT, 0);
	x->wait = XFER_WAIT_TURN;
	TAILQ_INSERT_TAIL(&w->beginning, x, waiting);
}

/* Whoever waits for it has the place now; the caller hears of it in the event, for a DONE together with the end. */
static void pass_place(struct worker *w, uint64_t lane, struct engine_event *event)
{
	struct xfer *next;

	TAILQ_FOREACH (next, &w->ahead, waiting) {
		if (next->spec.lane != lane)
			continue;
		event->next_task = next->key.task;
		event->next_attempt = (uint32_t)next->key.attempt;
		begin_later(w, next);
		return;
	}
}

static void look_after(struct worker *w, struct xfer *x)
{
	struct clock_now now = clock_now();

	if (x->spec.live.is_live)
		worker_due_sooner(w, xfer_due_us(x, &now));
	if (!evtimer_pending(&w->tick_event, NULL))
		arm(&w->tick_event, WORKER_TICK_US);
}

/* After all that has happened to the attempt: frees it when it has reached its end. */
static void reap(struct worker *w, struct xfer *x)
{
	struct xfer_pool *pool = x->pool;

	if (x->wait != XFER_WAIT_AHEAD && x->ended)
		pass_place(w, x->spec.lane, &x->ended->event);
	x->ended = NULL;
	if (x->is_at_rest && !xfer_is_at_rest(x)) {
		xfer_wake(x);
		look_after(w, x);
	}
	if (!xfer_is_done(x))
		return;
	leave_list(w, x);
	if (!x->is_unlisted)
		HASH_DEL(w->xfers, x);
	/* it may have told its end long ago, and counts as an attempt until then */
	flush_later(w);
	xfer_free(x);
	if (pool)
		pool_leave(&w->pools, pool);
}

static void on_end(CURL *easy, CURLcode code, void *user, void *private_data)
{
	struct xfer *x = private_data;

	(void)easy;
	xfer_on_end(x, code);
	reap(user, x);
}

/* ---- live attempts: descriptors and exact times ---- */

static void on_watched(evutil_socket_t fd, short what, void *user)
{
	struct worker_watch *watch = user;
	struct worker *w = watch->worker; /* watch may be gone after the call */
	struct xfer *x = watch->xfer;

	(void)fd;
	(void)what;
	watch->fn(x);
	reap(w, x);
}

struct worker_watch *worker_watch_new(
	struct worker *worker, struct xfer *xfer, int fd, bool for_writing, worker_watch_fn fn)
{
	struct worker_watch *watch = calloc(1, sizeof(*watch));
	short what = for_writing ? EV_WRITE : EV_READ;

	if (!watch)
		return NULL;
	*watch = (struct worker_watch){ .worker = worker, .xfer = xfer, .fn = fn };
	event_assign(&watch->event, worker->base, fd, what | EV_PERSIST, on_watched, watch);
	if (!event_add(&watch->event, NULL))
		return watch;
	free(watch);
	return NULL;
}

struct worker_watch *worker_watch_free(struct worker_watch *watch)
{
	if (!watch)
		return NULL;
	event_del(&watch->event);
	free(watch);
	return NULL;
}

void worker_due_sooner(struct worker *worker, uint64_t due_us)
{
	uint64_t now_us;

	if (due_us >= worker->due_us)
		return;
	now_us = clock_now_us();
	worker->due_us = due_us;
	arm(&worker->due_event, due_us > now_us ? due_us - now_us : 0);
}

static void on_due(evutil_socket_t fd, short what, void *user)
{
	struct worker *w = user;
	struct clock_now now = clock_now();
	struct xfer *x, *next;

	(void)fd;
	(void)what;
	w->due_us = UINT64_MAX;
	HASH_ITER (hh, w->xfers, x, next) {
		if (!x->spec.live.is_live)
			continue;
		if (xfer_due_us(x, &now) <= now.now_us)
			xfer_on_due(x, &now);
		worker_due_sooner(w, xfer_due_us(x, &now));
		reap(w, x);
	}
}

/* To the end of the line: who was served last waits longest for the next tokens. */
static void requeue(struct worker *w, struct xfer *x)
{
	if (HASH_COUNT(w->xfers) < 2)
		return;
	HASH_DEL(w->xfers, x);
	HASH_ADD(hh, w->xfers, key, sizeof(x->key), x);
	if (!x->is_unlisted || x->state >= XFER_STATE_FINISH)
		return;
	xfer_fault_memory(x);
	xfer_finish(x);
	reap(w, x);
}

/* Lets those go on that a rate limit made wait; true: some still wait. */
static bool serve_paused(struct worker *w, uint64_t now_us)
{
	unsigned n_left = HASH_COUNT(w->xfers);
	bool is_any_paced = false;
	struct xfer *x, *next;

	HASH_ITER (hh, w->xfers, x, next) {
		bool was_paced = xfer_is_paced(x);
		uint64_t before_bytes = x->network_bytes;

		if (!n_left--)
			break;
		if (x->wait != XFER_WAIT_NONE)
			continue;
		xfer_unpause(x, now_us);
		is_any_paced |= xfer_is_paced(x);
		if (xfer_is_done(x))
			reap(w, x);
		else if (was_paced && (!xfer_is_paced(x) || x->network_bytes != before_bytes))
			requeue(w, x);
	}
	return is_any_paced;
}

static void tick(struct worker *w, bool is_full)
{
	struct clock_now now = clock_now();
	bool is_any_paced = serve_paused(w, now.now_us), is_any_awake = false;
	struct xfer *x, *next;

	HASH_ITER (hh, w->xfers, x, next) {
		if (is_full && x->wait == XFER_WAIT_NONE)
			xfer_tick(x, &now);
		x->is_at_rest = x->is_at_rest || (is_full && xfer_is_at_rest(x));
		is_any_awake |= !x->is_at_rest;
		reap(w, x);
	}
	if (is_any_awake)
		arm(&w->tick_event, is_any_paced ? WORKER_FAST_TICK_US : WORKER_TICK_US);
}

static void on_tick(evutil_socket_t fd, short what, void *user)
{
	struct worker *w = user;
	uint64_t now_us = clock_now_us();
	bool is_full = now_us - w->ticked_us >= WORKER_TICK_US - CLOCK_US_PER_MS;

	(void)fd;
	(void)what;
	if (is_full)
		w->ticked_us = now_us;
	unnamed_forget_folders(&w->env.folders);
	tick(w, is_full);
}

static void begin(struct worker *w, struct xfer *x)
{
	/* unlisted: it ends in here */
	xfer_start(x, &w->env, pool_join(&w->pools, x->spec.session));
	look_after(w, x);
	reap(w, x);
}

static void on_begin(evutil_socket_t fd, short what, void *user)
{
	struct worker *w = user;
	struct xfer *x;

	(void)fd;
	(void)what;
	unnamed_look_again(&w->env.folders);
	while ((x = TAILQ_FIRST(&w->beginning))) {
		leave_list(w, x);
		begin(w, x);
	}
}

static void start(struct worker *w, struct xfer *x)
{
	HASH_ADD(hh, w->xfers, key, sizeof(x->key), x);
	x->env = &w->env;
	if (!x->spec.is_ahead || x->is_unlisted) {
		begin(w, x);
		return;
	}
	x->wait = XFER_WAIT_AHEAD;
	TAILQ_INSERT_TAIL(&w->ahead, x, waiting);
}

/* ---- mail ---- */

static void set_limits(struct worker *w, const struct worker_mail *m)
{
	uint64_t now_us = clock_now_us();

	bucket_set_rate(&w->env.download, m->download_bps, now_us);
	bucket_set_rate(&w->env.upload, m->upload_bps, now_us);
	pool_set_max_connections(&w->pools, m->max_connections_per_host);
}

static void add_place(struct worker *w, struct post *begun_take)
{
	pass_place(w, begun_take->event.lane, &begun_take->event);
	mailbox_post_take(w->events, &begun_take->mail);
}

/* Mail that is not about one attempt. */
static void take_general(struct worker *w, struct worker_mail *m)
{
	if (m->type == WORKER_MAIL_START)
		start(w, take_ptr(m->xfer));
	else if (m->type == WORKER_MAIL_LIMITS)
		set_limits(w, m);
	else if (m->type == WORKER_MAIL_BEGIN)
		add_place(w, take_ptr(m->begun));
	else if (m->type == WORKER_MAIL_DROP)
		pool_retire(&w->pools, m->session);
	else if (m->type == WORKER_MAIL_COOKIES)
		jar_list_take(&w->env.jars, m->jar, m->cookies, clock_wall_us());
	else if (m->type == WORKER_MAIL_QUIT)
		event_base_loopbreak(w->base);
	jar_free(m->cookies);
	free(m);
}

static void free_mail(struct worker_mail *m)
{
	xfer_free(m->xfer);
	post_free(m->begun);
	disk_job_free(m->job);
	jar_free(m->cookies);
	answer_free(m->answer);
	if (m->type == WORKER_MAIL_ANSWER_BODY)
		cleanup_close(&m->fd);
	free(m);
}

/* The attempt may be gone: its disk answers and late commands then end here. */
static void take_for_xfer(struct worker *w, struct worker_mail *m)
{
	struct xfer *x = find(w, m->task, m->attempt);

	if (!x) {
		free_mail(m);
		return;
	}
	if (m->type == WORKER_MAIL_DISK)
		xfer_on_disk(x, take_ptr(m));
	else
		xfer_on_mail(x, m);
	reap(w, x);
	if (m)
		free_mail(m);
}

static void on_mail(evutil_socket_t fd, short what, void *user)
{
	struct worker *w = user;
	struct mail *mail = mailbox_take_all(w->mailbox), *next;

	(void)fd;
	(void)what;
	unnamed_look_again(&w->env.folders);
	for (; mail; mail = next) {
		struct worker_mail *m = (struct worker_mail *)mail;

		next = mail->next;
		switch (m->type) {
		case WORKER_MAIL_START:
		case WORKER_MAIL_BEGIN:
		case WORKER_MAIL_LIMITS:
		case WORKER_MAIL_DROP:
		case WORKER_MAIL_COOKIES:
		case WORKER_MAIL_QUIT:
			take_general(w, m);
			break;
		case WORKER_MAIL_STOP:
		case WORKER_MAIL_RECALL:
		case WORKER_MAIL_RATE:
		case WORKER_MAIL_WEIGHT:
		case WORKER_MAIL_ANSWER_BODY:
		case WORKER_MAIL_ANSWER:
		case WORKER_MAIL_HOLD:
		case WORKER_MAIL_PROGRESS_SEEN:
		case WORKER_MAIL_RESUMED_SEEN:
		case WORKER_MAIL_DISK:
			take_for_xfer(w, m);
			break;
		}
	}
}

/* ---- the thread ---- */

static void run(void *user)
{
	struct worker *w = user;
	struct xfer *x, *next;

	event_base_loop(w->base, EVLOOP_NO_EXIT_ON_EMPTY);
	HASH_ITER (hh, w->xfers, x, next) {
		HASH_DEL(w->xfers, x);
		xfer_free(x);
	}
	pool_done(&w->pools);
	unnamed_forget_folders(&w->env.folders);
	while (w->env.jars)
		jar_list_take(&w->env.jars, w->env.jars->id, NULL, 0);
	psl_free(take_ptr(w->env.suffixes));
	flush(w); /* what was gathered in the last turn has an owner again */
}

static int new_base(struct event_base **ret_base)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return err_raise(-ENOMEM);
	/* not EPOLL_USE_CHANGELIST: descriptors end after their close, those that a client shares never */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (!base)
		return err_raise(-ENOMEM);
	*ret_base = base;
	return 0;
}

DEFINE_CLEANUP(struct worker *, worker_free)

int worker_new(const struct worker_config *config, struct worker **ret_worker)
{
	cleanup_(worker_freep) struct worker *w = calloc(1, sizeof(*w));
	char name[16];
	int r;

	if (!w)
		return err_raise(-ENOMEM);
	w->env = (struct xfer_env){
		.owner = w,
		.disk = config->disk,
		.worker = config->index,
		.user_agent = config->user_agent,
		.ca_file = config->ca_file,
	};
	w->events = config->events;
	pool_set_max_connections(&w->pools, config->max_connections_per_host);
	w->quit_mail = calloc(1, sizeof(*w->quit_mail));
	if (!w->quit_mail)
		return err_raise(-ENOMEM);
	w->quit_mail->type = WORKER_MAIL_QUIT;
	r = new_base(&w->base);
	if (!r)
		r = mailbox_new(&w->mailbox);
	if (r)
		return r;
	event_assign(
		&w->mail_event, w->base, mailbox_fd(w->mailbox), EV_READ | EV_PERSIST, on_mail, w);
	evtimer_assign(&w->tick_event, w->base, on_tick, w);
	evtimer_assign(&w->due_event, w->base, on_due, w);
	w->due_us = UINT64_MAX;
	pool_init(&w->pools, w->base, on_end, w);
	event_assign(&w->flush_event, w->base, -1, 0, on_flush, w);
	event_assign(&w->begin_event, w->base, -1, 0, on_begin, w);
	TAILQ_INIT(&w->ahead);
	TAILQ_INIT(&w->beginning);
	if (event_add(&w->mail_event, NULL))
		return err_raise(-ENOMEM);
	snprintf(name, sizeof(name), "engine-%u", config->index);
	r = thread_start(name, run, w, &w->thread);
	if (r)
		return r;
	*ret_worker = take_ptr(w);
	return 0;
}

void worker_quit(struct worker *worker)
{
	if (worker && worker->quit_mail)
		worker_post_take(worker, take_ptr(worker->quit_mail));
}

void worker_join(struct worker *worker)
{
	if (worker)
		thread_join(take_ptr(worker->thread));
}

void worker_free(struct worker *worker)
{
	struct mail *mail, *next;

	if (!worker)
		return;
	worker_join(worker);
	for (mail = worker->mailbox ? mailbox_take_all(worker->mailbox) : NULL; mail; mail = next) {
		next = mail->next;
		free_mail((struct worker_mail *)mail);
	}
	mailbox_free(worker->mailbox);
	free(worker->quit_mail);
	if (worker->base)
		event_base_free(worker->base);
	free(worker);
}

void worker_post_take(struct worker *worker, struct worker_mail *mail)
{
	mailbox_post_take(worker->mailbox, &mail->mail);
}

void worker_hold(struct worker *worker)
{
	mailbox_hold(worker->mailbox);
}

void worker_release(struct worker *worker)
{
	mailbox_release(worker->mailbox);
}
