/* SPDX-License-Identifier: MIT */
/* From a URL and the options of get, put and add to a request; file names from URLs; the session they go to. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "cli/ctx.h"

/* What the options say once for all requests of a command. */
struct request_defaults {
	uint64_t not_before_wall_us, max_rate_bps, max_time_us;
	double priority;
	bool has_priority;
	char *cacert; /* absolute */
};

/* 0 or an exit code, after the message. */
int request_defaults_init(struct ctx *ctx, struct request_defaults *ret_defaults);
void request_defaults_done(struct request_defaults *defaults);

/* A new request with all that the options say; NULL: out of memory (said). */
transfer_request *request_new(
	struct ctx *ctx, const struct request_defaults *defaults, const char *url);

/* "sha256:HEX". 0, or -EINVAL: it is not written so, or not known. */
int request_set_checksum(transfer_request *request, const char *text);
/* Whether it looks like a URL at all; the daemon judges the rest. */
bool request_is_url(const char *text);
/* Says that it does not. Returns an exit code. */
int request_bad_url(const struct ctx *ctx, const char *text);
/* Whether path is a folder, or says so with a slash at its end. */
bool request_is_folder(const char *path);
/* folder/name, absolute; folder NULL: the current one. The caller frees; NULL: out of memory. */
char *request_join(const char *folder, const char *name);
/* Where a download of url goes in folder (NULL: the current one): absolute; the caller frees; NULL: out of memory. */
char *request_in_folder(const char *folder, const char *url);
/* path made absolute with the current folder; the caller frees; NULL: out of memory. */
char *request_absolute(const char *path);
/* Connects, and makes sure the session exists; *ret_session borrowed. 0 or an exit code. */
int request_open_session(struct ctx *ctx, const char **ret_session);

#endif
