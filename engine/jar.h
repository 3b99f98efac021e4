/* SPDX-License-Identifier: MIT */
/*
 * Cookies in memory: a worker's copy of a cookie store, and what one attempt was given while it
 * runs. Used by one thread.
 *
 * Nobody but the caller's main thread decides what a store holds; it tells all workers in one
 * order, so their copies are the same. What an attempt is given by one hop must go out on the next,
 * before that came round: so each attempt has a jar of its own, laid over the copy.
 */
#ifndef ENGINE_JAR_H
#define ENGINE_JAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct transfer_cookie;
struct url;

#define JAR_HEADER_MAX_BYTES (32u * 1024)

struct jar_entry;

/* Zero-initialise to start. */
struct jar {
	struct jar *next; /* of the worker's */
	uint64_t id;
	struct jar_entry **entries; /* the oldest first */
	size_t n_entries, room_entries;
	bool keeps_expired; /* laid over another: what is over here is over there */
};

/*
 * Copies the cookie, in the place of the same one where there is one; one whose time is over goes.
 * The oldest ones make room. 0 or -ENOMEM.
 */
int jar_put(struct jar *jar, const struct transfer_cookie *cookie, uint64_t now_wall_us);
/* A copy at the end, without looking for the same one: for a list that is on its way. 0 or -ENOMEM. */
int jar_append(struct jar *jar, const struct transfer_cookie *cookie);
/* Puts each of a list, in its order. */
int jar_put_all(struct jar *jar, const struct jar *from, uint64_t now_wall_us);
/* The same cookie, or NULL. */
const struct transfer_cookie *jar_find(const struct jar *jar, const struct transfer_cookie *cookie);
/* There is a Secure cookie that this one, which came over plain http, would hide or replace. */
bool jar_guards(const struct jar *jar, const struct transfer_cookie *cookie);
void jar_done(struct jar *jar);
/* One that was allocated; NULL is fine. */
void jar_free(struct jar *jar);
/* NULL: not in the list. */
struct jar *jar_of_list(struct jar *first, uint64_t id);
/*
 * The list hears of changes of one of its jars, which is made for it; NULL, and where nothing is left, it goes. A cookie for
 * which there is no memory is missing.
 */
void jar_list_take(
	struct jar **first, uint64_t id, const struct jar *changes, uint64_t now_wall_us);

/*
 * Appends "a=b; c=d": longer paths first, then older cookies; nothing where none matches. jars[0]
 * lies over jars[1]; either may be NULL. Those beyond JAR_HEADER_MAX_BYTES are left out. 0 or -ENOMEM.
 */
int jar_header(
	const struct jar *jars[2], const struct url *url, uint64_t now_wall_us, struct buf *buf);

#endif
