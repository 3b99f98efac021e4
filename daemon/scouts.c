/* SPDX-License-Identifier: MIT */
/*
 * Here is the only list of what waits and of who is out: a look is in the line, or with one scout, who does nothing else until he is
 * back. So a look that waits can be taken out of the line when its time is over, and one that is out is never touched from here.
 * Files that nobody took are closed by a scout, too: a close() may wait as long as any other question.
 */
#include "daemon/scouts.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mailbox.h"
#include "base/thread.h"
#include "daemon/look.h"

#define SCOUTS_MAX     64
#define SCOUTS_PER_WHO 2
#define LOST_PER_WHO   16 /* who are not waited for any more */
#define LINE_MAX       512
#define WAIT_US        (10 * CLOCK_US_PER_S)
#define LEAST_PART     10 /* of that time has who waited long in the line */
#define GOODBYE_US     CLOCK_US_PER_S

struct scout {
	struct scouts *scouts;
	struct mailbox *box;
	struct mail stop;
	struct thread *thread;
	/* the main thread's */
	uint64_t ticket, who, due_us;
	bool is_out;
	bool is_awaited; /* somebody has not heard yet */
};

struct scouts {
	struct mailbox *reports;
	uint64_t wait_us, last_ticket;
	struct scout scouts[SCOUTS_MAX];
	unsigned n;
	TAILQ_HEAD(looks, look) line;
	size_t n_line;
};

/* ---- a scout ---- */

/* False: that was the last. */
static bool do_one(struct scout *scout, struct mail *mail)
{
	struct look *look = (struct look *)mail;

	if (mail == &scout->stop)
		return false;
	if (look->is_asked)
		look_close(look);
	else
		look_ask(look);
	mailbox_post_take(scout->scouts->reports, mail);
	return true;
}

static void run(void *user)
{
	struct scout *scout = user;
	struct pollfd pollfd = { .fd = mailbox_fd(scout->box), .events = POLLIN };
	bool goes_on = true;

	while (goes_on) {
		struct mail *mail, *next;

		poll(&pollfd, 1, -1);
		for (mail = mailbox_take_all(scout->box); mail && goes_on; mail = next) {
			next = mail->next;
			goes_on = do_one(scout, mail);
		}
	}
}

static int start_one(struct scouts *scouts)
{
	struct scout *scout = &scouts->scouts[scouts->n];
	int r = mailbox_new(&scout->box);

	if (r)
		return r;
	scout->scouts = scouts;
	r = thread_start("scout", run, scout, &scout->thread);
	if (r)
		mailbox_free(scout->box);
	else
		scouts->n++;
	return r;
}

/* ---- the line ---- */

static uint64_t number_of(uid_t uid, const char *who)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ uid;

	h *= UINT64_C(1099511628211);
	for (; *who; who++)
		h = (h ^ (unsigned char)*who) * UINT64_C(1099511628211);
	return h;
}

static bool may_go(const struct scouts *scouts, uint64_t who)
{
	unsigned n_awaited = 0, n_lost = 0;

	for (unsigned i = 0; i < scouts->n; i++) {
		const struct scout *scout = &scouts->scouts[i];

		if (!scout->is_out || scout->who != who)
			continue;
		n_awaited += scout->is_awaited;
		n_lost += !scout->is_awaited;
	}
	return n_awaited < SCOUTS_PER_WHO && n_lost < LOST_PER_WHO;
}

/* NULL: all are out. */
static struct scout *find_idle(struct scouts *scouts)
{
	for (unsigned i = 0; i < scouts->n; i++)
		if (!scouts->scouts[i].is_out)
			return &scouts->scouts[i];
	if (scouts->n == SCOUTS_MAX || start_one(scouts))
		return NULL;
	return &scouts->scouts[scouts->n - 1];
}

static void leave_line(struct scouts *scouts, struct look *look)
{
	TAILQ_REMOVE(&scouts->line, look, entry);
	scouts->n_line--;
}

static void send_out(struct scouts *scouts, uint64_t now_us)
{
	uint64_t least_us = now_us + scouts->wait_us / LEAST_PART;
	struct look *look, *next;
	struct scout *scout;

	for (look = TAILQ_FIRST(&scouts->line); look; look = next) {
		next = TAILQ_NEXT(look, entry);
		if (!may_go(scouts, look->who))
			continue;
		scout = find_idle(scouts);
		if (!scout)
			return;
		leave_line(scouts, look);
		look->scout = (unsigned)(scout - scouts->scouts);
		scout->ticket = look->ticket;
		scout->who = look->who;
		scout->due_us = look->due_us > least_us ? look->due_us : least_us;
		scout->is_out = true;
		scout->is_awaited = !look->is_asked;
		mailbox_post_take(scout->box, &look->mail);
	}
}

