/* SPDX-License-Identifier: MIT */
/*
 * Error objects: made once, then immutable. Names, texts and hints come from the lists of the public headers; what ipc
 * returns is translated here and nowhere else.
 */
#include "client-lib/error.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "client-lib/ref.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

struct transfer_error {
	struct ref ref;
	enum transfer_error_domain domain;
	int code;
	const char *name; /* static */
	const char *default_message; /* static */
	const char *default_hint; /* static */
	char *message, *hint, *failing_url, *bus_name;
	transfer_data *resume_data;
	transfer_error *underlying;
	int cancelled_reason; /* -1: it was not cancelled by transferd */
	int unavailable_reason; /* -1: none */
};

struct error_word {
	int code;
	const char *name, *text;
};

static transfer_error no_memory = {
	.cancelled_reason = -1,
	.unavailable_reason = -1,
	.domain = TRANSFER_DOMAIN_POSIX,
	.code = ENOMEM,
	.name = "ENOMEM",
	.default_message = "out of memory",
};

#define ERROR_WORD(symbol, number, name, text) { number, name, text },
static const struct error_word url_words[] = { TRANSFER_ERRORS(ERROR_WORD){ 0, NULL, NULL } };
static const struct error_word bus_words[] = { TRANSFER_BUS_ERRORS(ERROR_WORD){ 0, NULL, NULL } };

static const struct {
	enum transfer_error_domain domain;
	int code;
	const char *hint;
} hints[] = {
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_INSECURE_TRANSPORT,
		"use https, or allow plain http for this task or its session" },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE,
		"end the other program, or use another identifier" },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER,
		"the folder of the destination must exist and be writable" },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_BAD_URL,
		"give an absolute URL such as https://example.org/file" },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_UNSUPPORTED_URL,
		"https and http; sessions of a program speak data, file and ftp, too" },
	{ TRANSFER_DOMAIN_URL, TRANSFER_ERROR_CANNOT_CREATE_FILE,
		"choose another destination, or allow overwriting" },
	{ TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_UNREACHABLE,
		"run inside a login session, or use dbus-run-session" },
	{ TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NOT_RUNNING,
		"start it with: systemctl --user start transferd" },
	{ TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_SUCH_TASK,
		"finished tasks are kept for a time only; numbers are never reused" },
	{ TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_SPACE,
		"make room where transferd keeps its state; what is queued is kept" },
	{ TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION,
		"background sessions take downloads, and uploads of files, without completion handlers" },
};

/* IPC_E_… as errors of ours. What is not listed is FAILED. */
static const struct ipc_word {
	int r;
	int error_no;
	enum transfer_error_domain domain;
	int code;
} ipc_words[] = {
	{ IPC_E_NO_SUCH_SESSION, ENOENT, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_SUCH_SESSION },
	{ IPC_E_NO_SUCH_TASK, ENOENT, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_SUCH_TASK },
	{ IPC_E_SESSION_INVALID, ESTALE, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_SESSION_INVALID },
	{ IPC_E_ALREADY_ATTACHED, EBUSY, TRANSFER_DOMAIN_URL,
		TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE },
	{ IPC_E_NOT_ATTACHED, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NOT_ATTACHED },
	{ IPC_E_IDENTIFIER_IN_USE, EREMOTEIO, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_IDENTIFIER_IN_USE },
	{ IPC_E_NOT_SUPPORTED_IN_SESSION, EREMOTEIO, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION },
	{ IPC_E_INVALID_REQUEST, EREMOTEIO, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_INVALID_REQUEST },
	{ IPC_E_UNSUPPORTED_SCHEME, EREMOTEIO, TRANSFER_DOMAIN_URL,
		TRANSFER_ERROR_UNSUPPORTED_URL },
	{ IPC_E_INSECURE_TRANSPORT, EREMOTEIO, TRANSFER_DOMAIN_URL,
		TRANSFER_ERROR_INSECURE_TRANSPORT },
	{ IPC_E_LIMIT_REACHED, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_LIMIT_REACHED },
	{ IPC_E_QUOTA_EXCEEDED, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_QUOTA_EXCEEDED },
	{ IPC_E_STALE_CURSOR, ESTALE, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_STALE_CURSOR },
	{ IPC_E_TASK_FINISHED, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_TASK_FINISHED },
	{ IPC_E_NO_RESUME_DATA, ENODATA, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_RESUME_DATA },
	{ IPC_E_BUSY, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_BUSY },
	{ IPC_E_NO_SPACE, ENOSPC, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_SPACE },
	{ IPC_E_INVALID_ARGS, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_INVALID_ARGS },
	{ IPC_E_ACCESS_DENIED, EACCES, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_ACCESS_DENIED },
	{ IPC_E_LIMITS_EXCEEDED, EREMOTEIO, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_LIMITS_EXCEEDED },
	{ IPC_E_FILE_NOT_FOUND, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_FILE_NOT_FOUND },
	{ IPC_E_NO_MEMORY, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_MEMORY },
	{ IPC_E_UNKNOWN_OBJECT, ENOENT, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_SUCH_SESSION },
	{ IPC_E_SERVICE_UNKNOWN, ENOTCONN, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NOT_RUNNING },
	{ IPC_E_SPAWN_FAILED, ENOTCONN, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NOT_RUNNING },
	{ -ETIMEDOUT, ETIMEDOUT, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_REPLY },
	{ -ECONNRESET, ETIMEDOUT, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_NO_REPLY },
	{ -ENOTCONN, ENOTCONN, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_UNREACHABLE },
	{ -ECONNREFUSED, ENOTCONN, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_UNREACHABLE },
	{ -EBADMSG, EREMOTEIO, TRANSFER_DOMAIN_BUS, TRANSFER_BUS_ERROR_BAD_REPLY },
	{ -ENOMEM, ENOMEM, TRANSFER_DOMAIN_POSIX, ENOMEM },
	{ -EMSGSIZE, EMSGSIZE, TRANSFER_DOMAIN_POSIX, EMSGSIZE },
	{ -EMFILE, EMFILE, TRANSFER_DOMAIN_POSIX, EMFILE },
	{ -ENFILE, ENFILE, TRANSFER_DOMAIN_POSIX, ENFILE },
};

