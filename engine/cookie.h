/* SPDX-License-Identifier: MIT */
/*
 * Cookies as RFC 6265 and its successor (RFC 6265bis) say it: Set-Cookie taken apart and judged, and
 * which cookie goes with which request. Pure: the time and the list of public suffixes are given.
 *
 * Where the two differ the successor counts (Secure and its prefixes, control characters, sizes),
 * but a cookie needs a name and "=". Lifetimes are kept as the server gave them.
 */
#ifndef ENGINE_COOKIE_H
#define ENGINE_COOKIE_H

#include <libpsl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct transfer_cookie;
struct url;

#define COOKIE_PAIR_MAX_BYTES      4096 /* name and value together */
#define COOKIE_ATTRIBUTE_MAX_BYTES 1024

/* Not a cookie that this server may set. */
enum { COOKIE_E_REFUSED = 1 };

/* The answer that a Set-Cookie line came with. */
struct cookie_from {
	const struct url *url;
	uint64_t now_wall_us;
	const psl_ctx_t *suffixes; /* NULL: what libpsl was built with */
};

/*
 * 0, COOKIE_E_REFUSED or -ENOMEM. The cookie's texts are in the arena. One whose time is over
 * (cookie_is_expired()) means that the cookie of that name goes.
 */
int cookie_parse(struct arena *arena, const char *line, const struct cookie_from *from,
	struct transfer_cookie *ret_cookie);

bool cookie_is_expired(const struct transfer_cookie *cookie, uint64_t now_wall_us);
/* Name, domain, path and is_host_only are the same: one takes the other's place. */
bool cookie_is_same(const struct transfer_cookie *a, const struct transfer_cookie *b);
/* Nothing at all differs, the time of creation left aside. */
bool cookie_is_equal(const struct transfer_cookie *a, const struct transfer_cookie *b);
/* Goes with a request to that URL; expired ones do not. */
bool cookie_matches(
	const struct transfer_cookie *cookie, const struct url *url, uint64_t now_wall_us);

#endif
