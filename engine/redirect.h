/* SPDX-License-Identifier: MIT */
/*
 * Where a response sends the request next, and what may travel there (RFC 9110, section 15.4).
 * Pure.
 */
#ifndef ENGINE_REDIRECT_H
#define ENGINE_REDIRECT_H

#include <stdbool.h>
#include <stdint.h>

struct head;
struct url;

struct redirect_from {
	const struct url *url; /* of the request just answered */
	const char *method;
	const struct head *head;
	unsigned n_done; /* redirects followed so far */
	unsigned n_max; /* 0: 16 */
	bool allow_insecure; /* may go from https to http, or to http at all */
};

enum redirect_verdict {
	REDIRECT_NONE, /* a final response: 300, 304, 3xx without Location, everything else */
	REDIRECT_FOLLOW,
	REDIRECT_REFUSE, /* code and detail say why */
};

struct redirect {
	enum redirect_verdict verdict;
	/*
	 * FOLLOW: where to; owned by the caller. REFUSE: the failing URL when it could be parsed,
	 * else NULL
	 */
	struct url *url;
	const char *method; /* FOLLOW: "GET", or the old one (borrowed) */
	/* FOLLOW: the body goes again, from its start (rewind the source) */
	bool keeps_body;
	/* FOLLOW: false: filter headers with redirect_header_may_cross() */
	bool is_same_origin;
	int32_t code; /* REFUSE: enum transfer_error_code */
	const char *detail; /* REFUSE: static text */
};

/* 0 or -ENOMEM. */
int redirect_decide(const struct redirect_from *from, struct redirect *ret_redirect);

/*
 * May a header that the caller set go to another origin? Only Accept, Accept-Language,
 * Content-Language, Content-Type, User-Agent, Range and If-Range may. Everything else may hold a
 * secret, so also Idempotency-Key: it names a request of the first server.
 */
bool redirect_header_may_cross(const char *name);
/* Headers that describe a body and go with it when keeps_body is false. */
bool redirect_header_is_of_body(const char *name);

#endif