static const struct ipc_word *ipc_word(int r)
{
	static const struct ipc_word failed = { 0, EREMOTEIO, TRANSFER_DOMAIN_BUS,
		TRANSFER_BUS_ERROR_FAILED };

	for (size_t i = 0; i < sizeof(ipc_words) / sizeof(ipc_words[0]); i++) {
		if (ipc_words[i].r == r)
			return &ipc_words[i];
	}
	return &failed;
}

transfer_error *transfer_error_ref(const transfer_error *obj)
{
	transfer_error *error = (transfer_error *)obj;

	if (error && error != &no_memory)
		ref_get(&error->ref);
	return error;
}

void transfer_error_unref(transfer_error *obj)
{
	if (!obj || obj == &no_memory || !ref_put(&obj->ref))
		return;
	free(obj->message);
	free(obj->hint);
	free(obj->failing_url);
	free(obj->bus_name);
	transfer_data_unref(obj->resume_data);
	transfer_error_unref(obj->underlying);
	free(obj);
}

static void set_words(transfer_error *error, const struct error_word *words)
{
	for (; words->name && words->code != error->code; words++)
		;
	error->name = words->name ? words->name : "unknown";
	error->default_message = words->name ? words->text : "unknown error";
}

static void set_names(transfer_error *error)
{
	switch (error->domain) {
	case TRANSFER_DOMAIN_URL:
		set_words(error, url_words);
		break;
	case TRANSFER_DOMAIN_BUS:
		set_words(error, bus_words);
		break;
	case TRANSFER_DOMAIN_POSIX:
		error->name = strerrorname_np(error->code);
		error->default_message = strerrordesc_np(error->code);
		break;
	case TRANSFER_DOMAIN_LIBRARY:
		error->name = "library";
		error->default_message = "a library reported an error";
		break;
	}
	if (!error->name)
		error->name = "unknown";
	if (!error->default_message)
		error->default_message = "unknown error";
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (hints[i].domain == error->domain && hints[i].code == error->code)
			error->default_hint = hints[i].hint;
	}
}

/* NULL and "" stay NULL; false: no memory. */
static bool copy_text(char **to, const char *from)
{
	if (!from || !*from)
		return true;
	*to = strdup(from);
	return *to != NULL;
}

transfer_error *error_new(const struct error_init *init)
{
	transfer_error *error = calloc(1, sizeof(*error));

	if (!error) {
		transfer_data_unref(init->resume_data);
		transfer_error_unref(init->underlying);
		return &no_memory;
	}
	ref_init(&error->ref);
	error->domain = init->domain;
	error->code = init->code;
	error->resume_data = init->resume_data;
	error->underlying = init->underlying;
	error->cancelled_reason = init->has_cancelled_reason ? init->cancelled_reason : -1;
	error->unavailable_reason = init->has_unavailable_reason ? init->unavailable_reason : -1;
	set_names(error);
	if (!copy_text(&error->message, init->message) || !copy_text(&error->hint, init->hint) ||
		!copy_text(&error->failing_url, init->failing_url) ||
		!copy_text(&error->bus_name, init->bus_name)) {
		transfer_error_unref(error);
		return &no_memory;
	}
	return error;
}

