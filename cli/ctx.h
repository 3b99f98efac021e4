/* SPDX-License-Identifier: MIT */
/* What every command gets: options, terminal, the connection; and how commands report. */
#ifndef CLI_CTX_H
#define CLI_CTX_H

#include <stdbool.h>
#include <stdint.h>

#include <transfer/manager.h>

#include "cli/exit-code.h"
#include "cli/options.h"
#include "cli/term.h"

struct ctx {
	struct options options;
	struct term term;
	uint64_t timeout_us; /* --timeout; 0: none */
	transfer_manager *manager; /* NULL before ctx_connect() */
	/* of select_session(), till the end; NULL: there is none of this name */
	char *session_name, *session_path, *session_app;
	bool can_start; /* the command may start transferd */
	const char *command; /* the word the user typed */
};

/*
 * ctx_connect - connect to the bus
 * Commands look at all their words and options first: what is wrong is told without a daemon.
 * Returns: 0, or an exit code after the message.
 */
int ctx_connect(struct ctx *ctx);
/* "transferctl: WHAT.\nHint: HINT\n" on stderr, or {"error":{…}} with JSON; hint may be NULL. Returns code. */
int ctx_fail(const struct ctx *ctx, enum exit_code code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same from an error of the library; code from the error. error is borrowed; what may be NULL. */
int ctx_fail_error(const struct ctx *ctx, const char *what, const transfer_error *error);
/* Which bus, and what is in the way, if that can be seen. */
int ctx_fail_unreachable(const struct ctx *ctx, const transfer_error *error);
/* What a user of this program can do about it; NULL: nothing known. */
const char *ctx_hint(const transfer_error *error);
/* The exit code that belongs to an error of the library. */
enum exit_code ctx_exit_code(const transfer_error *error);
/* "url", "posix" or "bus"; "cli" for NULL. */
const char *ctx_domain_name(const transfer_error *error);
/* A note for people on stderr; nothing with --quiet or JSON. */
void ctx_note(const struct ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Asks on the terminal; without one: false unless --yes. */
bool ctx_confirm(const struct ctx *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
