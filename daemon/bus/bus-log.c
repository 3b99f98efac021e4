/* SPDX-License-Identifier: MIT */
/* org.freedesktop.LogControl1: systemctl service-log-level. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/bus/bus-private.h"

static const char *target(void)
{
	return getenv("JOURNAL_STREAM") ? "journal" : "console";
}

static int get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_log_control1_properties *ret)
{
	(void)call;
	(void)user;
	(void)path;
	(void)wanted;
	ret->log_level = log_level_name(log_get_level());
	ret->log_target = target();
	ret->syslog_identifier = "transferd";
	return 0;
}

static int set_log_level(struct ipc_call *call, void *user, const char *value)
{
	static const char *const graver[] = { "emerg", "alert", "crit" };
	enum log_level level;

	(void)user;
	for (size_t i = 0; i < sizeof(graver) / sizeof(graver[0]); i++)
		if (strcmp(value, graver[i]) == 0)
			value = "err";
	if (log_level_parse(value, &level))
		return ipc_call_error(call, IPC_E_INVALID_ARGS, "no such level");
	log_set_level(level);
	return 0;
}

static int set_log_target(struct ipc_call *call, void *user, const char *value)
{
	(void)user;
	if (strcmp(value, target()) == 0 || strcmp(value, "auto") == 0)
		return 0;
	return ipc_call_error(
		call, IPC_E_INVALID_ARGS, "the log goes to stderr, which is the %s", target());
}

const struct ipc_log_control1_ops bus_log_ops = {
	.get = get,
	.set_log_level = set_log_level,
	.set_log_target = set_log_target,
};