int scouts_send_take(struct scouts *scouts, struct look *look, const struct scouts_who *who,
	uint64_t *ret_ticket)
{
	uint64_t now_us = clock_now_us();

	if (scouts->n_line >= LINE_MAX) {
		look_free(look);
		return SCOUTS_E_FULL;
	}
	look->ticket = *ret_ticket = ++scouts->last_ticket;
	look->who = number_of(who->uid, who->app_id);
	look->due_us = now_us + scouts->wait_us;
	TAILQ_INSERT_TAIL(&scouts->line, look, entry);
	scouts->n_line++;
	send_out(scouts, now_us);
	return 0;
}

/* ---- reports ---- */

static void take_report(struct scouts *scouts, struct look *look, scouts_fn fn, void *user)
{
	struct scout *scout = &scouts->scouts[look->scout];
	bool is_awaited = scout->is_awaited;

	scout->is_out = scout->is_awaited = false;
	if (is_awaited)
		fn(look->ticket, look, user);
	if (!look_has_files(look)) {
		look_free(look);
		return;
	}
	look->due_us = UINT64_MAX;
	TAILQ_INSERT_HEAD(&scouts->line, look, entry);
	scouts->n_line++;
}

/* In the line; NULL: nobody's time is over. */
static struct look *find_late(struct scouts *scouts, uint64_t now_us)
{
	struct look *look;

	TAILQ_FOREACH (look, &scouts->line, entry)
		if (look->due_us <= now_us)
			return look;
	return NULL;
}

static void give_up(struct scouts *scouts, uint64_t now_us, scouts_fn fn, void *user)
{
	struct look *look;

	for (unsigned i = 0; i < scouts->n; i++) {
		struct scout *scout = &scouts->scouts[i];

		if (!scout->is_awaited || scout->due_us > now_us)
			continue;
		scout->is_awaited = false;
		fn(scout->ticket, NULL, user);
	}
	/* those behind them go now, rather than to be late with them */
	send_out(scouts, now_us);
	while ((look = find_late(scouts, now_us))) {
		uint64_t ticket = look->ticket;

		leave_line(scouts, look);
		look_free(look);
		fn(ticket, NULL, user);
	}
}

void scouts_dispatch(struct scouts *scouts, uint64_t now_us, scouts_fn fn, void *user)
{
	struct mail *mail, *next;

	for (mail = mailbox_take_all(scouts->reports); mail; mail = next) {
		next = mail->next;
		take_report(scouts, (struct look *)mail, fn, user);
	}
	give_up(scouts, now_us, fn, user);
	send_out(scouts, now_us);
}

static unsigned count_out(const struct scouts *scouts)
{
	unsigned n = 0;

	for (unsigned i = 0; i < scouts->n; i++)
		n += scouts->scouts[i].is_out;
	return n;
}

uint64_t scouts_next_timer(const struct scouts *scouts)
{
	const struct look *look;
	uint64_t due_us = UINT64_MAX;

	for (unsigned i = 0; i < scouts->n; i++)
		if (scouts->scouts[i].is_awaited)
			due_us = clock_earlier_us(due_us, scouts->scouts[i].due_us);
	TAILQ_FOREACH (look, &scouts->line, entry)
		due_us = clock_earlier_us(due_us, look->due_us);
	return due_us;
}

bool scouts_are_out(const struct scouts *scouts)
{
	return count_out(scouts) || !TAILQ_EMPTY(&scouts->line);
}

int scouts_fd(const struct scouts *scouts)
{
	return mailbox_fd(scouts->reports);
}

/* ---- life ---- */

int scouts_new(uint64_t wait_us, struct scouts **ret_scouts)
{
	struct scouts *scouts = calloc(1, sizeof(*scouts));
	int r;

	if (!scouts)
		return err_raise(-ENOMEM);
	TAILQ_INIT(&scouts->line);
	scouts->wait_us = wait_us ? wait_us : WAIT_US;
	r = mailbox_new(&scouts->reports);
	if (r)
		free(scouts);
	else
		*ret_scouts = scouts;
	return r;
}

static void on_nobody(uint64_t ticket, struct look *look, void *user)
{
	(void)ticket;
	(void)look;
	(void)user;
}

struct scouts *scouts_free(struct scouts *scouts)
{
	struct pollfd pollfd = { .events = POLLIN };
	uint64_t until_us = clock_now_us() + GOODBYE_US, now_us;

	if (!scouts)
		return NULL;
	pollfd.fd = scouts_fd(scouts);
	while (count_out(scouts) && (now_us = clock_now_us()) < until_us) {
		poll(&pollfd, 1, (int)((until_us - now_us) / CLOCK_US_PER_MS) + 1);
		scouts_dispatch(scouts, UINT64_MAX - 1, on_nobody, NULL);
	}
	/* he will look into what is here whenever he comes back */
	if (count_out(scouts))
		return NULL;
	for (unsigned i = 0; i < scouts->n; i++)
		mailbox_post_take(scouts->scouts[i].box, &scouts->scouts[i].stop);
	for (unsigned i = 0; i < scouts->n; i++) {
		thread_join(scouts->scouts[i].thread);
		mailbox_free(scouts->scouts[i].box);
	}
	mailbox_free(scouts->reports);
	free(scouts);
	return NULL;
}
