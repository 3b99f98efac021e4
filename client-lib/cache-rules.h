/* SPDX-License-Identifier: MIT */
/*
 * What may be kept, what is still good, and what is asked when it is not: RFC 9111 for a cache that one user has. Pure.
 * Where an answer contradicts itself, or cannot be read, the stricter holds; where the clock went back, nothing is good.
 */
#ifndef CLIENT_LIB_CACHE_RULES_H
#define CLIENT_LIB_CACHE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include <transfer/types.h>

struct text_headers;

/* Without a word of the server: a tenth of what Last-Modified says that it is old (section 4.2.2), but no more than this. */
#define CACHE_RULES_GUESS_MAX_S (INT64_C(24) * 3600)

/* Directives that have a meaning here (section 5.2); seconds: -1: not there. */
struct cache_control {
	bool no_store;
	bool no_cache; /* "no-cache=…", too, and "Pragma: no-cache" where there is no Cache-Control (section 5.4) */
	bool must_revalidate;
	bool only_if_cached;
	bool has_freshness; /* max-age, private or public: said on purpose, so the status need not be a usual one */
	int64_t max_age_s; /* the smallest one that is said; one that cannot be read is 0 */
	int64_t max_stale_s; /* INT64_MAX: however stale */
	int64_t min_fresh_s;
};

/* Of a request, or of an answer: all its lines as one list. */
void cache_rules_control(const struct text_headers *fields, struct cache_control *ret_control);

/* An exchange with what was sent and what came. All borrowed. */
struct cache_exchange {
	const struct text_headers *asked; /* the session's fields and the request's */
	int status;
	const struct text_headers *fields; /* of the answer */
	uint64_t asked_wall_usec, answered_wall_usec;
};

/*
 * May a request with these fields be answered from a cache, and its answer be kept? Not one that says who asks, asks for a
 * part or has conditions of its own.
 */
bool cache_rules_concerns(const struct text_headers *asked);
/* May this answer be kept? (Section 3.) Its request is one that the cache concerns. */
bool cache_rules_may_keep(const struct cache_exchange *exchange);
/* It says itself how long it is good: worth more than one that has to be guessed about. */
bool cache_rules_is_explicit(const struct text_headers *fields);

/* How long it is good from when it was made, and how long ago that was at now (sections 4.2.1 to 4.2.3); -1: not to be known. */
int64_t cache_rules_lifetime_s(const struct cache_exchange *stored);
int64_t cache_rules_age_s(const struct cache_exchange *stored, uint64_t now_wall_usec);

enum cache_use {
	CACHE_USE, /* it is the answer */
	CACHE_USE_IF_VALID, /* the server is asked whether it still is */
	CACHE_USE_NONE, /* the server is asked for an answer */
	CACHE_USE_FAIL, /* ... which is not allowed */
};
/* stored: what was kept for this request, NULL: nothing. policy: the request's, else the session's. */
enum cache_use cache_rules_judge(const struct cache_exchange *stored,
	const struct text_headers *asked, enum transfer_cache_policy policy,
	uint64_t now_wall_usec);
/* Need anything be looked for? */
bool cache_rules_looks(enum transfer_cache_policy policy);

/* What the server is asked with (section 4.3.1); NULL: not with this. At least one is there when it said CACHE_USE_IF_VALID. */
const char *cache_rules_etag(const struct text_headers *stored);
const char *cache_rules_last_modified(const struct text_headers *stored);
/* Is it what this 304 means? (Section 4.3.4.) */
bool cache_rules_is_confirmed(const struct text_headers *stored, const struct text_headers *fields);
/* The stored fields as the 304 has renewed them (section 3.2), into *ret (zeroed). 0 or -ENOMEM, -E2BIG: more than may be. */
int cache_rules_renew(const struct text_headers *stored, const struct text_headers *fields,
	struct text_headers *ret);

/* Has an answer with this status to this method changed what the URL stands for? (Section 4.4.) */
bool cache_rules_invalidates(const char *method, int status);

#endif
