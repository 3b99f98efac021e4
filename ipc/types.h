/* SPDX-License-Identifier: MIT */
/*
 * The words of ipc that carry no libdbus type: object paths, errors and access classes. What travels in
 * messages is in the generated ipc/proto.h, which includes this file.
 */
#ifndef IPC_TYPES_H
#define IPC_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define IPC_NAME      "org.transferd.Transfer1"
#define IPC_ROOT_PATH "/org/transferd/Transfer1"
#define IPC_LOG_PATH  "/org/freedesktop/LogControl1"

/*
 * Limits of one call; a larger one is answered with LimitReached, it does not cost the connection (a limit of
 * libdbus would). Measured: a thousand requests with headers, destination and checksum are 0.6 MB, with 4 KiB of
 * userdata each 4.8 MB.
 */
#define IPC_MAX_FDS           16
#define IPC_MAX_MESSAGE_BYTES (8u << 20)
/* Children that Introspect and GetManagedObjects list. */
#define IPC_MAX_CHILDREN      1000
/* Rows of one Events signal. */
#define IPC_MAX_BATCH         256
/* What a client implements that takes events in files. */
#define IPC_EVENTS_FILE       "EventsFile"

/* An object of ours: {0, 0} the root, {7, 0} session 7, {7, 412} its task 412. Paths are made from numbers only. */
struct ipc_path {
	uint64_t session, task;
};

/* Formats into buf; IPC_PATH_BYTES are enough for every path. */
#define IPC_PATH_BYTES 96
const char *ipc_path_format(struct ipc_path path, char *buf, size_t size);
/* 0, or -EINVAL when text is no path of ours. */
int ipc_path_parse(const char *text, struct ipc_path *ret_path);

/* X(symbol, D-Bus error name). The XML's Error annotations use the last part of the name. */
#define IPC_ERRORS(X) \
	X(NO_SUCH_SESSION, IPC_NAME ".Error.NoSuchSession") \
	X(NO_SUCH_TASK, IPC_NAME ".Error.NoSuchTask") \
	X(NO_SUCH_QUESTION, IPC_NAME ".Error.NoSuchQuestion") \
	X(ALREADY_ANSWERED, IPC_NAME ".Error.AlreadyAnswered") \
	X(SESSION_INVALID, IPC_NAME ".Error.SessionInvalid") \
	X(ALREADY_ATTACHED, IPC_NAME ".Error.AlreadyAttached") \
	X(NOT_ATTACHED, IPC_NAME ".Error.NotAttached") \
	X(IDENTIFIER_IN_USE, IPC_NAME ".Error.IdentifierInUse") \
	X(NOT_SUPPORTED_IN_SESSION, IPC_NAME ".Error.NotSupportedInSession") \
	X(INVALID_REQUEST, IPC_NAME ".Error.InvalidRequest") \
	X(UNSUPPORTED_SCHEME, IPC_NAME ".Error.UnsupportedScheme") \
	X(INSECURE_TRANSPORT, IPC_NAME ".Error.InsecureTransport") \
	X(LIMIT_REACHED, IPC_NAME ".Error.LimitReached") \
	X(QUOTA_EXCEEDED, IPC_NAME ".Error.QuotaExceeded") \
	X(STALE_CURSOR, IPC_NAME ".Error.StaleCursor") \
	X(TASK_FINISHED, IPC_NAME ".Error.TaskFinished") \
	X(NO_RESUME_DATA, IPC_NAME ".Error.NoResumeData") \
	X(BUSY, IPC_NAME ".Error.Busy") \
	X(NO_SPACE, IPC_NAME ".Error.NoSpace") \
	X(FAILED, "org.freedesktop.DBus.Error.Failed") \
	X(INVALID_ARGS, "org.freedesktop.DBus.Error.InvalidArgs") \
	X(ACCESS_DENIED, "org.freedesktop.DBus.Error.AccessDenied") \
	X(LIMITS_EXCEEDED, "org.freedesktop.DBus.Error.LimitsExceeded") \
	X(FILE_NOT_FOUND, "org.freedesktop.DBus.Error.FileNotFound") \
	X(NO_MEMORY, "org.freedesktop.DBus.Error.NoMemory") \
	X(NOT_SUPPORTED, "org.freedesktop.DBus.Error.NotSupported") \
	X(UNKNOWN_METHOD, "org.freedesktop.DBus.Error.UnknownMethod") \
	X(UNKNOWN_OBJECT, "org.freedesktop.DBus.Error.UnknownObject") \
	X(UNKNOWN_INTERFACE, "org.freedesktop.DBus.Error.UnknownInterface") \
	X(UNKNOWN_PROPERTY, "org.freedesktop.DBus.Error.UnknownProperty") \
	X(PROPERTY_READ_ONLY, "org.freedesktop.DBus.Error.PropertyReadOnly") \
	X(SERVICE_UNKNOWN, "org.freedesktop.DBus.Error.ServiceUnknown") \
	X(SPAWN_FAILED, "org.freedesktop.DBus.Error.Spawn.ExecFailed")

/* Positive outcomes of everything in ipc; IPC_DEFERRED only from handlers. */
enum ipc_e {
	IPC_DEFERRED = 1,
#define IPC_ERROR_ENUM(symbol, name) IPC_E_##symbol,
	IPC_ERRORS(IPC_ERROR_ENUM)
#undef IPC_ERROR_ENUM
};

/* The D-Bus name of a positive error, or of a negative errno (NoMemory, Failed). */
const char *ipc_error_name(int r);
/* The other way: IPC_E_…; names that are not in the list are IPC_E_FAILED. */
int ipc_error_from_name(const char *name);

/* Who may call: anyone of the bus, the session's owner, or who may administer the daemon. */
enum ipc_access {
	IPC_ACCESS_ANY,
	IPC_ACCESS_OWNER,
	IPC_ACCESS_ADMIN,
};

#endif
