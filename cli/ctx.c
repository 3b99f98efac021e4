/* SPDX-License-Identifier: MIT */
/* Errors, notes and questions, the same way for every command. */
#include "cli/ctx.h"

#include <jansson.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/format.h"

const char *ctx_domain_name(const transfer_error *error)
{
	if (!error)
		return "cli";
	if (transfer_error_get_domain(error) == TRANSFER_DOMAIN_URL)
		return "url";
	return transfer_error_get_domain(error) == TRANSFER_DOMAIN_POSIX ? "posix" : "bus";
}

/* Prints {"error":{…}} on stderr. */
static void print_json(const char *message, const char *hint, const transfer_error *error)
{
	json_t *body = json_object(), *root = json_object();
	const char *url = error ? transfer_error_get_failing_url(error) : NULL;
	char *safe = format_safe(message);

	json_object_set_new(body, "domain", json_string(ctx_domain_name(error)));
	json_object_set_new(
		body, "code", error ? json_integer(transfer_error_get_code(error)) : json_null());
	json_object_set_new(
		body, "name", error ? json_string(transfer_error_get_name(error)) : json_null());
	json_object_set_new(body, "message", json_string(safe ? safe : ""));
	free(safe);
	json_object_set_new(body, "hint", hint ? json_string(hint) : json_null());
	json_object_set_new(body, "failing_url", url ? json_string(url) : json_null());
	json_object_set_new(
		body, "resumable", json_boolean(error && transfer_error_get_resume_data(error)));
	json_object_set_new(root, "error", body);
	json_dumpf(root, stderr, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', stderr);
	json_decref(root);
}

static bool ends_well(const char *text)
{
	size_t len = strlen(text);

	return !len || strchr(".?!", text[len - 1]);
}

static void report(
	const struct ctx *ctx, const char *message, const char *hint, const transfer_error *error)
{
	char *safe;

	if (ctx->term.json != OPTIONS_JSON_OFF) {
		print_json(message, hint, error);
		return;
	}
	safe = format_safe(message);
	fprintf(stderr, "transferctl: %s%s\n", safe ? safe : message,
		ends_well(safe ? safe : message) ? "" : ".");
	free(safe);
	if (hint)
		fprintf(stderr, "Hint: %s%s\n", hint, ends_well(hint) ? "" : ".");
}

int ctx_fail(const struct ctx *ctx, enum exit_code code, const char *hint, const char *format, ...)
{
	char *message = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	va_end(args);
	report(ctx, message ? message : "out of memory", hint, NULL);
	free(message);
	return code;
}

const char *ctx_hint(const transfer_error *error)
{
	static const struct {
		int domain, code;
		const char *hint;
	} rows[] = {
		{ TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_SESSION_INVALID,
			"take another with --session=NAME; this one is gone when its last event was acknowledged." },
		{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_INSECURE_TRANSPORT,
			"use https, or \"--allow-insecure\" if you trust this network." },
	};

	for (size_t i = 0; error && i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((int)transfer_error_get_domain(error) == rows[i].domain &&
			transfer_error_get_code(error) == rows[i].code)
			return rows[i].hint;
	return error ? transfer_error_get_hint(error) : NULL;
}

int ctx_fail_error(const struct ctx *ctx, const char *what, const transfer_error *error)
{
	const char *why = error ? transfer_error_get_message(error) : "out of memory";
	const char *colon = strstr(why, "]: ");
	char *message = NULL;

	/* which one of a call's requests it was is the library's business; what says it better */
	if (what && colon && strncmp(why, "requests[", 9) == 0)
		why = colon + 3;

	if (asprintf(&message, "%s%s%s", what ? what : "", what ? ": " : "", why) < 0)
		message = NULL;
	report(ctx, message ? message : why, ctx_hint(error), error);
	if (error && ctx->options.is_verbose && ctx->term.json == OPTIONS_JSON_OFF)
		fprintf(stderr, "(%s, %d)\n", transfer_error_get_name(error),
			transfer_error_get_code(error));
	free(message);
	return ctx_exit_code(error);
}

static enum exit_code from_bus(int code)
{
	static const struct {
		enum transfer_bus_error error;
		enum exit_code code;
	} rows[] = {
		{ TRANSFER_BUS_ERROR_UNREACHABLE, EXIT_CODE_NO_DAEMON },
		{ TRANSFER_BUS_ERROR_NOT_RUNNING, EXIT_CODE_NO_DAEMON },
		{ TRANSFER_BUS_ERROR_NO_REPLY, EXIT_CODE_NO_DAEMON },
		{ TRANSFER_BUS_ERROR_BAD_REPLY, EXIT_CODE_NO_DAEMON },
		{ TRANSFER_BUS_ERROR_ACCESS_DENIED, EXIT_CODE_NOT_PERMITTED },
		{ TRANSFER_BUS_ERROR_INVALID_ARGS, EXIT_CODE_USAGE },
		{ TRANSFER_BUS_ERROR_INVALID_REQUEST, EXIT_CODE_USAGE },
		{ TRANSFER_BUS_ERROR_FILE_NOT_FOUND, EXIT_CODE_FILE },
		{ TRANSFER_BUS_ERROR_NO_SPACE, EXIT_CODE_FILE },
		{ TRANSFER_BUS_ERROR_NO_SUCH_SESSION, EXIT_CODE_NOT_FOUND },
		{ TRANSFER_BUS_ERROR_NO_SUCH_TASK, EXIT_CODE_NOT_FOUND },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((int)rows[i].error == code)
			return rows[i].code;
	return EXIT_CODE_FAILED;
}

static enum exit_code from_url(int code)
{
	if (code == TRANSFER_ERROR_CHECKSUM_MISMATCH)
		return EXIT_CODE_CHECKSUM;
	if (code == TRANSFER_ERROR_CANCELLED)
		return EXIT_CODE_UNFINISHED;
	if (code == TRANSFER_ERROR_BAD_URL || code == TRANSFER_ERROR_UNSUPPORTED_URL ||
		code == TRANSFER_ERROR_INSECURE_TRANSPORT)
		return EXIT_CODE_USAGE;
	if (code == TRANSFER_ERROR_USER_AUTHENTICATION_REQUIRED ||
		code == TRANSFER_ERROR_USER_CANCELLED_AUTHENTICATION)
		return EXIT_CODE_CREDENTIAL;
	if (code == TRANSFER_ERROR_SOURCE_CHANGED || (code <= -1100 && code >= -1103) ||
		(code <= -3000 && code > -3100) ||
		code == TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER)
		return EXIT_CODE_FILE;
	if ((code <= -1000 && code > -1100) || (code <= -1200 && code > -1300))
		return EXIT_CODE_NETWORK;
	return EXIT_CODE_FAILED;
}

enum exit_code ctx_exit_code(const transfer_error *error)
{
	if (!error)
		return EXIT_CODE_FAILED;
	switch (transfer_error_get_domain(error)) {
	case TRANSFER_DOMAIN_URL:
		return from_url(transfer_error_get_code(error));
	case TRANSFER_DOMAIN_BUS:
		return from_bus(transfer_error_get_code(error));
	case TRANSFER_DOMAIN_POSIX:
		return transfer_error_get_code(error) == EINVAL ? EXIT_CODE_USAGE : EXIT_CODE_FILE;
	case TRANSFER_DOMAIN_LIBRARY:
		break;
	}
	return EXIT_CODE_FAILED;
}

void ctx_note(const struct ctx *ctx, const char *format, ...)
{
	va_list args;

	if (ctx->options.is_quiet || ctx->term.json != OPTIONS_JSON_OFF)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

bool ctx_confirm(const struct ctx *ctx, const char *format, ...)
{
	char answer[16];
	va_list args;

	if (ctx->options.assume_yes)
		return true;
	if (ctx->options.never_ask || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(" [y/N] ", stderr);
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int ctx_fail_unreachable(const struct ctx *ctx, const transfer_error *error)
{
	bool is_set = getenv("DBUS_SESSION_BUS_ADDRESS") && *getenv("DBUS_SESSION_BUS_ADDRESS");
	const transfer_error *under = transfer_error_get_underlying(error);

	if (transfer_error_get_domain(error) != TRANSFER_DOMAIN_BUS ||
		transfer_error_get_code(error) != TRANSFER_BUS_ERROR_UNREACHABLE)
		return ctx_fail_error(ctx, NULL, error);
	if (ctx->options.is_system)
		return ctx_fail(ctx, EXIT_CODE_NO_DAEMON, "is D-Bus running?",
			"cannot reach transferd on the system bus: %s",
			transfer_error_get_message(under ? under : error));
	return ctx_fail(ctx, EXIT_CODE_NO_DAEMON,
		"run inside a login session, or use \"dbus-run-session\", or \"--system\".",
		"cannot reach transferd on the user bus: %s",
		is_set ? transfer_error_get_message(under ? under : error)
		       : "DBUS_SESSION_BUS_ADDRESS is not set");
}

int ctx_connect(struct ctx *ctx)
{
	transfer_auto(transfer_error) error = NULL;
	uint64_t flags = 0;

	if (ctx->manager)
		return 0;
	if (ctx->options.is_system)
		flags |= TRANSFER_CLIENT_SYSTEM;
	if (!ctx->can_start)
		flags |= TRANSFER_CLIENT_NO_AUTOSTART;
	if (transfer_manager_new(&ctx->manager, flags, &error))
		return ctx_fail_unreachable(ctx, error);
	return 0;
}
