/* SPDX-License-Identifier: MIT */
/*
 * Threads that ask what calls name in the file system (look.h), so that the main thread never waits for a disk that may be dead. A
 * thread that gets no answer stays where it is, no signal takes it away: so a call is not kept waiting for longer than some seconds,
 * and there is a limit of threads: of one application, too, first of those that are waited for, so that a dead path among good ones
 * costs the others some seconds; and of those that are not waited for any more, so that others find one.
 *
 * Main thread; what is posted between is nobody else's. Everybody who sent a look hears of it once.
 */
#ifndef DAEMON_SCOUTS_H
#define DAEMON_SCOUTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct look;
struct scouts;

enum {
	SCOUTS_E_FULL = 1, /* too many wait already */
};

/* @wait_us: so long is an answer waited for; 0: the default, 10 s */
int scouts_new(uint64_t wait_us, struct scouts **ret_scouts);
/* Nobody hears anything any more. A thread that is not back within a second is left behind. NULL is fine. */
struct scouts *scouts_free(struct scouts *scouts);
int scouts_fd(const struct scouts *scouts);

/* What it calls itself; of another user it is another one. */
struct scouts_who {
	uid_t uid;
	const char *app_id;
};
/* Takes the look over in any case. 0, SCOUTS_E_FULL */
int scouts_send_take(struct scouts *scouts, struct look *look, const struct scouts_who *who,
	uint64_t *ret_ticket);

/* look: borrowed; what is taken from it is marked there. NULL: no answer in time */
typedef void (*scouts_fn)(uint64_t ticket, struct look *look, void *user);
/* All that is known by now. fn may send others. */
void scouts_dispatch(struct scouts *scouts, uint64_t now_us, scouts_fn fn, void *user);
/* When it is to be called even if nothing comes; UINT64_MAX: not at all */
uint64_t scouts_next_timer(const struct scouts *scouts);
/* A thread is not back, or is still to go. Whether or not somebody waits for it: the process could not end. */
bool scouts_are_out(const struct scouts *scouts);

#endif
