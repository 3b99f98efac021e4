/* SPDX-License-Identifier: MIT */
/*
 * Threads that ask what calls name in the file system (look.h), so that the main thread never waits for a disk that may be dead. A
 * thread that gets no answer stays where it is, no signal takes it away: so there is a limit of them, of one application as well, and a
 * call is not kept waiting for longer than some seconds.
 *
 * Main thread; what is posted between is nobody else's. Everybody who sent a look hears of it once.
 */
#ifndef DAEMON_SCOUTS_H
#define DAEMON_SCOUTS_H

#include <stdbool.h>
#include <stdint.h>

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

/* Takes the look over in any case. who: the application; 0, SCOUTS_E_FULL */
int scouts_send_take(
	struct scouts *scouts, struct look *look, const char *who, uint64_t *ret_ticket);

/* look: borrowed; what is taken from it is marked there. NULL: no answer in time */
typedef void (*scouts_fn)(uint64_t ticket, struct look *look, void *user);
/* All that is known by now. fn may send others. */
void scouts_dispatch(struct scouts *scouts, uint64_t now_us, scouts_fn fn, void *user);
/* When it is to be called even if nothing comes; UINT64_MAX: not at all */
uint64_t scouts_next_timer(const struct scouts *scouts);
/* Somebody waits for an answer. */
bool scouts_are_awaited(const struct scouts *scouts);

#endif