transfer_error *transfer_error_new(
	enum transfer_error_domain domain, int code, const char *message, const char *failing_url)
{
	return error_new(&(struct error_init){
		.domain = domain,
		.code = code,
		.message = message && utf8_is_valid(message) ? message : NULL,
		.failing_url = failing_url && utf8_is_valid(failing_url) ? failing_url : NULL,
	});
}

transfer_error *error_new_errno(int error_no, const char *message)
{
	return error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_POSIX,
		.code = abs(error_no),
		.message = message,
	});
}

transfer_error *error_new_url(enum transfer_error_code code, const char *failing_url)
{
	return error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = (int)code,
		.failing_url = failing_url,
	});
}

transfer_error *error_new_bus(enum transfer_bus_error code)
{
	return error_new(&(struct error_init){ .domain = TRANSFER_DOMAIN_BUS, .code = (int)code });
}

transfer_error *error_new_ipc(int r, const char *bus_name, const char *text)
{
	const struct ipc_word *word = ipc_word(r);

	return error_new(&(struct error_init){
		.domain = word->domain,
		.code = word->code,
		.message = r > 0 && word->code != TRANSFER_BUS_ERROR_NOT_RUNNING ? text : NULL,
		.bus_name = bus_name ? bus_name
			: r > 0      ? ipc_error_name(r)
				     : NULL,
	});
}

/* What stands behind the error of a task: an errno, or the number and words of a library. */
static transfer_error *underlying_of(const struct ipc_error *error)
{
	if (error->has_os_errno && error->os_errno > 0)
		return error_new_errno(error->os_errno, error->detail);
	if (error->has_library_code && error->library_code) {
		return error_new(&(struct error_init){
			.domain = TRANSFER_DOMAIN_LIBRARY,
			.code = error->library_code,
			.message = error->detail,
		});
	}
	return NULL;
}

transfer_error *error_new_task(const struct ipc_error *error)
{
	if (!error || !error->has_code || !error->code)
		return NULL;
	return error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = error->code,
		.message = error->detail,
		.failing_url = error->failing_url,
		.resume_data = error->resume_data
			? transfer_data_new_copy(error->resume_data, error->n_resume_data)
			: NULL,
		.underlying = underlying_of(error),
		.has_cancelled_reason = error->has_cancelled_reason,
		.cancelled_reason = error->cancelled_reason,
	});
}

int error_to_errno(int r)
{
	return r ? -ipc_word(r)->error_no : 0;
}

int error_give(int r, transfer_error *error, transfer_error **ret_error)
{
	if (ret_error)
		*ret_error = error;
	else
		transfer_error_unref(error);
	return r;
}

int error_give_ipc(int r, const struct ipc_exchange *exchange, transfer_error **ret_error)
{
	if (!r)
		return 0;
	return error_give(
		error_to_errno(r), error_new_ipc(r, exchange->name, exchange->text), ret_error);
}

enum transfer_error_domain transfer_error_get_domain(const transfer_error *error)
{
	return error->domain;
}

int transfer_error_get_code(const transfer_error *error)
{
	return error->code;
}

const char *transfer_error_get_name(const transfer_error *error)
{
	return error->name;
}

const char *transfer_error_get_message(const transfer_error *error)
{
	return error->message ? error->message : error->default_message;
}

const char *transfer_error_get_hint(const transfer_error *error)
{
	return error->hint ? error->hint : error->default_hint;
}

const char *transfer_error_get_failing_url(const transfer_error *error)
{
	return error->failing_url;
}

const char *transfer_error_get_bus_name(const transfer_error *error)
{
	return error->bus_name;
}

const transfer_data *transfer_error_get_resume_data(const transfer_error *error)
{
	return error->resume_data;
}

int transfer_error_get_cancelled_reason(const transfer_error *error)
{
	return error->cancelled_reason;
}

int transfer_error_get_unavailable_reason(const transfer_error *error)
{
	return error->unavailable_reason;
}

const transfer_error *transfer_error_get_underlying(const transfer_error *error)
{
	return error->underlying;
}
