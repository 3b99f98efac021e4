/* SPDX-License-Identifier: MIT */
/* LogControl1, as systemctl service-log-level uses it. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include "base/log.h"

/* systemctl's way: a process of its own, while this one serves. */
static int ask(struct rig *rig, const char *verb, const char *value, char **ret_text)
{
	const char *argv[] = { "busctl", NULL, verb, IPC_NAME, "/org/freedesktop/LogControl1",
		"org.freedesktop.LogControl1", "LogLevel", value ? "s" : NULL, value, NULL };
	struct proc_config config = { .argv = argv };
	char address[256];
	struct proc *proc;
	char *output;
	int status;

	snprintf(address, sizeof(address), "--address=%s", getenv("DBUS_SESSION_BUS_ADDRESS"));
	argv[1] = address;
	config.output = output = tmpdir_path("output");
	ck_ok(proc_start(&config, &proc));
	while (proc_wait(proc, 0, &status))
		rig_settle(rig);
	proc_free(proc);
	if (ret_text)
		*ret_text = tmpdir_read(output);
	free(output);
	return status;
}

START_TEST(tells_and_sets_the_level)
{
	struct rig *rig = rig_new();
	char *text;

	log_set_level(LOG_LEVEL_INFO);
	ck_assert_int_eq(ask(rig, "get-property", NULL, &text), 0);
	ck_assert_ptr_nonnull(strstr(text, "\"info\""));
	ck_assert_int_eq(ask(rig, "set-property", "debug", NULL), 0);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	ck_assert_int_eq(ask(rig, "set-property", "emerg", NULL), 0);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_ERROR);
	ck_assert_int_ne(ask(rig, "set-property", "loud", NULL), 0);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_ERROR);
	free(text);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/bus/bus-log", TEST(tells_and_sets_the_level))
